import Configuration
import Image

extension Configuration {
    /// Returns the safety rules that a change of the switches breaks: see `SafetyRules.breaches`.
    public func breaches(from before: [Switch], to after: [Switch]) -> [SafetyBreach] {
        SafetyRules(self).breaches(from: before, to: after)
    }
}

extension SafetyRules {
    /// Makes the rules of a configuration.
    public init(_ configuration: Configuration) {
        self.init()
        (inUse, capacity) = (configuration.safety.inUse, configuration.safety.capacity)
        guard !isEmpty else { return }
        datacenters = configuration.datacenters.map { Datacenter(name: $0.name, capacity: $0.capacity ?? 1) }
        reached = configuration.datacentersInUse(byService: nil).sorted()
        for service in configuration.services where configuration.maps.indices.contains(service.map) {
            // The first of two services with the same name counts.
            if reachedByService[service.name] == nil {
                reachedByService[service.name] = configuration.reach(of: service)
            }
        }
    }

    /// Returns the rules that a change of the switches breaks, for all services together and for each service with a
    /// drain of its own. A rule that was broken before counts only if the change makes it worse.
    ///
    /// A datacenter that is drained only for some places counts as in use.
    public func breaches(from before: [Switch], to after: [Switch]) -> [SafetyBreach] {
        guard !isEmpty else { return [] }
        var named: [String] = []
        for entry in after where entry.action == .drain {
            if let service = entry.service, !named.contains(service) { named.append(service) }
        }
        return ([nil] + named).flatMap { service in
            let (before, after) = (use(service, before), use(service, after))
            let words = service.map { " for service \($0)" } ?? ""
            var breaches: [SafetyBreach] = []
            if let least = inUse, after.names.count < least, after.names.count < before.names.count {
                let names = after.names.isEmpty ? "" : " (\(after.names.joined(separator: ", ")))"
                breaches.append(
                    SafetyBreach(
                        rule: .inUse,
                        words:
                            "safety rule in_use: \(least)\(words): \(after.names.count) of \(after.count) datacenters would stay in use\(names)"
                    ))
            }
            if let least = capacity, after.percent < Double(least) - 1e-9, after.percent < before.percent {
                breaches.append(
                    SafetyBreach(
                        rule: .capacity,
                        words:
                            "safety rule capacity: \(least)%\(words): \(Int(after.percent))% of the capacity would stay in use"
                    ))
            }
            return breaches
        }
    }

    /// Returns the datacenters and the capacity in use, of one service or of all together.
    private func use(_ service: String?, _ switches: [Switch]) -> (names: [String], count: Int, percent: Double) {
        let numbers = service.map { reachedByService[$0] ?? [] } ?? reached
        var names: [String] = []
        var (open, all) = (0.0, 0.0)
        for datacenter in numbers.map({ datacenters[$0] }) {
            let drained =
                switches.filter {
                    $0.action == .drain && $0.datacenter == datacenter.name && $0.areas.isEmpty
                        && ($0.service == nil || $0.service == service)
                }.map(\.share).max() ?? 0
            all += datacenter.capacity
            open += datacenter.capacity * Double(100 - drained) / 100
            if drained < 100 { names.append(datacenter.name) }
        }
        return (names, numbers.count, all > 0 ? 100 * open / all : 100)
    }
}
