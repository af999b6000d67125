/// The search tree of a database, with a level for each bit of an address (MaxMind DB spec, "Binary Search Tree
/// Section").
struct SearchTree {
    /// The nodes, valid as long as the database is open.
    let nodes: UnsafePointer<UInt8>
    /// The number of nodes. A record below it points to a node, the record that equals it to no data, and a larger
    /// one to data.
    let count: UInt32
    let recordSize: RecordSize
    let isIPv6: Bool
    /// The number of bytes of the data section.
    let dataCount: UInt32

    typealias Malformed = DataSection.Malformed

    init(nodes: UnsafePointer<UInt8>, count: UInt32, _ recordSize: RecordSize, isIPv6: Bool, dataCount: UInt32) {
        self.nodes = nodes
        self.count = count
        self.recordSize = recordSize
        self.isIPv6 = isIPv6
        self.dataCount = dataCount
    }

    /// The number of bits of a record; a node has two records.
    enum RecordSize: UInt64 {
        case bits24 = 24
        case bits28 = 28
        case bits32 = 32

        /// The number of bytes of a node.
        var nodeSize: Int { Int(rawValue) / 4 }
    }

    /// Returns the offset of a record's data in the data section; `nil` for a record without data.
    @inline(__always)
    func offset(of record: UInt32) throws(Malformed) -> UInt32? {
        guard record != count else { return nil }
        let offset = self.offset(ofRecord: record)
        guard offset < dataCount else { throw Self.leadsOutside }
        return UInt32(truncatingIfNeeded: offset)
    }

    /// Returns the offset without a check: `dataCount` and more are invalid.
    @inline(__always)
    func offset(ofRecord record: UInt32) -> UInt64 {
        UInt64(record) &- UInt64(count) &- UInt64(DatabaseLayout.separator)
    }

    private func records(of node: UInt32) -> (left: UInt32, right: UInt32) {
        switch recordSize {
        case .bits24: Nodes24.records(of: node, in: nodes)
        case .bits28: Nodes28.records(of: node, in: nodes)
        case .bits32: Nodes32.records(of: node, in: nodes)
        }
    }

    /// The record of the IPv4 subtree, which is at ::/96 in an IPv6 tree.
    private var ipv4Root: UInt32 {
        var record: UInt32 = 0
        guard isIPv6 else { return record }
        for _ in 0..<96 where record < count { record = records(of: record).left }
        return record
    }

    /// Returns the prefix length of an address's network and the offset of its data; `nil` if there is no data.
    func find(_ address: IPAddress) throws(Malformed) -> (length: Int, offset: UInt32)? {
        let bits: UInt128
        var record: UInt32 = 0
        switch address {
        case .v4(let ipv4):
            bits = UInt128(ipv4) << 96
            record = ipv4Root
        case .v6(let ipv6):
            guard isIPv6 else { return nil }
            bits = ipv6
        }
        var length = 0
        while record < count {
            guard length < address.bitWidth else { throw Self.tooDeep }
            let (left, right) = records(of: record)
            record = bits >> UInt128(127 - length) & 1 == 0 ? left : right
            length += 1
        }
        return try offset(of: record).map { (length, $0) }
    }

    // MARK: Networks

    /// A batch of consecutive networks: the first address of each, and its record. Adjacent networks with the same
    /// record are merged.
    typealias Networks<Address> = (firsts: UnsafeBufferPointer<Address>, records: UnsafeBufferPointer<UInt32>)

    /// Calls `body` with all IPv4 networks in the order of addresses. Networks without data have the record `count`.
    func forEachIPv4Networks(_ body: (Networks<UInt32>) throws(Malformed) -> Void) throws(Malformed) {
        try forEachNetworks(from: ipv4Root, body)
    }

    /// Calls `body` with all IPv6 networks. Blocks that embed IPv4 addresses count as without data, unless they are
    /// in a larger network.
    func forEachIPv6Networks(_ body: (Networks<UInt128>) throws(Malformed) -> Void) throws(Malformed) {
        try forEachNetworks(from: isIPv6 ? 0 : count, body)
    }

    private func forEachNetworks<Address: FixedWidthInteger & UnsignedInteger>(
        from root: UInt32, _ body: (Networks<Address>) throws(Malformed) -> Void
    ) throws(Malformed) {
        switch recordSize {
        case .bits24: try forEachNetworks(Nodes24.self, from: root, body)
        case .bits28: try forEachNetworks(Nodes28.self, from: root, body)
        case .bits32: try forEachNetworks(Nodes32.self, from: root, body)
        }
    }

    /// The number of networks in a batch, which fits into the L1 cache.
    private static var batchSize: Int { 1 << 10 }

    @inline(__always)
    private func forEachNetworks<Nodes: NodeLayout, Address: FixedWidthInteger & UnsignedInteger>(
        _ layout: Nodes.Type, from root: UInt32, _ body: (Networks<Address>) throws(Malformed) -> Void
    ) throws(Malformed) {
        // A valid tree has each node once, except for aliases of the IPv4 subtree. More visits mean a cycle or an
        // attack.
        var budget = 3 * Int(count) + 1024
        let firsts = UnsafeMutablePointer<Address>.allocate(capacity: Self.batchSize)
        let records = UnsafeMutablePointer<UInt32>.allocate(capacity: Self.batchSize)
        // The right record of each node on the way down, by depth.
        let rights = UnsafeMutablePointer<UInt32>.allocate(capacity: Address.bitWidth + 1)
        defer {
            firsts.deallocate()
            records.deallocate()
            rights.deallocate()
        }
        let networks = Networks<Address>(
            UnsafeBufferPointer(start: firsts, count: Self.batchSize),
            UnsafeBufferPointer(start: records, count: Self.batchSize))
        var filled = 0
        // Not the record of any network, because those are at least `count`.
        var lastRecord: UInt32 = 0
        var (record, first, length) = (root, Address(0), 0)
        while true {
            if isEmptyBlock(first, length) { record = count }
            while record < count {
                guard length < Address.bitWidth else { throw Self.tooDeep }
                budget &-= 1
                guard budget > 0 else { throw Malformed(reason: "the search tree has a cycle") }
                let (left, right) = Nodes.records(of: record, in: nodes)
                length &+= 1
                rights[length] = right
                record = left
                if isEmptyBlock(first, length) { record = count }
            }
            // Without a branch, which would be unpredictable: adjacent networks often have the same record.
            firsts[filled] = first
            records[filled] = record
            filled &+= record != lastRecord ? 1 : 0
            lastRecord = record
            if filled == Self.batchSize {
                try body(networks)
                filled = 0
            }
            // Go on with the right record of the deepest node that has one left: trailing zeros of the next address
            // give its depth.
            let next = first &+ (length == 0 ? 0 : 1 &<< Address(truncatingIfNeeded: Address.bitWidth &- length))
            guard next != 0 else { break }
            first = next
            length = Address.bitWidth &- next.trailingZeroBitCount
            record = rights[length]
        }
        try body(
            Networks<Address>(
                UnsafeBufferPointer(rebasing: networks.firsts[..<filled]),
                UnsafeBufferPointer(rebasing: networks.records[..<filled])))
    }

    /// Whether a network is one of `IPPrefix.embeddingIPv4`.
    @inline(__always)
    private func isEmptyBlock<Address: FixedWidthInteger>(_ first: Address, _ length: Int) -> Bool {
        guard Address.bitWidth == 128, length == 96 || length == 32 || length == 16 else { return false }
        let bits = UInt128(truncatingIfNeeded: first)
        switch length {
        case 96: return bits == 0 || bits == 0xffff << 32 || bits == 0x64_ff9b << 96
        case 32: return bits == 0x2001_0000 << 96
        default: return bits == 0x2002 << 112
        }
    }

    static var leadsOutside: Malformed { Malformed(reason: "the search tree points outside of the file") }
    private static var tooDeep: Malformed { Malformed(reason: "the search tree is deeper than an address is long") }
}

/// The layout of the two records of a node.
private protocol NodeLayout {
    static func records(of node: UInt32, in nodes: UnsafePointer<UInt8>) -> (left: UInt32, right: UInt32)
}

private enum Nodes24: NodeLayout {
    @inline(__always)
    static func records(of node: UInt32, in nodes: UnsafePointer<UInt8>) -> (left: UInt32, right: UInt32) {
        let bytes = nodes + Int(node) * 6
        return (integer24(bytes), integer24(bytes + 3))
    }
}

private enum Nodes28: NodeLayout {
    @inline(__always)
    static func records(of node: UInt32, in nodes: UnsafePointer<UInt8>) -> (left: UInt32, right: UInt32) {
        // The byte in the middle has the highest four bits of both records.
        let bytes = nodes + Int(node) * 7
        let middle = UInt32(bytes[3])
        return ((middle & 0xf0) << 20 | integer24(bytes), (middle & 0x0f) << 24 | integer24(bytes + 4))
    }
}

private enum Nodes32: NodeLayout {
    @inline(__always)
    static func records(of node: UInt32, in nodes: UnsafePointer<UInt8>) -> (left: UInt32, right: UInt32) {
        let bytes = nodes + Int(node) * 8
        return (UInt32(bytes[0]) << 24 | integer24(bytes + 1), UInt32(bytes[4]) << 24 | integer24(bytes + 5))
    }
}

@inline(__always)
private func integer24(_ bytes: UnsafePointer<UInt8>) -> UInt32 {
    UInt32(bytes[0]) << 16 | UInt32(bytes[1]) << 8 | UInt32(bytes[2])
}
