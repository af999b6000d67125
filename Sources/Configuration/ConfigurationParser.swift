import Geography
import Routing
import Yams
import Zones

/// Makes a configuration of a YAML document. Sections refer only to sections before them, in the order of `parse`.
struct ConfigurationParser {
    let reader: YAMLReader
    private(set) var configuration: Configuration
    /// What relative paths of the configuration follow on; empty, or with a slash at its end.
    private let folder: String
    private let overridingDatabases: [String]
    private let defaultSerial: UInt32
    var datacenterNumbers: [String: Datacenter] = [:]
    var mapNumbers: [String: Int] = [:]
    var serviceNumbers: [String: Int] = [:]

    init(
        _ reader: YAMLReader, _ configuration: Configuration, folder: String, databases: [String], defaultSerial: UInt32
    ) {
        self.reader = reader
        self.configuration = configuration
        self.folder = folder
        self.overridingDatabases = databases
        self.defaultSerial = defaultSerial
    }

    mutating func parse(_ root: Node) {
        let known = ["databases", "datacenters", "maps", "services", "zones"]
        let sections = reader.fields(root, "the configuration", known: known, required: ["zones"])
        parseDatabases(sections["databases"]?.value)
        if let node = sections["datacenters"]?.value { parseDatacenters(node) }
        if let node = sections["maps"]?.value { parseMaps(node) }
        if let node = sections["services"]?.value { parseServices(node) }
        if let node = sections["zones"]?.value { parseZones(node) }
    }

    private mutating func parseDatabases(_ node: Node?) {
        for item in node.map(reader.items) ?? [] {
            guard let path = reader.text(item, "a database") else { continue }
            configuration.databases.append(
                .init(path: path.hasPrefix("/") ? path : folder + path, position: item.position))
        }
        if !overridingDatabases.isEmpty {
            configuration.databases = overridingDatabases.map { .init(path: $0, position: nil) }
        }
    }

    private mutating func parseDatacenters(_ node: Node) {
        for entry in reader.entries(node, "datacenters") {
            let isWord = entry.key.utf8.allSatisfy { byte in
                Character(UnicodeScalar(byte)).isLetter && byte < 0x80 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            }
            if !isWord || entry.key.isEmpty {
                reader.complain(
                    entry.keyPosition,
                    "the datacenter name '\(entry.key)' has other characters than letters, digits, - _ .")
            } else if Destination.keywords.contains(entry.key) {
                reader.complain(
                    entry.keyPosition, "'\(entry.key)' cannot name a datacenter; in maps it has a meaning of its own")
            }
            _ = reader.fields(entry.value, "datacenter \(entry.key)", known: [])
            datacenterNumbers[entry.key] = configuration.datacenters.count
            configuration.datacenters.append(entry.key)
        }
    }

    /// The number of the datacenter that `node` names.
    func datacenter(_ node: Node, _ what: String) -> Datacenter? {
        guard let name = reader.text(node, what) else { return nil }
        return datacenter(name, node.position)
    }

    func datacenter(_ name: String, _ position: Complaint.Position?) -> Datacenter? {
        if let number = datacenterNumbers[name] { return number }
        reader.complain(
            position, "unknown datacenter '\(name)'\(suggestion(for: name, among: configuration.datacenters))")
        return nil
    }
}

// MARK: - Maps

/// The words with which a map says where clients go.
enum Destination {
    /// What is no datacenter's name.
    static let keywords = ["random", "nearest", "none", "limit"]
}

extension ConfigurationParser {
    private mutating func parseMaps(_ node: Node) {
        for entry in reader.entries(node, "maps") {
            let what = "map \(entry.key)"
            let fields = reader.fields(
                entry.value, what, known: ["countries", "continents", "default"], required: ["default"])
            let fallback = fields["default"].flatMap { destination($0.value, "the default of \(what)") }
            var rules = PlaceRules(fallback: fallback ?? PreferenceList(tiers: []))
            if let node = fields["countries"]?.value {
                rules.countries = places(node, "countries of \(what)", isKnown: { _ in true }) {
                    "'\($0)' is no country code; write two letters (ISO 3166-1), such as NO for Norway"
                }
            }
            if let node = fields["continents"]?.value {
                let codes = PlaceCode.continents.map(\.description).joined(separator: ", ")
                rules.continents = places(node, "continents of \(what)", isKnown: PlaceCode.continents.contains) {
                    "'\($0)' is no continent; write one of \(codes)"
                }
            }
            if configuration.databases.isEmpty, !rules.countries.isEmpty || !rules.continents.isEmpty {
                reader.complain(
                    entry.keyPosition, "\(what) has rules for places but there is no database; add databases:")
            }
            mapNumbers[entry.key] = configuration.maps.count
            configuration.maps.append(.init(name: entry.key, rules: rules))
        }
    }

    private func places(
        _ node: Node, _ what: String, isKnown: (PlaceCode) -> Bool, complaint: (String) -> String
    ) -> [PlaceCode: PreferenceList] {
        var lists: [PlaceCode: PreferenceList] = [:]
        for entry in reader.entries(node, what) {
            let list = destination(entry.value, "'\(entry.key)' in \(what)")
            guard let code = PlaceCode(entry.key), isKnown(code) else {
                reader.complain(entry.keyPosition, complaint(entry.key))
                continue
            }
            guard lists[code] == nil else {
                reader.complain(entry.keyPosition, "'\(code)' is given twice in \(what); keep one")
                continue
            }
            lists[code] = list
        }
        return lists
    }

    /// A datacenter's name, or `{ random: [names] }`.
    private func destination(_ node: Node, _ what: String) -> PreferenceList? {
        guard case .mapping = node else {
            return datacenter(node, what).map { PreferenceList(tiers: [[$0]]) }
        }
        guard let pool = reader.fields(node, what, known: ["random"], required: ["random"])["random"] else {
            return nil
        }
        var members: [Datacenter] = []
        for item in reader.items(pool.value) {
            guard let member = datacenter(item, "a datacenter of \(what)") else { continue }
            if members.contains(member) {
                reader.complain(item.position, "\(configuration.datacenters[member]) is twice in one pool; keep one")
            } else {
                members.append(member)
            }
        }
        if case .sequence(let sequence) = pool.value, sequence.isEmpty {
            reader.complain(pool.value.position, "\(what) draws from an empty list; name at least one datacenter")
        }
        return PreferenceList(tiers: [members])
    }
}

// MARK: - Services

extension ConfigurationParser {
    private mutating func parseServices(_ node: Node) {
        for entry in reader.entries(node, "services") {
            let what = "service \(entry.key)"
            let fields = reader.fields(
                entry.value, what, known: ["map", "ttl", "answers"], required: ["map", "answers"])
            let map = fields["map"].flatMap { self.map($0.value, what) }
            let ttl = fields["ttl"].flatMap { reader.seconds($0.value, "the ttl of \(what)") }
            var answers: [[Configuration.Service.Answer]] = Array(repeating: [], count: configuration.datacenters.count)
            if let node = fields["answers"]?.value {
                for answer in reader.entries(node, "answers of \(what)") {
                    guard let datacenter = datacenter(answer.key, answer.keyPosition) else { continue }
                    answers[datacenter] = self.answers(answer.value, "the answer of \(what) in \(answer.key)")
                }
                if let map {
                    complainOfMissingAnswers(answers, map, what, node.position)
                }
            }
            serviceNumbers[entry.key] = configuration.services.count
            configuration.services.append(.init(name: entry.key, map: map ?? 0, ttl: ttl, answers: answers))
        }
    }

    private func map(_ node: Node, _ what: String) -> Int? {
        guard let name = reader.text(node, "the map of \(what)") else { return nil }
        if let number = mapNumbers[name] { return number }
        reader.complain(
            node.position, "unknown map '\(name)'\(suggestion(for: name, among: configuration.maps.map(\.name)))")
        return nil
    }

    private func complainOfMissingAnswers(
        _ answers: [[Configuration.Service.Answer]], _ map: Int, _ what: String, _ position: Complaint.Position?
    ) {
        for datacenter in configuration.maps[map].rules.datacenters.sorted() where answers[datacenter].isEmpty {
            let name = configuration.datacenters[datacenter]
            reader.complain(
                position,
                "\(what) has no answer in \(name), where map \(configuration.maps[map].name) sends clients; add \(name): …"
            )
        }
    }

    /// Addresses, whose family says the type, or a mapping from types to contents.
    private func answers(_ node: Node, _ what: String) -> [Configuration.Service.Answer] {
        guard case .mapping = node else {
            if case .sequence(let sequence) = node, sequence.isEmpty {
                reader.complain(node.position, "\(what) is empty; write an address")
            }
            return reader.items(node).compactMap { address($0, what) }
        }
        var answers: [Configuration.Service.Answer] = []
        for entry in reader.entries(node, what) {
            guard let type = type(entry) else { continue }
            for content in contents(entry.value, type, origin: nil, what) {
                answers.append(.init(type: type, content: content))
            }
        }
        complainOfLonelyTypes(Set(answers.map(\.type)), count: answers.count, node.position, what)
        return answers
    }

    private func address(_ node: Node, _ what: String) -> Configuration.Service.Answer? {
        guard let text = reader.text(node, what) else { return nil }
        let type: RecordType
        switch IPAddress(text) {
        case .v4: type = .a
        case .v6: type = .aaaa
        case nil:
            reader.complain(
                node.position,
                "\(what) is '\(text)', which is no address; write one, or a type: { CNAME: www.example.net. }")
            return nil
        }
        return (try? RecordContent(text, type: type, origin: nil)).map { .init(type: type, content: $0) }
    }
}

// MARK: - Records

extension ConfigurationParser {
    /// The type that a key names.
    private func type(_ entry: YAMLReader.Entry) -> RecordType? {
        guard let type = RecordType(entry.key), type != .any else {
            reader.complain(
                entry.keyPosition,
                "unknown record type '\(entry.key)'\(suggestion(for: entry.key, among: RecordType.mnemonics))")
            return nil
        }
        return type
    }

    /// The contents of one type: one, or a list.
    private func contents(_ node: Node, _ type: RecordType, origin: DomainName?, _ what: String) -> [RecordContent] {
        if case .sequence(let sequence) = node, sequence.isEmpty {
            reader.complain(
                node.position, "\(type) of \(what) is an empty list; write a content, or leave the type out")
        }
        var contents: [RecordContent] = []
        for item in reader.items(node) {
            guard let text = reader.text(item, "\(type) of \(what)") else { continue }
            do {
                let content = try RecordContent(text, type: type, origin: origin)
                if contents.contains(content) {
                    reader.complain(item.position, "\(type) '\(text)' is given twice for \(what); keep one")
                } else {
                    contents.append(content)
                }
            } catch {
                reader.complain(item.position, "\(type) '\(text)' of \(what): \(error)")
            }
        }
        return contents
    }

    /// CNAME stands alone, and alone of its kind (RFC 1034 section 3.6.2); so does DNAME of its kind.
    private func complainOfLonelyTypes(
        _ types: Set<RecordType>, count: Int, _ position: Complaint.Position?, _ what: String
    ) {
        guard types.contains(.cname), count > 1 else { return }
        reader.complain(position, "\(what) has a CNAME beside other data; a CNAME stands alone")
    }
}

// MARK: - Zones

extension ConfigurationParser {
    private mutating func parseZones(_ node: Node) {
        var apexes: Set<DomainName> = []
        for entry in reader.entries(node, "zones") {
            guard let apex = name(entry.key, relativeTo: .root, entry.keyPosition) else { continue }
            guard apexes.insert(apex).inserted else {
                reader.complain(entry.keyPosition, "the zone \(apex) is given twice; keep one")
                continue
            }
            parseZone(entry, apex)
        }
        if apexes.isEmpty, reader.complaints.isEmpty {
            reader.complain(node.position, "there is no zone; add one, such as geo.example.com:")
        }
    }

    private mutating func parseZone(_ entry: YAMLReader.Entry, _ apex: DomainName) {
        let what = "zone \(entry.key)"
        let fields = reader.fields(
            entry.value, what, known: ["soa", "ns", "ttl", "records"], required: ["soa", "ns"])
        let ttl = fields["ttl"].flatMap { reader.seconds($0.value, "the ttl of \(what)") } ?? 3600
        var negativeTTL: UInt32 = 60
        var records: [Record] = []
        if let node = fields["soa"]?.value, let soa = soa(node, apex, what, &negativeTTL) {
            records.append(Record(owner: apex, type: .soa, ttl: ttl, content: soa))
        }
        if let node = fields["ns"]?.value {
            if case .sequence(let sequence) = node, sequence.isEmpty {
                reader.complain(node.position, "\(what) has no name server; add one, such as ns1.example.com.")
            }
            for content in contents(node, .ns, origin: apex, what) {
                records.append(Record(owner: apex, type: .ns, ttl: ttl, content: content))
            }
        }
        var services: [(name: DomainName, service: Int)] = []
        var names: Set<DomainName> = []
        for entry in fields["records"].map({ reader.entries($0.value, "records of \(what)") }) ?? [] {
            guard let owner = name(entry.key, relativeTo: apex, entry.keyPosition) else { continue }
            guard owner.isAtOrBelow(apex) else {
                reader.complain(
                    entry.keyPosition,
                    "\(owner) is not in \(what); write a name without final dot, or one below \(apex).")
                continue
            }
            guard names.insert(owner).inserted else {
                reader.complain(entry.keyPosition, "the name \(owner) is given twice; keep one")
                continue
            }
            parseRecords(entry, owner, apex, ttl, &records, &services)
        }
        configuration.zones.append(
            Zone(apex: apex, defaultTTL: ttl, negativeTTL: negativeTTL, records: records, services: services))
    }

    private func parseRecords(
        _ entry: YAMLReader.Entry, _ owner: DomainName, _ apex: DomainName, _ zoneTTL: UInt32,
        _ records: inout [Record],
        _ services: inout [(name: DomainName, service: Int)]
    ) {
        let what = owner.description
        let entries = reader.entries(entry.value, what)
        if entries.isEmpty {
            reader.complain(entry.keyPosition, "\(what) has no record; write { service: NAME } or { A: 192.0.2.1 }")
        }
        let ttl =
            entries.first { $0.key == "ttl" }.flatMap { reader.seconds($0.value, "the ttl of \(what)") } ?? zoneTTL
        var types: Set<RecordType> = owner == apex ? [.soa, .ns] : []
        var count = types.count
        for entry in entries where entry.key != "ttl" {
            if entry.key == "service" {
                guard let service = service(entry.value, what) else { continue }
                services.append((owner, service))
                for type in Set(configuration.services[service].answers.joined().map(\.type)) where type != .cname {
                    types.insert(type)
                    count += 1
                }
                continue
            }
            guard let type = type(entry) else { continue }
            if owner == apex, type == .ns {
                reader.complain(entry.keyPosition, "NS of the apex belongs into ns: of the zone; move it there")
                continue
            }
            types.insert(type)
            for content in contents(entry.value, type, origin: apex, what) {
                records.append(Record(owner: owner, type: type, ttl: ttl, content: content))
                count += 1
            }
        }
        complainOfLonelyTypes(types, count: count, entry.keyPosition, what)
    }

    private func service(_ node: Node, _ what: String) -> Int? {
        guard let name = reader.text(node, "the service of \(what)") else { return nil }
        if let number = serviceNumbers[name] { return number }
        reader.complain(
            node.position,
            "unknown service '\(name)'\(suggestion(for: name, among: configuration.services.map(\.name)))")
        return nil
    }

    private func soa(
        _ node: Node, _ apex: DomainName, _ what: String, _ negativeTTL: inout UInt32
    ) -> RecordContent? {
        let what = "soa of \(what)"
        let fields = reader.fields(
            node, what, known: ["primary", "contact", "serial", "refresh", "retry", "expire", "minimum"],
            required: ["primary", "contact"])
        func time(_ key: String, _ fallback: UInt32) -> UInt32 {
            fields[key].flatMap { reader.seconds($0.value, "\(key) in \(what)") } ?? fallback
        }
        negativeTTL = time("minimum", 60)
        var serial = defaultSerial
        if let node = fields["serial"]?.value, let text = reader.text(node, "serial in \(what)") {
            if let number = UInt32(text) {
                serial = number
            } else {
                reader.complain(node.position, "the serial '\(text)' is no number; write one from 0 to 4294967295")
            }
        }
        guard let primary = fields["primary"].flatMap({ target($0.value, apex, "primary in \(what)") }),
            let contact = fields["contact"].flatMap({ contact($0.value, apex, "contact in \(what)") })
        else { return nil }
        return RecordContent(
            primary: primary, contact: contact, serial: serial, refresh: time("refresh", 10_800),
            retry: time("retry", 3600), expire: time("expire", 604_800), minimum: negativeTTL)
    }

    /// The contact of a zone: a name, or a mail address, which is written as a name (RFC 1035 section 8).
    private func contact(_ node: Node, _ apex: DomainName, _ what: String) -> DomainName? {
        guard let text = reader.text(node, what), let at = text.firstIndex(of: "@") else {
            return target(node, apex, what)
        }
        let user = text[..<at].replacing(".", with: "\\.")
        return name("\(user).\(text[text.index(after: at)...])", relativeTo: .root, node.position)
    }

    /// A name that a record points to.
    private func target(_ node: Node, _ apex: DomainName, _ what: String) -> DomainName? {
        guard let text = reader.text(node, what) else { return nil }
        do {
            return try DomainName(target: text, origin: apex)
        } catch {
            reader.complain(node.position, "\(what): \(error)")
            return nil
        }
    }

    private func name(_ text: String, relativeTo origin: DomainName, _ position: Complaint.Position?) -> DomainName? {
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            reader.complain(
                position, "'\(text)' has letters outside of ASCII; write the name in its xn-- form (RFC 5890)")
            return nil
        }
        do {
            return try DomainName(text, relativeTo: origin)
        } catch {
            reader.complain(position, "'\(text)' is no name: \(error)")
            return nil
        }
    }
}
