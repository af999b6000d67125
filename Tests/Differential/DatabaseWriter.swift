/// A value of a MaxMind DB's data section (MaxMind DB File Format Specification 2.0, "Data Field Format").
indirect enum DataValue {
    case string(String)
    case double(Double)
    case uint16(Int)
    case uint32(Int)
    case uint64(Int)
    case map([(String, DataValue)])
    case array([DataValue])
    /// A pointer to this offset of the data section.
    case pointer(Int)
    /// Raw bytes, for invalid values.
    case bytes([UInt8])

    var encoded: [UInt8] {
        switch self {
        case .string(let text): Self.control(2, text.utf8.count) + text.utf8
        case .double(let number): Self.control(3, 8) + Self.bigEndian(number.bitPattern, 8)
        case .uint16(let number): Self.unsigned(5, number)
        case .uint32(let number): Self.unsigned(6, number)
        case .uint64(let number): Self.unsigned(9, number)
        case .map(let fields):
            fields.reduce(Self.control(7, fields.count)) { $0 + DataValue.string($1.0).encoded + $1.1.encoded }
        case .array(let items): items.reduce(Self.control(11, items.count)) { $0 + $1.encoded }
        case .pointer(let offset): Self.pointer(UInt64(offset))
        case .bytes(let bytes): bytes
        }
    }

    /// Returns the control bytes of a value: its type, and its size or number of entries.
    static func control(_ type: UInt8, _ size: Int) -> [UInt8] {
        let (short, more): (UInt8, [UInt8]) =
            switch size {
            case ..<29: (UInt8(size), [])
            case ..<285: (29, bigEndian(UInt64(size - 29), 1))
            case ..<65_821: (30, bigEndian(UInt64(size - 285), 2))
            default: (31, bigEndian(UInt64(size - 65_821), 3))
            }
        // Types from 8 upwards have an extra byte.
        return (type < 8 ? [type << 5 | short] : [short, type - 7]) + more
    }

    /// Returns the shortest form of a pointer. The offsets of each longer form begin where those of the shorter one
    /// end.
    private static func pointer(_ offset: UInt64) -> [UInt8] {
        switch offset {
        case ..<2_048: bigEndian(1 << 13 | offset, 2)
        case ..<526_336: bigEndian(1 << 21 | 1 << 19 | (offset - 2_048), 3)
        case ..<134_744_064: bigEndian(1 << 29 | 2 << 27 | (offset - 526_336), 4)
        default: [1 << 5 | 3 << 3] + bigEndian(offset, 4)
        }
    }

    private static func unsigned(_ type: UInt8, _ number: Int) -> [UInt8] {
        let bytes = bigEndian(UInt64(number), 8).drop { $0 == 0 }
        return control(type, bytes.count) + bytes
    }

    static func bigEndian(_ number: UInt64, _ count: Int) -> [UInt8] {
        stride(from: (count - 1) * 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
    }
}

/// The parts of a MaxMind DB, which may be inconsistent.
struct DatabaseImage {
    /// The target of one side of a node.
    enum Record {
        case node(Int)
        case empty
        /// The value at this offset of the data section.
        case data(Int)
        case raw(Int)
    }

    var nodes: [(Record, Record)] = []
    var data: [UInt8] = []
    var recordSize = 24
    var isV6 = true
    /// Metadata that replaces the correct values.
    var replacedMetadata: [String: DataValue] = [:]
    /// Metadata to omit.
    var omitted: Set<String> = []

    static let metadataMarker: [UInt8] = [0xAB, 0xCD, 0xEF] + "MaxMind.com".utf8

    var tree: [UInt8] {
        nodes.flatMap { node -> [UInt8] in
            let (left, right) = (UInt64(number(node.0)), UInt64(number(node.1)))
            guard recordSize == 28 else {
                return DataValue.bigEndian(left, recordSize / 8) + DataValue.bigEndian(right, recordSize / 8)
            }
            // The middle byte has the highest four bits of both sides.
            return DataValue.bigEndian(left & 0xFF_FFFF, 3) + [UInt8(left >> 24 & 15) << 4 | UInt8(right >> 24 & 15)]
                + DataValue.bigEndian(right & 0xFF_FFFF, 3)
        }
    }

    var metadata: [UInt8] {
        let truth: [(String, DataValue)] = [
            ("binary_format_major_version", .uint16(2)), ("binary_format_minor_version", .uint16(0)),
            ("build_epoch", .uint64(1_767_225_600)), ("database_type", .string("Test-City")),
            ("description", .map([("en", .string("a database for a test"))])), ("ip_version", .uint16(isV6 ? 6 : 4)),
            ("languages", .array([.string("en")])), ("node_count", .uint32(nodes.count)),
            ("record_size", .uint16(recordSize)),
        ]
        return DataValue.map(truth.filter { !omitted.contains($0.0) }.map { ($0.0, replacedMetadata[$0.0] ?? $0.1) })
            .encoded
    }

    var bytes: [UInt8] { tree + [UInt8](repeating: 0, count: 16) + data + Self.metadataMarker + metadata }

    private func number(_ record: Record) -> Int {
        switch record {
        case .node(let node): node
        case .empty: nodes.count
        case .data(let offset): nodes.count + 16 + offset
        case .raw(let number): number
        }
    }
}

/// Makes a database of networks and their records. If networks overlap, the later one wins.
struct DatabaseWriter {
    private indirect enum Tree {
        case empty
        case data(Int)
        case node(Tree, Tree)
    }

    var recordSize = 24
    let isV6: Bool
    private var tree = Tree.empty
    private var data: [UInt8] = []

    init(isV6: Bool) { self.isV6 = isV6 }

    mutating func insert(_ network: Network, _ record: DataValue) {
        insert(network, at: data.count)
        data += record.encoded
    }

    /// Writes a value that several pointers may refer to.
    mutating func share(_ value: DataValue) -> DataValue {
        data += value.encoded
        return .pointer(data.count - value.encoded.count)
    }

    private mutating func insert(_ network: Network, at offset: Int) {
        // An IPv6 tree has IPv4 at ::/96.
        let before = isV6 && network.first.family == .v4 ? 96 : 0
        precondition(isV6 || network.first.family == .v4)
        let bits =
            (0..<before).map { _ in false }
            + (0..<network.length).map { network.first.bits >> UInt128(network.first.family.width - 1 - $0) & 1 == 1 }
        tree = Self.inserting(offset, into: tree, bits[...])
    }

    private static func inserting(_ offset: Int, into tree: Tree, _ bits: ArraySlice<Bool>) -> Tree {
        guard let isRight = bits.first else { return .data(offset) }
        let (left, right) = if case .node(let left, let right) = tree { (left, right) } else { (tree, tree) }
        let rest = bits.dropFirst()
        return isRight
            ? .node(left, inserting(offset, into: right, rest)) : .node(inserting(offset, into: left, rest), right)
    }

    var image: DatabaseImage {
        var image = DatabaseImage()
        image.recordSize = recordSize
        image.isV6 = isV6
        image.data = data
        // The first node is the root, even if both of its sides are equal.
        let root = if case .node = tree { tree } else { Tree.node(tree, tree) }
        _ = Self.append(root, to: &image)
        return image
    }

    private static func append(_ tree: Tree, to image: inout DatabaseImage) -> DatabaseImage.Record {
        switch tree {
        case .empty: return .empty
        case .data(let offset): return .data(offset)
        case .node(let left, let right):
            let number = image.nodes.count
            image.nodes.append((.empty, .empty))
            image.nodes[number].0 = append(left, to: &image)
            image.nodes[number].1 = append(right, to: &image)
            return .node(number)
        }
    }
}
