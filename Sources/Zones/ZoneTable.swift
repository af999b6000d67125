/// All zones, compiled: one look-up leads from a name to its records.
public struct ZoneTable: Sendable {
    /// The apex of each zone; a zone's id in the protocol is one more than its position here.
    public let apexes: [DomainName]
    private let nodes: [Node]
    private let names: NameTable
    /// The nodes of each zone, the apex first.
    private let nodesOfZone: [Range<Int>]

    /// One name of a zone.
    public struct Node: Sendable {
        /// The position of its zone.
        public let zone: Int32
        /// The number of its service; -1 if it has none.
        public let service: Int32
        /// Its records that are the same for all clients. Not empty, but for a service: a name that exists without
        /// having any (an empty non-terminal, RFC 8499) has a marker.
        public let records: RecordStore.Positions
    }

    /// Compiles `zones`, adding their records to `store`.
    ///
    /// A name that is in several zones, one of them below another, belongs to the lowest.
    public init(_ zones: [Zone], store: inout RecordStore) {
        var builders = zones.map { ZoneBuilder($0) }
        let apexes = zones.map(\.apex)
        let positions = Dictionary(apexes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        for i in builders.indices { builders[i].removeNames(belongingToOthersIn: positions) }

        var nodes: [Node] = []
        var names = NameTable(capacity: builders.reduce(0) { $0 + $1.count })
        var nodesOfZone: [Range<Int>] = []
        for (position, builder) in builders.enumerated() {
            let start = nodes.count
            builder.build(zone: position, store: &store) { name, node in
                names.append(name)
                nodes.append(node)
            }
            nodesOfZone.append(start..<nodes.count)
        }
        self.apexes = apexes
        self.nodes = nodes
        self.names = names
        self.nodesOfZone = nodesOfZone
    }

    /// What is at the name that `key` holds; `nil` if it does not exist.
    public func node(_ key: borrowing NameKey) -> Node? {
        guard let number = names.number(of: key) else { return nil }
        return nodes[number]
    }

    /// The position of the zone whose apex is the name that `key` holds.
    public func zone(_ key: borrowing NameKey) -> Int? {
        guard let number = names.number(of: key) else { return nil }
        let zone = Int(nodes[number].zone)
        return nodesOfZone[zone].lowerBound == number ? zone : nil
    }

    /// Calls `body` for every name of a zone, the apex first.
    public func forEachNode(inZone zone: Int, _ body: (_ name: Span<UInt8>, _ node: Node) -> Void) {
        for number in nodesOfZone[zone] { body(names.key(of: number).span, nodes[number]) }
    }
}

/// The names of one zone, while a table is made.
private struct ZoneBuilder {
    private let zone: Zone
    /// The records at each name; empty non-terminals have none.
    private var records: [DomainName: [Record]] = [:]
    private var services: [DomainName: Int] = [:]
    /// The names in the order in which they came.
    private var order: [DomainName] = []

    var count: Int { order.count }

    init(_ zone: Zone) {
        self.zone = zone
        add(zone.apex)
        for record in zone.records {
            add(record.owner)
            records[record.owner]!.append(record)
        }
        for (name, service) in zone.services {
            add(name)
            services[name] = service
        }
    }

    /// Adds a name, and the names between it and the apex.
    private mutating func add(_ name: DomainName) {
        var next: DomainName? = name
        while let name = next, name.isAtOrBelow(zone.apex), records[name] == nil {
            records[name] = []
            order.append(name)
            next = name.parent
        }
    }

    mutating func removeNames(belongingToOthersIn apexes: [DomainName: Int]) {
        guard apexes.count > 1 else { return }
        let apex = zone.apex
        order.removeAll { name in
            var next: DomainName? = name
            while let ancestor = next, ancestor != apex {
                if apexes[ancestor] != nil { return true }
                next = ancestor.parent
            }
            return false
        }
    }

    func build(zone position: Int, store: inout RecordStore, _ add: (DomainName, ZoneTable.Node) -> Void) {
        for name in order {
            let start = store.end
            let isBelowCut = isBelowCut(name)
            let isCut = name != zone.apex && records[name]!.contains { $0.type == .ns }
            for record in records[name]! {
                // What is delegated away is not signed, nor is what leads there; the DS record at the cut is.
                store.append(
                    type: record.type, ttl: record.ttl, zoneID: position + 1, content: record.content,
                    isAuthoritative: !isBelowCut && (!isCut || record.type == .ds))
            }
            if store.end == start, services[name] == nil {
                store.append(
                    type: .marker, ttl: zone.negativeTTL, zoneID: position + 1, content: .empty, isAuthoritative: true)
            }
            let service = services[name].map(Int32.init) ?? -1
            add(name, ZoneTable.Node(zone: Int32(position), service: service, records: start..<store.end))
        }
    }

    /// Whether a name between this and the apex is delegated away.
    private func isBelowCut(_ name: DomainName) -> Bool {
        var next = name.parent
        while let ancestor = next, ancestor != zone.apex, ancestor.isAtOrBelow(zone.apex) {
            if records[ancestor]?.contains(where: { $0.type == .ns }) == true { return true }
            next = ancestor.parent
        }
        return false
    }
}
