import Geography
import Glibc
import Routing

extension ConfigurationParser {
    // MARK: Regions

    mutating func parseRegions(_ node: YAMLNode) {
        var groups: [CountryGroup] = []
        for entry in reader.entries(node, "regions") {
            var region = Region()
            var countries: [(PlaceCode, Diagnostic.Position?)] = []
            var isBroken = reader.isNull(entry.value)
            for item in reader.items(entry.value) {
                if reader.isNull(entry.value) { break }
                guard let text = reader.text(item, "a member of region \(entry.key)") else {
                    isBroken = true
                    continue
                }
                let place =
                    PlaceCode(text).map(RulePlace.country) ?? SubdivisionCode(text).map(RulePlace.subdivision)
                if let reason = place.flatMap({ impossiblePlace($0, isMember: true) }) {
                    isBroken = true
                    reader.diagnose(item.position, reason)
                    if let code = PlaceCode(text) { countries.append((code, item.position)) }
                } else if let country = PlaceCode(text) {
                    countries.append((country, item.position))
                    region.countries.insert(country)
                    region.sites.append(.init(place: .country(country), position: item.position))
                } else if let subdivision = SubdivisionCode(text) {
                    region.subdivisions.insert(subdivision)
                    region.sites.append(.init(place: .subdivision(subdivision), position: item.position))
                } else {
                    isBroken = true
                    reader.diagnose(
                        item.position,
                        "'\(text)' is not a place; \(PlaceTypos.memberHint(text))")
                }
            }
            groups.append(CountryGroup(name: entry.key, countries: countries))
            if region.countries.isEmpty, region.subdivisions.isEmpty, !isBroken || reader.isNull(entry.value) {
                reader.diagnose(entry.keyPosition, "region \(entry.key) has no member; write [NO, SE, US-CA]")
            }
            regions[entry.key] = region
            configuration.regions[entry.key] =
                (region.countries.map(Area.country) + region.subdivisions.map(Area.subdivision))
                .sorted { $0.description < $1.description }
            sites.regions.append((entry.key, entry.keyPosition))
        }
        adviseOfContinents(groups)
    }

    struct Region {
        var countries: Set<PlaceCode> = []
        var subdivisions: Set<SubdivisionCode> = []
        /// The positions of its members.
        var sites: [Configuration.RuleSite] = []
    }

    // MARK: Maps

    mutating func parseMaps(_ node: YAMLNode) {
        for entry in reader.entries(node, "maps") {
            let what = "map \(entry.key)"
            let fields = reader.fields(entry.value, what, .map)
            let fallback = fields["default"].flatMap { destination($0.value, "the default of \(what)") }
            var rules = PlaceRules(fallback: fallback ?? .none)
            noteNearest(fallback, "the default of ", in: what, fields["default"]?.value.position)
            rules.networks = networks(fields["networks"]?.value, file: fields["networks_file"]?.value, what)
            rules.systems = places(fields["asns"], "asns of \(what)", RulePlace.system, Self.system) {
                "'\($0)' is not an AS number; write one such as 2119 or AS2119"
            }
            rules.cities = places(fields["cities"], "cities of \(what)", RulePlace.city, Self.city) {
                "'\($0)' is not a city; \(PlaceTypos.cityHint($0))"
            }
            rules.subdivisions = places(
                fields["subdivisions"], "subdivisions of \(what)", RulePlace.subdivision, { SubdivisionCode($0) }
            ) { "'\($0)' is not a subdivision; \(PlaceTypos.subdivisionHint($0))" }
            rules.countries = places(fields["countries"], "countries of \(what)", RulePlace.country, { PlaceCode($0) })
            {
                "'\($0)' is not a country code; \(PlaceTypos.countryHint($0))"
            }
            adviseOfContinents([CountryGroup(name: nil, countries: sites.countries)])
            sites.countries = []
            rules.regions = regionRules(fields["regions"]?.value, what)
            rules.continents = places(
                fields["continents"], "continents of \(what)", RulePlace.continent, Self.continent
            ) {
                PlaceTypos.continentComplaint($0)
            }
            if configuration.databases.isEmpty, !hasUnknownDatabases, rules.needsDatabase, !hasComplainedOfDatabases {
                hasComplainedOfDatabases = true
                reader.diagnose(
                    entry.keyPosition, "\(what) has rules for places but there is no database; add databases:")
            }
            sites.maps.append(entry.keyPosition)
            mapNumbers[entry.key] = configuration.maps.count
            configuration.maps.append(.init(name: entry.key, rules: rules, datacenters: rules.datacenters))
        }
    }

    private static func system(_ text: String) -> UInt32? {
        // 0 is reserved (RFC 7607).
        UInt32(text.lowercased().hasPrefix("as") ? text.dropFirst(2) : text[...]).flatMap { $0 > 0 ? $0 : nil }
    }

    private static func continent(_ text: String) -> PlaceCode? {
        PlaceCode(text).flatMap { PlaceCode.continents.contains($0) ? $0 : nil }
    }

    private static func city(_ text: String) -> PlaceRules.CityKey? {
        if let number = UInt32(text) { return number > 0 ? .geonameID(number) : nil }
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        if let country = PlaceCode(parts[0]) { return .inCountry(country, name: parts[1]) }
        return SubdivisionCode(parts[0]).map { .inSubdivision($0, name: parts[1]) }
    }

    /// Reads the rules of one kind. Notes their positions, so that places unknown to the databases can be reported.
    private mutating func places<Key: Hashable>(
        _ section: YAMLReader.Entry?, _ what: String, _ place: (Key) -> RulePlace?, _ key: (String) -> Key?,
        diagnostic: (String) -> String
    ) -> [Key: Destination] {
        var rules: [Key: Destination] = [:]
        for entry in section.map({ reader.entries($0.value, what) }) ?? [] {
            let destination = destination(entry.value, "'\(entry.key)' in \(what)")
            guard let key = key(entry.key) else {
                reader.diagnose(entry.keyPosition, diagnostic(entry.key))
                continue
            }
            if let country = key as? PlaceCode, place(key) != nil {
                sites.countries.append((country, entry.keyPosition))
            }
            if let place = place(key), let reason = impossiblePlace(place) {
                reader.diagnose(entry.keyPosition, reason)
                continue
            }
            guard rules[key] == nil else {
                reader.diagnose(entry.keyPosition, "'\(entry.key)' is given twice in \(what); keep one")
                continue
            }
            if let place = place(key), destination != nil {
                configuration.ruleSites.append(.init(place: place, position: entry.keyPosition))
            }
            noteNearest(destination, "'\(entry.key)' in ", in: what, entry.keyPosition)
            rules[key] = destination
        }
        return rules
    }

    /// Notes the position of a rule that uses `nearest`, to be compared with what the databases know.
    ///
    /// - Parameter section: such as `countries of map world`.
    private mutating func noteNearest(
        _ destination: Destination?, _ rule: String, in section: String, _ position: Diagnostic.Position?
    ) {
        guard let destination, destination.wantsNearest, let map = section.split(separator: " of ").last else { return }
        configuration.nearestSites.append(.init(rule: rule + section, map: String(map), position: position))
    }

    private mutating func regionRules(_ node: YAMLNode?, _ what: String) -> [PlaceRules.Region] {
        var rules: [PlaceRules.Region] = []
        for entry in node.map({ reader.entries($0, "regions of \(what)") }) ?? [] {
            let destination = destination(entry.value, "'\(entry.key)' in regions of \(what)")
            guard let region = regions[entry.key] else {
                diagnoseUnknown(
                    "region", entry.key, section: "regions", known: regions.keys.sorted(), entry.keyPosition)
                continue
            }
            sites.usedRegions.insert(entry.key)
            for other in rules {
                let countries = other.countries.intersection(region.countries).map(\.description)
                let both = countries + other.subdivisions.intersection(region.subdivisions).map(\.description)
                guard !both.isEmpty else { continue }
                reader.warn(
                    entry.keyPosition,
                    "\(both.sorted().joined(separator: ", ")) is also in region \(other.name), which applies; take it out of one"
                )
            }
            noteNearest(destination, "'\(entry.key)' in ", in: "regions of \(what)", entry.keyPosition)
            if let destination {
                configuration.ruleSites += region.sites
                rules.append(
                    .init(
                        name: entry.key, countries: region.countries, subdivisions: region.subdivisions,
                        destination: destination))
            }
        }
        return rules
    }

    // MARK: Networks

    private mutating func networks(_ node: YAMLNode?, file: YAMLNode?, _ what: String) -> NetworkRules {
        var rules = NetworkRules()
        var seen = PrefixSet()
        for entry in node.map({ reader.entries($0, "networks of \(what)") }) ?? [] {
            let destination = destination(entry.value, "'\(entry.key)' in networks of \(what)")
            do throws(BadPrefix) {
                let prefix = try self.prefix(Array(entry.key.utf8).span, &seen)
                if let destination { rules.append((prefix, destination)) }
                noteNearest(destination, "'\(entry.key)' in ", in: "networks of \(what)", entry.keyPosition)
            } catch {
                reader.diagnose(entry.keyPosition, error.diagnostic)
            }
        }
        if let file { addNetworks(ofFile: file, to: &rules, &seen, what) }
        return rules
    }

    /// Reads the networks of a networks_file: a path, or `{ path: office.nets, may_be_empty: true }`.
    private mutating func addNetworks(
        ofFile node: YAMLNode, to rules: inout NetworkRules, _ seen: inout PrefixSet, _ what: String
    ) {
        var (written, mayBeEmpty) = (node, false)
        if case .mapping = node.value {
            let fields = reader.fields(node, "the networks_file of \(what)", .networksFile)
            guard let path = fields["path"] else { return }
            written = path.value
            mayBeEmpty =
                fields["may_be_empty"].flatMap {
                    reader.bool($0.value, "may_be_empty of the networks_file of \(what)")
                } ?? false
        }
        guard let name = reader.text(written, "the networks_file of \(what)") else { return }
        let diagnostics = reader.complaintCount
        let (before, nowhereBefore) = (rules.count, rules.count(of: .none))
        let (hash, nearest) = addNetworks(
            inFile: path(name), to: &rules, written.position, &seen, mayBeEmpty: mayBeEmpty)
        guard reader.complaintCount == diagnostics else { return }
        adviseOfNowhere(rules.count(of: .none) - nowhereBefore, written.position, path(name))
        configuration.networksFiles.append(
            .init(
                path: path(name), name: name, position: written.position, count: rules.count - before,
                mayBeEmpty: mayBeEmpty, hash: hash))
        noteNearest(nearest, "the networks_file of ", in: what, written.position)
    }

    /// Adds lines of a prefix and a destination, as in `networks`; `#` starts a comment.
    ///
    /// - Returns: a hash of the file, and a destination in it that uses `nearest`, if there is one.
    private func addNetworks(
        inFile file: String, to rules: inout NetworkRules, _ position: Diagnostic.Position?, _ seen: inout PrefixSet,
        mayBeEmpty: Bool
    ) -> (hash: UInt64, nearest: Destination?) {
        var text: String
        reader.files.insert(file)
        do throws(Diagnostic) {
            text = try readText(file).text
        } catch {
            if access(file, F_OK) != 0, errno == ENOENT {
                // The program that makes the file may create it later.
                if !mayBeEmpty { reader.warn(position, "no networks from \(file): \(error.message)") }
            } else {
                reader.diagnose(error.position, error.message, file: file)
            }
            return (0, nil)
        }
        let diagnostics = reader.complaintCount
        let before = rules.count
        var nearest: Destination?
        var destinations: [String: UInt32] = [:]
        // The errors of invalid destinations: a misspelt one is often repeated all over a file.
        var faults: [String: [String]] = [:]
        func take(_ line: NetworksFileLine) {
            func diagnose(_ place: UnsafeBufferPointer<UInt8>, _ message: String) {
                reader.diagnose(.init(line: line.number, column: line.column(of: place)), message, file: file)
            }
            do throws(BadPrefix) {
                let prefix = try self.prefix(line.network.span, &seen)
                let written = String(decoding: line.destination, as: UTF8.self)
                if written.isEmpty {
                    let network = String(decoding: line.network, as: UTF8.self)
                    diagnose(line.network, "no destination after \(network); write one, such as \(network) oslo")
                } else if let known = destinations[written] {
                    rules.append(prefix, number: known)
                } else if let known = faults[written] {
                    for message in known { diagnose(line.destination, message) }
                } else {
                    var messages: [String] = []
                    let new = destination(written, String(decoding: line.network, as: UTF8.self)) { message in
                        messages.append(message)
                        diagnose(line.destination, message)
                    }
                    if let new {
                        if nearest == nil, new.wantsNearest { nearest = new }
                        let number = rules.number(of: new)
                        destinations[written] = number
                        rules.append(prefix, number: number)
                    } else {
                        faults[written] = messages
                    }
                }
            } catch {
                diagnose(line.network, error.diagnostic)
            }
        }
        text.withUTF8 { NetworksFileLine.forEach(in: $0, take) }
        if rules.count == before, !mayBeEmpty, reader.complaintCount == diagnostics {
            reader.warn(
                position,
                "\(file) has no networks; if that is intended, write networks_file: { path: \(file), may_be_empty: true }"
            )
        }
        return (text.withUTF8(contentHash), nearest)
    }

    /// Returns a hash of the bytes.
    private func contentHash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let prime: UInt64 = 0x9e37_79b9_7f4a_7c15
        var hash = UInt64(bytes.count)
        let raw = UnsafeRawBufferPointer(bytes)
        var position = 0
        while position + 8 <= raw.count {
            hash = (hash ^ raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)) &* prime
            hash ^= hash >> 29
            position += 8
        }
        for byte in raw[position...] { hash = (hash ^ UInt64(byte)) &* prime }
        return hash
    }

    /// Parses a destination of a networks file, in the syntax of the configuration.
    private func destination(
        _ text: String, _ what: String, _ diagnose: (String) -> Void
    ) -> Destination? {
        if let number = datacenterNumbers[text] { return .tier([Share(number)]) }
        let nested = YAMLReader(file: "")
        var parser = self
        parser.reader = nested
        let destination = nested.document(text).flatMap { parser.destination($0, what) }
        for diagnostic in nested.diagnostics { diagnose(diagnostic.message) }
        return nested.diagnostics.isEmpty ? destination : nil
    }

    private struct BadPrefix: Error {
        var diagnostic: String
    }

    private func prefix(_ text: Span<UInt8>, _ seen: inout PrefixSet) throws(BadPrefix) -> IPPrefix {
        // The prefix as messages quote it.
        func written() -> String { text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
        guard let prefix = IPPrefix(text) else {
            throw BadPrefix(
                diagnostic: "'\(written())' is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32")
        }
        var end = text.count
        for position in 0..<text.count where text[position] == UInt8(ascii: "/") {
            end = position
            break
        }
        guard IPAddress(text.extracting(0..<end)) == prefix.address else {
            throw BadPrefix(diagnostic: "'\(written())' has host bits set; write \(prefix)")
        }
        if let embedded = prefix.address.embeddedIPv4, IPPrefix.embeddingIPv4.contains(where: prefix.isInside) {
            let carried = prefix.length - embedded.offset
            let remedy =
                0...32 ~= carried
                ? "write \(IPPrefix(.v4(embedded.address), length: carried)!)" : "write the IPv4 networks instead"
            throw BadPrefix(
                diagnostic: "'\(written())' contains IPv4 addresses, which are looked up as IPv4; \(remedy)")
        }
        guard seen.insert(prefix) else {
            throw BadPrefix(diagnostic: "the network \(prefix) is given twice; keep one")
        }
        return prefix
    }

    // MARK: Destinations

    /// Words with a meaning of their own in destinations, which cannot name a datacenter.
    static let destinationWords =
        (KeyGroup.destinations + [.spread]).reduce(into: Set(["all", "none"])) { $0.formUnion($1.names) }

    /// Reads where a rule sends its clients: see `Destination`.
    func destination(_ node: YAMLNode, _ what: String) -> Destination? {
        switch node.value {
        case .sequence(let sequence):
            if sequence.isEmpty {
                reader.diagnose(node.position, "\(what) is an empty list; name a datacenter, or write none")
            }
            return .list(sequence.compactMap { part(of: $0, what) })
        case .mapping(let mapping):
            let keys = mapping.compactMap { $0.key.scalar?.string }
            if keys.contains("then") || keys.contains("list") { return spreading(node, keys, what) }
            if keys.contains("random") { return pool(node, what) }
            if keys.contains("nearest") || keys.contains("limit") { return nearest(node, what) }
            return weighted(node, what)
        default:
            guard let word = reader.text(node, what) else { return nil }
            switch word {
            case "none":
                adviseOfNowhere(node.position, what)
                return Destination.none
            case "nearest": return nearest(of: locatedDatacenters, limit: nil, node.position, what)
            default: return datacenter(word, node.position).map { .tier([Share($0)]) }
            }
        }
    }

    /// Reads a destination inside a list.
    func part(of node: YAMLNode, _ what: String) -> Destination? {
        if let then = node.mapping?.first(where: { $0.key.scalar?.string == "then" }) {
            reader.diagnose(
                then.key.position,
                "then is inside the list of \(what); write it beside the list: { list: [...], then: spread }")
            return nil
        }
        guard case .scalar(let scalar) = node.value, scalar.string == "none" else { return destination(node, what) }
        reader.diagnose(node.position, "none is in the list of \(what); write it alone, or leave it out")
        return nil
    }

    func pool(_ node: YAMLNode, _ what: String) -> Destination? {
        guard let pool = reader.fields(node, what, .pool)["random"] else { return nil }
        let members = datacenters(pool.value, what)
        if members.isEmpty, case .sequence(let sequence) = pool.value.value, sequence.isEmpty {
            reader.diagnose(pool.value.position, "\(what) has an empty list; name at least one datacenter")
        }
        return .tier(members.map { Share($0) })
    }

    private func weighted(_ node: YAMLNode, _ what: String) -> Destination? {
        var shares: [Share] = []
        for entry in reader.entries(node, what) {
            guard let datacenter = datacenterNumbers[entry.key] else {
                if unknownSections.contains("datacenters") { continue }
                let known = configuration.datacenters.map(\.name) + KeyGroup.destinations.flatMap(\.required)
                reader.diagnose(
                    entry.keyPosition,
                    "unknown key '\(entry.key)' in \(what)\(suggestion(for: entry.key, among: known))")
                continue
            }
            if let weight = reader.count(entry.value, "the weight of \(entry.key) in \(what)") {
                shares.append(Share(datacenter, weight: weight))
            }
        }
        if case .mapping(let mapping) = node.value, mapping.isEmpty {
            reader.diagnose(node.position, "\(what) is empty; name a datacenter, or write none")
        }
        return shares.isEmpty ? nil : .tier(shares)
    }

    func nearest(_ node: YAMLNode, _ what: String) -> Destination? {
        let fields = reader.fields(node, what, .nearest)
        let limit = fields["limit"].flatMap { reader.count($0.value, "the limit of \(what)") }
        guard let field = fields["nearest"] else { return nil }
        if case .scalar(let scalar) = field.value.value, scalar.string == "all" {
            return nearest(of: locatedDatacenters, limit: limit, field.value.position, what)
        }
        if case .sequence(let sequence) = field.value.value, sequence.isEmpty {
            reader.diagnose(
                field.value.position, "\(what) uses nearest of an empty list; name at least one datacenter")
            return nil
        }
        return nearest(of: datacenters(field.value, what), limit: limit, field.value.position, what)
    }

    private func nearest(
        of datacenters: [Datacenter], limit: UInt32?, _ position: Diagnostic.Position?, _ what: String
    ) -> Destination? {
        for datacenter in datacenters where configuration.datacenters[datacenter].location == nil {
            let name = configuration.datacenters[datacenter].name
            if brokenLocations.contains(datacenter) { continue }
            reader.diagnoseOnce(
                position, key: "no location of \(name)",
                "\(what) uses nearest, but \(name) has no location; add \(name): { location: [LATITUDE, LONGITUDE] }"
            )
        }
        guard !datacenters.isEmpty else {
            if !brokenLocations.isEmpty || unknownSections.contains("datacenters") { return nil }
            reader.diagnoseOnce(
                position, key: "no location",
                "\(what) uses nearest, but no datacenter has a location; add location: [LATITUDE, LONGITUDE]")
            return nil
        }
        return .nearest(datacenters, limit: limit.map(Int.init) ?? datacenters.count)
    }

    private var locatedDatacenters: [Datacenter] {
        configuration.datacenters.indices.filter { configuration.datacenters[$0].location != nil }
    }

    /// Reads a list of datacenters, each at most once.
    func datacenters(_ node: YAMLNode, _ what: String) -> [Datacenter] {
        var members: [Datacenter] = []
        for item in reader.items(node) {
            guard let member = datacenter(item, "a datacenter of \(what)") else { continue }
            if members.contains(member) {
                reader.diagnose(
                    item.position, "\(configuration.datacenters[member].name) is listed twice; keep one")
            } else {
                members.append(member)
            }
        }
        return members
    }
}

extension PlaceRules {
    /// Whether a rule matches by something that only a database knows.
    fileprivate var needsDatabase: Bool {
        !systems.isEmpty || !cities.isEmpty || !subdivisions.isEmpty || !countries.isEmpty || !regions.isEmpty
            || !continents.isEmpty
    }
}
