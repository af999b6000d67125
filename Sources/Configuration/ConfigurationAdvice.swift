import DNS
import Geography
import Routing

/// The positions in the configuration that advice points to.
struct SourcePositions {
    typealias Position = Diagnostic.Position

    var datacenters: [Position?] = []
    var maps: [Position?] = []
    var regions: [(name: String, position: Position?)] = []
    var usedRegions: Set<String> = []
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
    /// The longest TTL with which a fail-over is still useful, in seconds.
    private static let longestFailoverTTL: UInt32 = 300

    /// Collects warnings and notes after the whole file is read.
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

    /// Warns of zones that use the serial of their file: it does not change with records in the configuration.
    private func adviseOfSerials() {
        for zone in configuration.zoneSources
        where zone.file != nil && !zone.records.contains(where: { $0.type == .soa }) {
            guard !zone.services.isEmpty || zone.records.contains(where: { $0.type != .ns }) else { continue }
            reader.advise(
                zone.filePosition,
                "zone \(zone.apex) has the serial of its file, which does not grow when its records and services here change, so that secondaries do not transfer them; write soa: without a serial, or raise the file's serial with each change"
            )
        }
    }

    // MARK: Absence of records

    /// What happens after an answer without a record.
    private static let absence =
        "a resolver that sends client subnets may cache the empty answer for all its clients, which then get no record for the zone's negative TTL"

    /// Warns of a rule whose destination is `none`.
    func adviseOfNowhere(_ position: Diagnostic.Position?, _ what: String) {
        reader.advise(
            position,
            "\(what) is none, so its clients get no record: \(Self.absence); send them to a datacenter whose address refuses connections"
        )
    }

    /// Warns of rules of a networks file whose destination is `none`.
    func adviseOfNowhere(_ count: Int, _ position: Diagnostic.Position?, _ file: String) {
        guard count > 0 else { return }
        reader.advise(
            position,
            "\(count == 1 ? "1 network" : "\(count) networks") of \(file) \(count == 1 ? "is" : "are") sent to none, and get no record: \(Self.absence); send them to a datacenter whose address refuses connections"
        )
    }

    private func adviseOfVaryingTypes(_ number: Int) {
        let service = configuration.services[number]
        let site = positions.services[number]
        if !service.answersWhenAllDown {
            reader.advise(
                site.fields["when_all_down"]?.value.position,
                "with when_all_down: nothing, clients get no record while no datacenter of their list is available: \(Self.absence), even after one is up again; write when_all_down: answer"
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
        let fields = positions.services[number].fields
        guard !service.checks.isEmpty else { return }
        if let ttl = service.ttl {
            guard ttl > Self.longestFailoverTTL else { return }
            reader.advise(
                fields["ttl"]?.value.position,
                "service \(service.name) has a check and a TTL of \(ttl) s: resolvers cache addresses that are down, and a fail-over takes up to \(duration(ttl)); write ttl: 60"
            )
            return
        }
        // Without errors all zones are known; with errors there may be none.
        let zones = configuration.zones.filter { $0.services.contains(number) }
        guard let zone = zones.max(by: { $0.defaultTTL < $1.defaultTTL }), zone.defaultTTL > Self.longestFailoverTTL
        else { return }
        reader.advise(
            fields["check"]?.keyPosition,
            "service \(service.name) has a check and no ttl, and that of zone \(zone.apex) is \(zone.defaultTTL) s: resolvers cache addresses that are down, and a fail-over takes up to \(duration(zone.defaultTTL)); write ttl: 60 in the service"
        )
    }

    /// Warns of services that check the same target at different intervals, of which the first one counts.
    private func adviseOfPaces() {
        var first: [String: (service: Int, check: HealthCheck)] = [:]
        for (number, service) in configuration.services.enumerated() {
            var reported: Set<Int> = []
            for check in service.checks {
                for answer in service.checkedAnswers where answer.isAddress {
                    let target = check.target(answer.content.text)
                    guard let (other, before) = first[target] else {
                        first[target] = (number, check)
                        continue
                    }
                    guard other != number, pace(before) != pace(check), reported.insert(other).inserted else {
                        continue
                    }
                    reader.advise(
                        positions.services[number].fields["check"]?.keyPosition,
                        "services \(configuration.services[other].name) and \(service.name) both check \(target) at different intervals, and \(configuration.services[other].name) decides (\(pace(before))); write the same interval, timeout, rise and fall in both"
                    )
                }
            }
        }
    }

    private func pace(_ check: HealthCheck) -> String {
        "interval \(check.interval), timeout \(check.timeout), rise \(check.rise), fall \(check.fall)"
    }

    /// Notes rules with a single datacenter, whose clients have no alternative when it is down.
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
                positions.maps[number],
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
            positions.datacenters[missing],
            "datacenter \(datacenters[missing].name) has no capacity, but others do: it counts as 1 when clients are spread; write the capacity of each"
        )
    }

    // MARK: What has no effect

    private func adviseOfIdleSettings(_ number: Int) {
        let service = configuration.services[number]
        let fields = positions.services[number].fields
        if let pick = fields["pick"], service.spread != nil {
            reader.advise(
                pick.keyPosition,
                "pick of service \(service.name) has no effect with spread, which gives one address of each datacenter; remove one of them"
            )
        }
        let most = service.answers.map { $0.count(where: \.isAddress) }.max() ?? 0
        if case .count(let count) = service.quorum, fields["check"] != nil, most > 0, count > most {
            reader.advise(
                fields["quorum"]?.value.position,
                "quorum of service \(service.name) is \(count), but no datacenter has more than \(most == 1 ? "1 address" : "\(most) addresses"), so all of them must be up; write at most \(most), or 100%"
            )
        }
    }

    private func adviseOfUnused() {
        func advise(_ what: String, _ name: String, _ use: String, _ position: Diagnostic.Position?) {
            reader.advise(position, "\(what) \(name) is not used: \(use); remove it, or use it")
        }
        // A name may be unused only because of an error elsewhere.
        guard !reader.hasComplaints else { return }
        let named = configuration.maps.reduce(into: Set()) { $0.formUnion($1.datacenters) }
        let chosen = configuration.services.reduce(into: named) { $0.formUnion(configuration.reach(of: $1)) }
        for (number, datacenter) in configuration.datacenters.enumerated() where !chosen.contains(number) {
            advise("datacenter", datacenter.name, "no map sends clients there", positions.datacenters[number])
        }
        for region in positions.regions where !positions.usedRegions.contains(region.name) {
            advise("region", region.name, "no map has a rule for it", region.position)
        }
        let mapped = Set(configuration.services.map(\.map))
        for (number, map) in configuration.maps.enumerated() where !mapped.contains(number) {
            advise("map", map.name, "no service uses it", positions.maps[number])
        }
        let answering = Set(configuration.zoneSources.flatMap { $0.services.map(\.service) })
        for (number, service) in configuration.services.enumerated() where !answering.contains(number) {
            advise("service", service.name, "no name in a zone uses it", positions.services[number].position)
        }
    }
}

/// Returns the first few of many names, and how many more there are.
private func shortened(_ words: [String]) -> String {
    let shown = 6
    return words.count <= shown + 1
        ? listed(words, "and") : "\(words.prefix(shown).joined(separator: ", ")) and \(words.count - shown) more"
}

/// Returns a duration in words: `an hour`, `2 days`, `400 s`.
private func duration(_ seconds: UInt32) -> String {
    for (unit, one, many) in [(86_400, "a day", "days"), (3600, "an hour", "hours"), (60, "a minute", "minutes")] {
        let count = Int(seconds) / unit
        if count > 0, Int(seconds) % unit == 0 { return count == 1 ? one : "\(count) \(many)" }
    }
    return "\(seconds) s"
}

extension PlaceRules {
    /// Returns the names of all rules whose destination passes `isMeant`, as `country NO`, most specific rules first.
    func rules(where isMeant: (Destination) -> Bool) -> [String] {
        func names(_ kind: String, _ rules: some Sequence<(name: String, destination: Destination)>) -> [String] {
            rules.filter { isMeant($0.destination) }.map { "\(kind) \($0.name)" }
        }
        func sorted<Key: CustomStringConvertible>(_ rules: [Key: Destination]) -> [(
            name: String, destination: Destination
        )] {
            rules.map { (name: $0.key.description, destination: $0.value) }.sorted { $0.name < $1.name }
        }
        // A map may have a million networks.
        var networkNames: [String] = []
        var rest = 0
        for rule in networks where isMeant(rule.destination) {
            if networkNames.count < 20 { networkNames.append("network \(rule.prefix)") } else { rest += 1 }
        }
        if rest > 0 { networkNames.append("network and \(rest) more") }
        return networkNames
            + names("AS", sorted(asns)) + names("city", sorted(cities))
            + names("subdivision", sorted(subdivisions)) + names("country", sorted(countries))
            + names("region", regions.lazy.map { (name: $0.name, destination: $0.destination) })
            + names("continent", sorted(continents)) + (isMeant(defaultDestination) ? ["the default"] : [])
    }
}
