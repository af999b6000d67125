import Answering
import Configuration
import Geography
import Platform
import Routing
import State

/// Answers the questions of a plan.
struct ChangeJudge {
    typealias Answer = (failures: [String], detail: String)

    let change: Plan.Change
    let new: Snapshot
    let limits: Configuration.PlanLimits
    let difference: ImageDifference

    init(_ change: Plan.Change, _ new: Snapshot, _ limits: Configuration.PlanLimits) {
        self.change = change
        self.new = new
        self.limits = limits
        difference = ImageDifference(from: change.old, to: new, traffic: change.traffic, countsAll: true)
    }

    // MARK: - Coverage

    /// Whether each service answers each country in all address families that it has. Missing answers that were
    /// missing before are not failures.
    var coverage: Answer {
        var failures: [String] = []
        var unanswered: Set<String> = []
        var countries: Set<ImageDifference.Country> = []
        for route in difference.routes {
            let before = route.old.map { Families(change.old, $0) }
            let after = Families(self.new, route.new)
            var lost: [Family: Set<String>] = [:]
            for (oldList, newList, country, amount) in route.comparison.clients(nil).clients where !amount.isZero {
                if country.country != nil { countries.insert(country) }
                let name = country.country ?? "unknown places"
                let given = after.given(by: newList)
                // A new service must answer everywhere.
                for family in before?.given(by: oldList) ?? after.all where !given.contains(family) {
                    lost[family, default: []].insert(name)
                }
                if !after.all.isSubset(of: given),
                    before.map({ !after.all.isSubset(of: $0.given(by: oldList)) }) ?? false
                {
                    unanswered.insert("\(route.new.name) in \(name)")
                }
            }
            for (family, places) in lost.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                failures.append(
                    "service \(route.new.name) \(before == nil ? "does" : "would") not answer with \(family.rawValue) in \(Self.list(places))"
                        + (before == nil ? "" : " any more"))
            }
        }
        for rebinding in difference.names.rebindings where rebinding.new == nil {
            failures.append("\(Self.list(Set(rebinding.names))) would have no service any more")
        }
        let known = unanswered.isEmpty ? "" : "; as before, there is no answer for \(Self.list(unanswered))"
        return (failures, "nothing is lost in \(countries.count) countries\(known)")
    }

    private enum Family: String { case ipv4 = "A", ipv6 = "AAAA" }

    /// The address families of a service, and those that clients of a list get.
    private struct Families {
        private let lists: PreferenceListTable
        private let spread: Int
        /// The families of each datacenter.
        private let families: [Set<Family>]
        let all: Set<Family>

        init(_ snapshot: Snapshot, _ service: ServiceInUse) {
            lists = snapshot.maps[service.map].lists
            spread = service.spread
            let bound = snapshot.answers.services.buffer.first {
                snapshot.serviceNames[Int($0.service)] == service.name
            }!
            families = snapshot.datacenterNames.indices.map { datacenter in
                let counts = snapshot.answers.addressCounts(bound, datacenter)
                return Set((counts.ipv4 > 0 ? [.ipv4] : []) + (counts.ipv6 > 0 ? [.ipv6] : []))
            }
            all = families.reduce(into: []) { $0.formUnion($1) }
        }

        /// Returns the families that all clients of a list get.
        func given(by list: UInt32) -> Set<Family> {
            all.filter { family in
                lists.alwaysAnswers(list, datacentersInAnswer: spread) { families[$0].contains(family) }
            }
        }
    }

    // MARK: - Capacity

    /// Whether each datacenter has capacity for its clients at the peak, with all up and with any one away.
    var capacity: Answer {
        guard let sites = change.configuration?.datacenters, sites.contains(where: { $0.capacity != nil }) else {
            return ([], "no datacenter has a capacity")
        }
        let capacities = Dictionary(sites.map { ($0.name, $0.capacity ?? 1) }) { first, _ in first }
        let names = new.datacenterNames
        let all = names.reduce(0) { $0 + (capacities[$1] ?? 1) }
        let source =
            change.traffic.map { $0.isByCountry ? "by the agent's counters" : "by hits" }
            ?? "by numbers of addresses, since no traffic was given"
        var failures: [String] = []
        var fullest = (part: 0.0, name: "")
        // Clients without another datacenter are no load for others while theirs is away, so the sum is computed
        // once.
        let sum = load(without: nil).reduce(0, +)
        guard sum > 0 || change.traffic == nil else {
            return (["no hit belongs to a service that both sides have, so the load is unknown"], "")
        }
        for away in [nil] + names.indices.map(Optional.some) {
            let load = load(without: away)
            guard sum > 0 else { continue }
            for (datacenter, load) in load.enumerated() where datacenter != away {
                let part = load / sum * all * Double(limits.peak) / 100 / (capacities[names[datacenter]] ?? 1)
                if away == nil, part > fullest.part { fullest = (part, names[datacenter]) }
                guard part > 1 + 1e-9 else { continue }
                let when = away.map { " while \(names[$0]) is away" } ?? ""
                failures.append("\(names[datacenter]) would get \(Int(nearest: part * 100))% of its capacity\(when)")
            }
        }
        return (
            failures.map { "\($0), \(source)" },
            "at a peak of \(limits.peak)% of the capacity the fullest is \(fullest.name) with \(Int(nearest: fullest.part * 100))%, \(source)"
        )
    }

    /// Returns the load of each datacenter, in hits or addresses.
    private func load(without away: Datacenter?) -> [Double] {
        var load = [Double](repeating: 0, count: new.datacenterNames.count)
        for route in difference.routes {
            let service = route.new
            let lists = new.maps[service.map].lists
            var known: [UInt32: [Datacenter: Double]] = [:]
            func add(_ list: UInt32, _ amount: Double) {
                let parts =
                    known[list]
                    ?? (away.map { lists.parts(of: list, datacentersInAnswer: service.spread, without: $0) }
                        ?? lists.parts(of: list, datacentersInAnswer: service.spread))
                known[list] = parts
                for (datacenter, part) in parts { load[datacenter] += amount * part }
            }
            let hasTraffic = change.traffic != nil
            for (_, list, country, amount) in route.comparison.clients(route.traffic).clients {
                if hasTraffic { add(list, amount.hits) } else if country.country != nil { add(list, amount.ipv4) }
            }
        }
        return load
    }

    // MARK: - What changes

    /// Whether the part of the clients that move is within the limit.
    var moves: Answer {
        var failures: [String] = []
        var largest = (part: 0.0, words: "no client moves")
        for service in difference.services {
            let (part, what) =
                difference.hasTraffic && service.hits > 0
                ? (service.moved.hits / service.hits, "of the traffic")
                : (max(service.moved.ipv4 / 0x1p32, difference.ipv6Share(service.moved)), "of the addresses")
            let words = "\(Self.percent(part)) \(what) of service \(service.name) would be sent elsewhere"
            if part * 100 > Double(limits.move) + 1e-9 {
                failures.append("\(words), and at most \(limits.move)% may")
            }
            if part > largest.part { largest = (part, words) }
        }
        for rebinding in difference.names.rebindings where rebinding.old == nil || rebinding.new == nil {
            let change =
                rebinding.old.map { "service \($0) to records of their own" }
                ?? "records of their own to service \(rebinding.new!)"
            failures.append("all clients of \(Self.list(Set(rebinding.names))) would go from \(change)")
        }
        return (failures, largest.words)
    }

    /// Whether the part of the names that change is within the limit.
    var names: Answer {
        let names = difference.names
        let count = names.added + names.removed + names.changed
        let part = Double(count) / Double(max(1, names.oldCount))
        let words = "\(count) of \(names.oldCount) names would be added, removed or changed"
        let isMuch = part * 100 > Double(limits.names) + 1e-9
        return (isMuch ? ["\(words), and at most \(limits.names)% may"] : [], words)
    }

    /// The zones whose NS or SOA records change, but were not named.
    var apexes: [String] {
        let named = change.namedApexes
        return difference.names.changedApexes.filter { !named.contains($0) }.map {
            "NS or SOA of \($0) would change; name it with --apex \($0) if it is to"
        }
            + difference.names.removedZones.filter { !named.contains($0) }.map {
                "the zone \($0) would be gone; name it with --apex \($0) if it is to"
            }
    }

    /// Whether the datacenters that gain clients are up and not drained, as far as the agent knows.
    var destinations: Answer {
        let serving = Serving(new, switches: change.switches, health: change.health, at: change.time)
        var failures: [String] = []
        for (service, route) in zip(difference.services, difference.routes) {
            guard let number = new.serviceNames.firstIndex(of: route.new.name) else { continue }
            let forced = serving.forced(forService: number)
            let health = new.checkedServices[number]?.datacenters(forced: forced) { serving.down[$0] != nil }
            for name in Set(service.moves.compactMap(\.to)).sorted() {
                guard let datacenter = new.datacenterNames.firstIndex(of: name) else { continue }
                // A partial drain does not count: the datacenter still takes clients.
                let drain = serving.switches(ofService: route.new.name).first { entry in
                    entry.action == .drain && entry.datacenter == name && entry.share == 100
                        && (entry.areas.isEmpty
                            || service.countries.contains { country, moves in
                                moves.contains { $0.to == name } && entry.areas.contains { country.touches($0) }
                            })
                }
                if let drain {
                    failures.append("\(name) would get more clients of \(service.name), and is \(drain.words)")
                } else if let health = health?[datacenter], !health.stateWords.isEmpty {
                    failures.append(
                        "\(name) would get more clients of \(service.name), and there \(health.up) of \(health.addresses) addresses are up"
                    )
                }
            }
        }
        let unchecked = uncheckedAddresses
        let limit = unchecked.isEmpty ? "" : ", as far as is known; never checked: \(Self.list(unchecked))"
        return (failures, "all datacenters that would get more clients are up and not drained" + limit)
    }

    /// The addresses with checks but without a result yet, in words.
    private var uncheckedAddresses: Set<String> {
        let unknown = new.healthTargets.filter {
            change.health?.states[$0.identity]?.isKnown(at: change.time) != true
        }
        return Set(unknown.flatMap(\.uses).map { "\($0.address) of \($0.datacenter) (service \($0.service))" })
    }

    /// Whether the safety rules hold with the switches that are in force.
    var safety: Answer {
        guard let configuration = change.configuration,
            configuration.safety.inUse != nil || configuration.safety.capacity != nil
        else { return ([], "there are no safety rules") }
        let failures = configuration.breaches(from: [], to: change.switches).map(\.words)
        return (failures, "all hold with the switches in force")
    }

    /// Whether resolvers keep old answers only for an acceptable time.
    var ttl: Answer {
        var longest = (seconds: 0, service: "")
        for (service, route) in zip(difference.services, difference.routes) where !service.moves.isEmpty {
            let seconds = change.old.longestTTL(ofService: route.old?.name ?? service.name)
            if seconds > longest.seconds { longest = (seconds, service.name) }
        }
        guard longest.seconds > 0 else { return ([], "no client moves") }
        let words =
            "resolvers may answer as before for \(longest.seconds) s after the change (service \(longest.service))"
        let isLong = longest.seconds > limits.oldTTL
        return (
            isLong ? ["\(words), and at most \(limits.oldTTL) s is allowed; lower the ttl in advance"] : [], words
        )
    }

    private static func list(_ words: Set<String>) -> String {
        let sorted = words.sorted()
        return sorted.prefix(8).joined(separator: ", ") + (sorted.count > 8 ? " and \(sorted.count - 8) more" : "")
    }

    private static func percent(_ part: Double) -> String {
        let tenths = Int(nearest: part * 1000)
        return part > 0 && tenths == 0 ? "less than 0.1%" : "\(tenths / 10).\(tenths % 10)%"
    }
}

extension ImageDifference.Country {
    /// Returns whether clients of the country may be in an area.
    fileprivate func touches(_ area: Area) -> Bool {
        switch area {
        case .continent(let code): code.description == continent
        case .country(let code): code.description == country
        case .subdivision(let code): code.country.description == country
        }
    }
}

extension Snapshot {
    /// Returns the longest TTL of a service's records, in seconds; 0 if it has none.
    fileprivate func longestTTL(ofService name: String) -> Int {
        withExtendedLifetime(self) {
            var longest = 0
            for service in answers.services.buffer where serviceNames[Int(service.service)] == name {
                for datacenter in datacenterNames.indices {
                    answers.forEachTail(service, datacenter) { tail in
                        let fields = tail.split(separator: UInt8(ascii: "\t"))
                        guard fields.count > 2, let ttl = Int(String(decoding: fields[2], as: UTF8.self)) else {
                            return
                        }
                        longest = max(longest, ttl)
                    }
                }
            }
            return longest
        }
    }
}
