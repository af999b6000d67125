import State

extension Rollout {
    /// The number of refused questions below which the refusal rate of the new side is ignored.
    private static let leastRefusals = 20

    /// Returns the reason to abort the rollout automatically; `nil` if there is none, or no client gets the new
    /// image.
    ///
    /// - Parameters:
    ///   - tally: the sum of the counts of all coprocesses.
    ///   - down: the targets of addresses that are down.
    ///   - switches: those in force.
    package func reasonToAbort(
        _ tally: RolloutTotals, new: Snapshot, down: Set<String>, switches: [Switch]
    ) -> String? {
        guard isRunning, part != .dark else { return nil }
        let (before, after) = (tally.old.refusedPart * 100, tally.new.refusedPart * 100)
        if tally.new.refused >= Self.leastRefusals, after > before + Double(refusalLimit) {
            return
                "the new side has had no record for \(tally.new.refused) of \(tally.new.answered + tally.new.refused) questions, which is \(refusalLimit) of 100 more than the old side"
        }
        let fallen = new.datacentersDown(down, switches).filter { !self.down.contains($0) }
        return fallen.first.map { fallen in
            let names = fallen.split(separator: "/", maxSplits: 1)
            return "datacenter \(names.last!) is down for service \(names.first!)"
        }
    }
}

extension Snapshot {
    /// Returns the datacenters that are down for a service although no switch excludes them, as `SERVICE/DATACENTER`.
    package func datacentersDown(_ down: Set<String>, _ switches: [Switch]) -> [String] {
        zip(serviceNames, checkedServices).flatMap { service, checked -> [String] in
            guard let checked else { return [] }
            let own = switches.filter { ($0.service ?? service) == service }
            return checked.datacenters(down.contains).enumerated().compactMap { number, health in
                let name = datacenterNames[number]
                let isAway = own.contains {
                    $0.datacenter == name && ($0.action == .force || $0.share == 100 && $0.areas.isEmpty)
                }
                return health.isUp || isAway || !checked.checks(number) ? nil : "\(service)/\(name)"
            }
        }
    }
}
