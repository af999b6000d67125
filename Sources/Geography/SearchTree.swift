/// The search tree of a database, which has a node for each bit of an address (MaxMind DB spec, "Binary Search Tree Section").
struct SearchTree {
    /// Valid as long as the database is open.
    let nodes: UnsafePointer<UInt8>
    /// The number of nodes; a record below it leads to a node, the record that equals it to nothing, and a higher one to data.
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

    /// The bits of a record, of which a node has two.
    enum RecordSize: UInt64 {
        case bits24 = 24
        case bits28 = 28
        case bits32 = 32

        /// The bytes of a node.
        var nodeSize: Int { Int(rawValue) / 4 }
    }

    /// Where a record's data are in the data section; `nil` for a record that leads to nothing.
    @inline(__always)
    func offset(of record: UInt32) throws(Malformed) -> UInt32? {
        guard record != count else { return nil }
        let offset = record &- count &- UInt32(DatabaseLayout.separator)
        guard record > count, record - count >= UInt32(DatabaseLayout.separator), offset < dataCount else {
            throw Malformed(reason: "the search tree points outside of the file")
        }
        return offset
    }

    private func records(of node: UInt32) -> (left: UInt32, right: UInt32) {
        switch recordSize {
        case .bits24: Nodes24.records(of: node, in: nodes)
        case .bits28: Nodes28.records(of: node, in: nodes)
        case .bits32: Nodes32.records(of: node, in: nodes)
        }
    }

    /// The record that the IPv4 addresses are below: at ::/96 of an IPv6 tree.
    private var ipv4Root: UInt32 {
        var record: UInt32 = 0
        guard isIPv6 else { return record }
        for _ in 0..<96 where record < count { record = records(of: record).left }
        return record
    }

    /// Where the data of an address are, and the length of the network's prefix; `nil` if nothing is known of it.
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

    /// Calls `body` with each record of a node that leads to data, whether an address leads to it or not.
    @inline(__always)
    func forEachDataOffset(_ body: (_ offset: UInt32) -> Void) {
        switch recordSize {
        case .bits24: forEachDataOffset(Nodes24.self, body)
        case .bits28: forEachDataOffset(Nodes28.self, body)
        case .bits32: forEachDataOffset(Nodes32.self, body)
        }
    }

    @inline(__always)
    private func forEachDataOffset<Nodes: NodeLayout>(_ layout: Nodes.Type, _ body: (_ offset: UInt32) -> Void) {
        // What a record of data is at least.
        let first = UInt64(count) + UInt64(DatabaseLayout.separator)
        for node in 0..<count {
            let (left, right) = Nodes.records(of: node, in: nodes)
            let (leftOffset, rightOffset) = (UInt64(left) &- first, UInt64(right) &- first)
            if leftOffset < UInt64(dataCount) { body(UInt32(truncatingIfNeeded: leftOffset)) }
            if rightOffset < UInt64(dataCount) { body(UInt32(truncatingIfNeeded: rightOffset)) }
        }
    }

    // MARK: Networks

    /// Calls `body` with the record that each IPv4 address leads to, and the first address of those that it is the same for, in
    /// their order: `count`, or one for `offset`. Neighbours differ.
    @inline(__always)
    func forEachIPv4Record(
        _ body: (_ first: UInt32, _ record: UInt32) throws(Malformed) -> Void
    ) throws(Malformed) { try forEachRecord(from: ipv4Root, body) }

    /// The same for IPv6. The addresses of blocks that carry an IPv4 address lead to nothing, but where they are in a larger network.
    @inline(__always)
    func forEachIPv6Record(
        _ body: (_ first: UInt128, _ record: UInt32) throws(Malformed) -> Void
    ) throws(Malformed) { try forEachRecord(from: isIPv6 ? 0 : count, body) }

    @inline(__always)
    private func forEachRecord<Address: FixedWidthInteger & UnsignedInteger>(
        from root: UInt32, _ body: (_ first: Address, _ record: UInt32) throws(Malformed) -> Void
    ) throws(Malformed) {
        switch recordSize {
        case .bits24: try forEachRecord(Nodes24.self, from: root, body)
        case .bits28: try forEachRecord(Nodes28.self, from: root, body)
        case .bits32: try forEachRecord(Nodes32.self, from: root, body)
        }
    }

    @inline(__always)
    private func forEachRecord<Nodes: NodeLayout, Address: FixedWidthInteger & UnsignedInteger>(
        _ layout: Nodes.Type, from root: UInt32,
        _ body: (_ first: Address, _ record: UInt32) throws(Malformed) -> Void
    ) throws(Malformed) {
        // A sound tree has each node once, but for aliases of the IPv4 part; more visits are a cycle or an attack.
        var budget = 3 * Int(count) + 1024
        var lastRecord: UInt32?
        // What is still to be visited, the lowest address last: the right half of each node on the way down.
        let waiting = UnsafeMutablePointer<(record: UInt32, first: Address, length: Int)>.allocate(
            capacity: Address.bitWidth)
        defer { waiting.deallocate() }
        var waitingCount = 0
        var (record, first, length) = (root, Address(0), 0)
        while true {
            if isEmptyBlock(first, length) { record = count }
            while record < count {
                guard length < Address.bitWidth else { throw Self.tooDeep }
                budget -= 1
                guard budget > 0 else { throw Malformed(reason: "the search tree has a cycle") }
                let (left, right) = Nodes.records(of: record, in: nodes)
                length += 1
                (waiting + waitingCount).initialize(
                    to: (right, first | 1 << Address(truncatingIfNeeded: Address.bitWidth - length), length))
                waitingCount += 1
                record = left
                if isEmptyBlock(first, length) { record = count }
            }
            // Neighbours mostly have one record: a network that is no power of two wide.
            if record != lastRecord {
                try body(first, record)
                lastRecord = record
            }
            guard waitingCount > 0 else { return }
            waitingCount -= 1
            (record, first, length) = waiting[waitingCount]
        }
    }

    /// Whether a network is a block of IPv6 whose addresses carry an IPv4 address: `IPPrefix.embeddingIPv4`.
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

    private static var tooDeep: Malformed { Malformed(reason: "the search tree is deeper than an address is long") }
}

/// How a node has its two records.
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
        // The byte in the middle has the highest bits of both.
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
