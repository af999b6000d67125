import Support

/// A drawn record.
struct ZoneRecord: Sendable {
    var owner: Name
    var ttl: Int
    var data: RecordData
}

/// A drawn zone; its SOA record comes first.
struct MasterZone: Sendable {
    let apex: Name
    var records: [ZoneRecord]

    /// The zone in the form that every server reads: one line for each record, with all fields.
    var plain: String {
        records.map { "\($0.owner) \($0.ttl) IN \($0.data.plainType) \($0.data.plain)\n" }.joined()
    }
}

extension RecordData {
    var plainType: String { isGeneric ? "TYPE\(type)" : typeName(type) }
}

/// Draws valid zones with everything that makes answers difficult: empty non-terminals, wildcards, delegations with
/// occluded names, aliases of every kind, and zones below other zones.
struct RandomZones {
    private var generator: SeededGenerator
    private(set) var zones: [MasterZone] = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        var apexes = generator.some(
            generator.number(1...2),
            of: ["example.org", "example", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa", "Sub.Example.NET"]
        ).map { Name($0) }
        if generator.once(in: 12) { apexes.append(.root) }
        // A child zone on the same server, whether its parent delegates it or not.
        if generator.once(in: 2), let child = generator.one(of: apexes).child(generator.one(of: ["a", "b", "UPPER"])) {
            apexes.append(child)
            if generator.once(in: 2), let grandchild = child.child("a")?.child("b") { apexes.append(grandchild) }
        }
        var seen: Set<Name> = []
        apexes.removeAll { !seen.insert($0).inserted }
        for apex in apexes { zones.append(zone(apex, among: apexes)) }
    }

    /// The labels; few, so that names collide.
    private static let labels: [[UInt8]] =
        ["a", "a", "a", "b", "b", "c", "d", "www", "*", "*", "_tcp", "xn--bcher-kva", "UPPER"].map { Array($0.utf8) }

    private static let strangeLabels: [[UInt8]] =
        ["sp ace", "do.t", "back\\slash", "@", "$TTL", "(", "\"", ";", "a*", "**", "0"].map { Array($0.utf8) }
        + [[0], [0xff, 0xe9], [0x2e], Array(repeating: UInt8(ascii: "l"), count: 63)]

    // MARK: Names

    private mutating func label() -> [UInt8] {
        generator.once(in: 12) ? generator.one(of: Self.strangeLabels) : generator.one(of: Self.labels)
    }

    private mutating func name(below apex: Name) -> Name {
        var name = apex
        for _ in 0..<generator.one(of: [1, 1, 1, 2, 2, 3, 4]) { name = name.child(label()) ?? name }
        if generator.once(in: 60) {
            while let longer = name.child(Array(repeating: UInt8(ascii: "x"), count: 63)) { name = longer }
            name = name.child(Array(repeating: UInt8(ascii: "y"), count: max(1, 254 - name.wire.count))) ?? name
        }
        return name
    }

    // MARK: Zones

    /// The purpose of a name.
    private enum Role { case data, alias, redirection, cut, many }

    private static let dataTypes: [UInt16] =
        knownTypes.filter { ![2, 5, 6, 39, 43, 46, 47, 48, 50, 51, 59, 60].contains($0) } + [
            1, 1, 1, 28, 28, 15, 15, 16, 16, 33,
        ]

    private mutating func zone(_ apex: Name, among apexes: [Name]) -> MasterZone {
        var zone = ZoneDraft(apex: apex)
        var names: [Name] = []
        for _ in 0..<generator.number(6...25) {
            let name = name(below: apex)
            if !names.contains(name), name != apex { names.append(name) }
        }
        let ttl = generator.one(of: [0, 60, 3600, 86400, 604800])
        let soa = RecordData(
            type: 6,
            fields: [.name(target(apex, names)), .name(apex.child("host.master") ?? apex)]
                + [generator.number(0...Int(UInt32.max)), 7200, 600, 1_209_600, generator.one(of: [0, 60, 900])].map {
                    .number($0, 4)
                })
        zone.add(apex, ttl: ttl, soa)
        nameServers(of: apex, in: &zone, names)
        // BIND 9.18 attributes a DS record to the apex if its owner is a name server and the next line.
        zone.add(Self.first(in: apex), ttl: ttl, generator.data(of: 1) { _ in .root })
        // Child zones are delegated, or not.
        for child in apexes where child.isBelow(apex) {
            names.removeAll { $0 == child }
            if generator.once(in: 3) { names.removeAll { $0.isBelow(child) } }
            if !generator.once(in: 4) { cut(child, in: &zone, names) }
        }
        for _ in 0..<generator.number(0...4) { data(apex, in: &zone, names) }
        for name in names {
            let roles: [Role] =
                Array(repeating: .data, count: 12) + Array(repeating: .alias, count: 4) + [
                    .redirection, .cut, .cut, .many,
                ]
            switch generator.one(of: roles) {
            case .alias:
                zone.set(name, ttl: time(), alias(to: aliasTarget(name, apex, names)))
            case .redirection:
                zone.set(name, ttl: time(), RecordData(type: 39, fields: [.name(target(apex, names))]))
                if generator.once(in: 3) { data(name, in: &zone, names) }
            case .cut where name.labels[0] != [UInt8(ascii: "*")]:
                cut(name, in: &zone, names)
            case .many:
                let ttl = time()
                for number in 0..<generator.number(30...60) {
                    zone.add(
                        name, ttl: ttl,
                        RecordData(type: 1, fields: [.words(["192.0.2.\(number)"], [192, 0, 2, UInt8(number)])]))
                }
            default:
                for _ in 0..<generator.number(1...3) { data(name, in: &zone, names) }
            }
        }
        complete(&zone)
        return MasterZone(apex: apex, records: zone.records)
    }

    /// Returns a name that has an address in every zone.
    static func first(in apex: Name) -> Name { apex.child("first")! }

    private mutating func time() -> Int {
        generator.one(of: [0, 1, 60, 300, 3600, 5400, 86_400, 93_784, 2_147_483_647])
    }

    private mutating func alias(to name: Name) -> RecordData { RecordData(type: 5, fields: [.name(name)]) }

    /// Draws a target of records: in the zone, existing or not, or outside it.
    private mutating func target(_ apex: Name, _ names: [Name]) -> Name {
        switch generator.number(0...9) {
        case 0...4 where !names.isEmpty: generator.one(of: names)
        case 5: name(below: apex)
        case 6: generator.one(of: names + [apex]).child(label()) ?? apex
        case 7: apex
        case 8: generator.one(of: zones.flatMap { $0.records.map(\.owner) } + [apex])
        default: Name(generator.one(of: ["www.example.net", "a.example.org", "b", "mail.sub.example.net"]))
        }
    }

    private mutating func aliasTarget(_ owner: Name, _ apex: Name, _ names: [Name]) -> Name {
        generator.once(in: 8) ? owner : target(apex, names)
    }

    private mutating func data(_ owner: Name, in zone: inout ZoneDraft, _ names: [Name]) {
        var type = generator.once(in: 8) ? UInt16(generator.number(65281...65290)) : generator.one(of: Self.dataTypes)
        // A ZONEMD record at the apex would need the correct digest.
        if type == 63, owner == zone.apex { type = 16 }
        let ttl = time()
        // An SVCB or HTTPS record in alias mode is alone (RFC 9460 section 2.4.1): to pdns the order of several has a
        // meaning.
        let count = type == 64 || type == 65 ? 1 : generator.one(of: [1, 1, 1, 2, 3])
        for _ in 0..<count {
            var points: [Name] = []
            for _ in 0..<2 { points.append(target(zone.apex, names)) }
            zone.add(owner, ttl: ttl, generator.data(of: type) { $0.one(of: points) })
        }
    }

    private mutating func nameServers(of owner: Name, in zone: inout ZoneDraft, _ names: [Name]) {
        let ttl = time()
        let own = [owner.child("ns1"), owner.child("a")?.child("ns"), owner].compactMap { $0 }
        let others = [Name("ns.example.net"), Name("ns1.example.com")]
        for _ in 0..<generator.number(1...3) {
            let server =
                switch generator.number(0...5) {
                case 0...2: generator.one(of: own)
                case 3: generator.one(of: names + [zone.apex])
                default: generator.one(of: others)
                }
            zone.add(owner, ttl: ttl, RecordData(type: 2, fields: [.name(server)]))
        }
    }

    /// Adds a delegation with or without a DS record, and occluded records at it and below it.
    private mutating func cut(_ owner: Name, in zone: inout ZoneDraft, _ names: [Name]) {
        zone.clear(owner)
        nameServers(of: owner, in: &zone, names)
        if generator.once(in: 2) {
            let ttl = time()
            for _ in 0..<generator.number(1...2) { zone.add(owner, ttl: ttl, generator.data(of: 43) { _ in .root }) }
        }
        if generator.once(in: 4) { data(owner, in: &zone, names) }
        for _ in 0..<generator.one(of: [0, 0, 1, 2]) {
            let hidden = name(below: owner)
            if generator.once(in: 3) {
                zone.set(hidden, ttl: time(), alias(to: target(zone.apex, names)))
            } else {
                data(hidden, in: &zone, names)
            }
        }
    }

    /// Adds the missing addresses of names that need one in the zone, as BIND's checks require.
    private mutating func complete(_ zone: inout ZoneDraft) {
        var isComplete = true
        for record in zone.records where [2, 15, 33].contains(record.data.type) {
            for name in record.data.names where name.isAtOrBelow(zone.apex) {
                guard zone.leadsElsewhere(name) || !zone.hasAddress(name) else { continue }
                isComplete = false
                zone.removeAliases(of: name)
                let ttl = time()
                zone.add(name, ttl: ttl, generator.data(of: generator.once(in: 3) ? 28 : 1) { _ in .root })
            }
        }
        // A removed record may have been an address.
        if !isComplete { complete(&zone) }
    }
}

/// A zone under construction: a CNAME is alone at its name, and no record occurs twice.
private struct ZoneDraft {
    let apex: Name
    private(set) var records: [ZoneRecord] = []
    private var typesAt: [Name: [UInt16: Int]] = [:]
    private var seen: Set<Key> = []

    private struct Key: Hashable {
        var owner: Name
        var type: UInt16
        var data: [UInt8]
    }

    init(apex: Name) { self.apex = apex }

    func hasAddress(_ name: Name) -> Bool { typesAt[name]?.keys.contains { $0 == 1 || $0 == 28 } == true }

    /// Adds a record unless the zone would be invalid. All records of an RRset get the TTL of the first one.
    mutating func add(_ owner: Name, ttl: Int, _ data: RecordData) {
        let types = typesAt[owner] ?? [:]
        guard types[5] == nil, data.type != 5 || types.isEmpty, data.type != 39 || types[39] == nil,
            seen.insert(Key(owner: owner, type: data.type, data: Name.lowered(data))).inserted
        else { return }
        let ttl = types[data.type] ?? ttl
        typesAt[owner, default: [:]][data.type] = ttl
        records.append(ZoneRecord(owner: owner, ttl: ttl, data: data))
    }

    /// Replaces all records of the owner with this one.
    mutating func set(_ owner: Name, ttl: Int, _ data: RecordData) {
        guard owner != apex else { return }
        clear(owner)
        add(owner, ttl: ttl, data)
    }

    mutating func clear(_ owner: Name) {
        records.removeAll { $0.owner == owner }
        typesAt[owner] = nil
        seen = seen.filter { $0.owner != owner }
    }

    /// Returns whether the name has a CNAME or is below a DNAME.
    func leadsElsewhere(_ name: Name) -> Bool {
        typesAt[name]?[5] != nil || name.ancestors(to: apex).dropFirst().contains { typesAt[$0]?[39] != nil }
    }

    mutating func removeAliases(of name: Name) {
        if typesAt[name]?[5] != nil { clear(name) }
        for above in name.ancestors(to: apex).dropFirst() where typesAt[above]?[39] != nil { clear(above) }
    }
}

extension Name {
    /// The data with its names in lower case, since records that differ only in that are equal.
    fileprivate static func lowered(_ data: RecordData) -> [UInt8] {
        RecordData(
            type: data.type,
            fields: data.fields.map { if case .name(let name) = $0 { .name(Name(name.folded)) } else { $0 } }
        ).wire
    }
}
