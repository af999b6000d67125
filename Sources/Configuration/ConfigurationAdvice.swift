import DNS
import Geography
import Routing

/// Where things were written of which advice is given.
struct Sites {
    typealias Position = Diagnostic.Position

    /// By number.
    var datacenters: [Position?] = []
    /// By number.
    var maps: [Position?] = []
    var regions: [(name: String, position: Position?)] = []
    var usedRegions: Set<String> = []
    /// By number.
    var services: [Service] = []
    /// The countries of the map that is being read.
    var countries: [(code: PlaceCode, position: Position?)] = []

    /// A service and its fields.
    struct Service {
        var position: Position?
        var fields: YAMLReader.Fields
    }
}

extension ConfigurationParser {
    /// What a TTL may be for a fail-over to be one, in seconds.
    private static let longestFailoverTTL: UInt32 = 300

    /// Says what works, but hardly as it was meant, once all is read.
    func advise() {
        for service in configuration.services.indices {
            adviseOfVaryingTypes(service)
            adviseOfTTL(service)
            adviseOfIdleSettings(service)
        }
        adviseOfPaces()
        adviseOfUnused()
        adviseOfCapacities()
        adviseOfSingleDatacenters()
        adviseOfSerials()
    }

    /// Warns of zones that have the serial of their file, which does not move with what is laid over the file.
    private func adviseOfSerials() {
        for zone in configuration.zoneSources
        where zone.file != nil && !zone.records.contains(where: { $0.type == .soa }) {
            guard !zone.services.isEmpty || zone.records.contains(where: { $0.type != .ns }) else { continue }
            reader.advise(
                zone.filePosition,
                "zone \(zone.apex) has the serial of its file, which does not grow when its records and services here change, so that no secondary transfers them; write soa: without a serial, or raise the file's serial with each change"
            )
        }
    }

    // MARK: Absence of records

    /// What an answer without a record does behind a shared resolver.
    private static let absence =
        "a resolver that sends client subnets may keep their empty answer for all its clients, which get no record then for the zone's negative TTL"

    /// Warns of a rule that sends clients nowhere.
    func adviseOfNowhere(_ position: Diagnostic.Position?, _ what: String) {
        reader.advise(
            position,
            "\(what) is none, and its clients get no record: \(Self.absence); send them to a datacenter whose address refuses connections"
        )
    }

    /// Warns of the rules of a networks file that send clients nowhere.
    func adviseOfNowhere(_ count: Int, _ position: Diagnostic.Position?, _ file: String) {
        guard count > 0 else { return }
        reader.advise(
            position,
            "\(count == 1 ? "1 network" : "\(count) networks") of \(file) \(count == 1 ? "is" : "are") sent to none, and get no record: \(Self.absence); send them to a datacenter whose address refuses connections"
        )
    }

    private func adviseOfVaryingTypes(_ number: Int) {
        let service = configuration.services[number]
        let site = sites.services[number]
        if !service.answersWhenAllDown {
            reader.advise(
                site.fields["when_all_down"]?.value.position,
                "with when_all_down: nothing, clients get no record while nothing on their list is available: \(Self.absence), even when something is up again; write when_all_down: answer"
            )
        }
        guard configuration.maps.indices.contains(service.map), site.fields["map"] != nil else { return }
        let reached = configuration.reach(of: service).filter {
            service.answers.indices.contains($0) && !service.answers[$0].isEmpty
        }
        let types = reached.map { Set(service.answers[$0].map(\.type)) }
        let all = types.reduce(into: Set()) { $0.formUnion($1) }
        let differences = all.map(\.description).sorted().compactMap { type -> String? in
            let lacking = zip(reached, types).filter { !$0.1.contains { $0.description == type } }
                .map { configuration.datacenters[$0.0].name }
            return lacking.isEmpty ? nil : "no \(type) in \(shortened(lacking))"
        }
        guard !differences.isEmpty else { return }
        reader.advise(
            site.fields["answers"]?.keyPosition,
            "service \(service.name) has other types of records in some datacenters (\(differences.joined(separator: ", "))): \(Self.absence); write the same types in all"
        )
    }

    // MARK: Health

    private func adviseOfTTL(_ number: Int) {
        let service = configuration.services[number]
        let fields = sites.services[number].fields
        guard !service.checks.isEmpty else { return }
        if let ttl = service.ttl {
            guard ttl > Self.longestFailoverTTL else { return }
            reader.advise(
                fields["ttl"]?.value.position,
                "service \(service.name) has a check and a TTL of \(ttl) s: resolvers keep what is down, and a fail-over takes up to \(duration(ttl)); write ttl: 60"
            )
            return
        }
        // Without errors there are all zones; with errors there may be none.
        let zones = configuration.zones.filter { $0.services.contains(number) }
        guard let zone = zones.max(by: { $0.defaultTTL < $1.defaultTTL }), zone.defaultTTL > Self.longestFailoverTTL
        else { return }
        reader.advise(
            fields["check"]?.keyPosition,
            "service \(service.name) has a check and no ttl, and that of zone \(zone.apex) is \(zone.defaultTTL) s: resolvers keep what is down, and a fail-over takes up to \(duration(zone.defaultTTL)); write ttl: 60 in the service"
        )
    }

    /// Warns of services that check the same at different paces, of which the first counts.
    private func adviseOfPaces() {
        var first: [String: (service: Int, check: HealthCheck)] = [:]
        for (number, service) in configuration.services.enumerated() {
            var told: Set<Int> = []
            for check in service.checks {
                for answer in service.checkedAnswers where answer.isAddress {
                    let target = check.target(answer.content.text)
                    guard let (other, before) = first[target] else {
                        first[target] = (number, check)
                        continue
                    }
                    guard other != number, pace(before) != pace(check), told.insert(other).inserted else { continue }
                    reader.advise(
                        sites.services[number].fields["check"]?.keyPosition,
                        "services \(configuration.services[other].name) and \(service.name) both check \(target), at different paces, and that of \(configuration.services[other].name) counts (\(pace(before))); write the same interval, timeout, rise and fall in both"
                    )
                }
            }
        }
    }

    private func pace(_ check: HealthCheck) -> String {
        "interval \(check.interval), timeout \(check.timeout), rise \(check.rise), fall \(check.fall)"
    }

    /// Notes rules of which the clients have nowhere to go when their only datacenter is down.
    private func adviseOfSingleDatacenters() {
        for (number, map) in configuration.maps.enumerated() {
            let services = configuration.services.filter { $0.map == number }
            guard services.contains(where: { !$0.checks.isEmpty }), map.datacenters.count > 1 else { continue }
            let single = map.datacenters.sorted().compactMap { datacenter -> String? in
                let rules = map.rules.rules { configuration.reach(of: $0, for: services) == [datacenter] }
                return rules.isEmpty ? nil : "\(configuration.datacenters[datacenter].name) for \(shortened(rules))"
            }
            guard !single.isEmpty else { continue }
            reader.advise(
                sites.maps[number],
                "map \(map.name) has rules with a single datacenter, which cannot fail over: \(single.joined(separator: "; "))"
                    .replacing("; ", with: ", and "), .note)
        }
    }

    // MARK: Spreading

    /// Warns if some of the datacenters over which clients are spread have a capacity and others have none.
    private func adviseOfCapacities() {
        let datacenters = configuration.datacenters
        guard configuration.maps.contains(where: \.rules.spreads),
            datacenters.contains(where: { $0.capacity != nil }),
            let missing = datacenters.firstIndex(where: { $0.capacity == nil })
        else { return }
        reader.advise(
            sites.datacenters[missing],
            "datacenter \(datacenters[missing].name) has no capacity, and others have one: it counts as 1 where clients are spread; write the capacity of each"
        )
    }

    // MARK: What has no effect

    private func adviseOfIdleSettings(_ number: Int) {
        let service = configuration.services[number]
        let fields = sites.services[number].fields
        if let pick = fields["pick"], service.spread != nil {
            reader.advise(
                pick.keyPosition,
                "pick of service \(service.name) has no effect beside spread, which gives one address of each datacenter; take one of them out"
            )
        }
        let most = service.answers.map { $0.count(where: \.isAddress) }.max() ?? 0
        if case .count(let count) = service.quorum, fields["check"] != nil, most > 0, count > most {
            reader.advise(
                fields["quorum"]?.value.position,
                "quorum of service \(service.name) is \(count), and no datacenter has more than \(most == 1 ? "1 address" : "\(most) addresses"), so that all of them must be up; write at most \(most), or 100%"
            )
        }
    }

    private func adviseOfUnused() {
        func advise(_ what: String, _ name: String, _ use: String, _ position: Diagnostic.Position?) {
            reader.advise(position, "\(what) \(name) is not used: \(use); take it out, or use it")
        }
        // Where something is wrong, what would have been used may be what is wrong.
        guard !reader.hasComplaints else { return }
        let named = configuration.maps.reduce(into: Set()) { $0.formUnion($1.datacenters) }
        let chosen = configuration.services.reduce(into: named) { $0.formUnion(configuration.reach(of: $1)) }
        for (number, datacenter) in configuration.datacenters.enumerated() where !chosen.contains(number) {
            advise("datacenter", datacenter.name, "no map sends clients there", sites.datacenters[number])
        }
        for region in sites.regions where !sites.usedRegions.contains(region.name) {
            advise("region", region.name, "no map has a rule for it", region.position)
        }
        let mapped = Set(configuration.services.map(\.map))
        for (number, map) in configuration.maps.enumerated() where !mapped.contains(number) {
            advise("map", map.name, "no service has it", sites.maps[number])
        }
        let answering = Set(configuration.zoneSources.flatMap { $0.services.map(\.service) })
        for (number, service) in configuration.services.enumerated() where !answering.contains(number) {
            advise("service", service.name, "no name in a zone has it", sites.services[number].position)
        }
    }
}

/// The first few of many words.
private func shortened(_ words: [String]) -> String {
    let shown = 6
    return words.count <= shown + 1
        ? listed(words, "and") : "\(words.prefix(shown).joined(separator: ", ")) and \(words.count - shown) more"
}

/// A time for people: `an hour`, `2 days`, `400 s`.
private func duration(_ seconds: UInt32) -> String {
    for (unit, one, many) in [(86_400, "a day", "days"), (3600, "an hour", "hours"), (60, "a minute", "minutes")] {
        let count = Int(seconds) / unit
        if count > 0, Int(seconds) % unit == 0 { return count == 1 ? one : "\(count) \(many)" }
    }
    return "\(seconds) s"
}

extension PlaceRules {
    /// What each rule is for of which `isMeant` takes the destination, as `country NO`, in the order in which rules win.
    func rules(where isMeant: (Destination) -> Bool) -> [String] {
        func names(_ kind: String, _ rules: some Sequence<(name: String, destination: Destination)>) -> [String] {
            rules.filter { isMeant($0.destination) }.map { "\(kind) \($0.name)" }
        }
        func sorted<Key: CustomStringConvertible>(_ rules: [Key: Destination]) -> [(
            name: String, destination: Destination
        )] {
            rules.map { (name: $0.key.description, destination: $0.value) }.sorted { $0.name < $1.name }
        }
        // A map may have a million of them.
        var networkNames: [String] = []
        var rest = 0
        for rule in networks where isMeant(rule.destination) {
            if networkNames.count < 20 { networkNames.append("network \(rule.prefix)") } else { rest += 1 }
        }
        if rest > 0 { networkNames.append("network and \(rest) more") }
        return networkNames
            + names("AS", sorted(systems)) + names("city", sorted(cities))
            + names("subdivision", sorted(subdivisions)) + names("country", sorted(countries))
            + names("region", regions.lazy.map { (name: $0.name, destination: $0.destination) })
            + names("continent", sorted(continents)) + (isMeant(fallback) ? ["the default"] : [])
    }
}
