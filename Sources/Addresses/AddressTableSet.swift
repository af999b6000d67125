import Platform

/// Several tables over one partition of the address space: each address has a class, and each table a value for each
/// class.
///
/// A few tables get ranges of their own, which are fastest to look up. Many tables share their ranges if that takes
/// less memory.
public struct AddressTableSet: Sendable {
    /// The tables, in the order in which they were written.
    public let tables: [AddressTable]

    /// The content of a table: a value for each class.
    public struct Values: Sendable {
        /// The value of each class; `valueCount` if any value will do, because no look-up asks for it. Such addresses
        /// get the value of an adjacent range, which makes fewer ranges.
        public var values: [UInt32]
        /// One more than the largest value; at most 2^31.
        public var valueCount: Int
        /// See `AddressTable.write`.
        public var keepsBlocksApart: Bool

        /// Makes the content of a table; see the properties.
        public init(_ values: [UInt32], valueCount: Int, keepsBlocksApart: Bool = false) {
            self.values = values
            self.valueCount = valueCount
            self.keepsBlocksApart = keepsBlocksApart
        }
    }

    /// Up to this number of tables, each gets ranges of its own.
    private static let fewTables = 6

    /// Reads tables, and checks all of them.
    ///
    /// - Parameter valueCounts: for each table, one more than its largest value.
    public init(from reader: inout ColumnReader, valueCounts: [Int]) throws(MalformedColumns) {
        let form = try reader.read(UInt8.self)
        guard form.count == 1, form[0] < 2 else { throw MalformedColumns("the address tables have an unknown layout") }
        var tables: [AddressTable] = []
        if form[0] == 0 {
            for count in valueCounts { tables.append(try AddressTable(from: &reader, valueCount: count)) }
        } else {
            let ranges = try SharedRanges(from: &reader)
            let ipv4 = try IPv4Table(from: &reader, valueCount: 1)
            let ipv6 = try IPv6Table(from: &reader, valueCount: ranges.count)
            for count in valueCounts {
                tables.append(try AddressTable(from: &reader, ranges, ipv4, ipv6, valueCount: count))
            }
        }
        self.tables = tables
    }

    /// Writes tables over `layer`, whose values are classes.
    public static func write(_ tables: [Values], over layer: AddressLayer, to writer: inout ColumnWriter) {
        guard !tables.isEmpty else { return writeApart([], layer, to: &writer) }
        // Most classes have the same values in all tables.
        let merging = ClassMerging(tables)
        let tables = tables.map {
            Values(merging.values($0), valueCount: $0.valueCount, keepsBlocksApart: $0.keepsBlocksApart)
        }
        let layer = layer.mapped(by: merging.numbers)
        guard tables.count > fewTables else { return writeApart(tables, layer, to: &writer) }
        let definite = tables.map { table in
            // A class has no adjacent range to take a value from, so any value stands in for "any".
            Values(
                table.values.map { min($0, UInt32(table.valueCount) - 1) }, valueCount: table.valueCount,
                keepsBlocksApart: table.keepsBlocksApart)
        }
        let partition = ClassRanges(layer, classCount: tables[0].values.count)
        let shared = definite.map { partition.boundaries(of: $0) }
        // An estimate in bytes, by what each range takes in the tables of the two families.
        let apart = shared.reduce(0) { $0 + 650_000 + 4 * $1.ipv4Count + 12 * $1.ipv6Count }
        let together =
            1 << 20 + 8 * partition.ipv4.starts.count + 36 * partition.ipv6.starts.count
            + tables.count * (partition.classes.count / 8 + 2 * tables[0].values.count)
        guard apart > together else { return writeApart(tables, layer, to: &writer) }
        writer.add([UInt8(1)])
        partition.write(to: &writer)
        let blockClasses = layer.ipv6.valuesOfBlocks
        for (table, boundaries) in zip(definite, shared) {
            AddressTable.writeHead(
                blockClasses.map { table.values[Int($0)] }, isIPv4Uniform: boundaries.ipv4Count == 1,
                keepsBlocksApart: table.keepsBlocksApart, to: &writer)
            AddressClasses.write(
                boundaries.bits, table.values + [boundaries.ipv4Value ?? 0], valueCount: table.valueCount, to: &writer)
        }
    }

    private static func writeApart(_ tables: [Values], _ layer: AddressLayer, to writer: inout ColumnWriter) {
        writer.add([UInt8(0)])
        for table in tables {
            let any = UInt32(table.valueCount)
            let ranges = layer.mapped(by: table.values)
            AddressTable.write(
                AddressLayer(
                    ipv4: ranges.ipv4.without(any, otherwise: any - 1),
                    ipv6: ranges.ipv6.without(any, otherwise: any - 1)),
                valueCount: table.valueCount, keepsBlocksApart: table.keepsBlocksApart, to: &writer)
        }
    }
}

/// Merges classes that have the same value in every table.
private struct ClassMerging {
    /// For each class, the number of the class that it becomes.
    private(set) var numbers: [UInt32] = []
    /// For each new class, the first of the old classes that it consists of.
    private var firsts: [UInt32] = []

    init(_ tables: [AddressTableSet.Values]) {
        guard let classCount = tables.first?.values.count else { return }
        number(Self.hashes(of: tables, classCount))
        // Two different classes may have the same hash.
        let areSame = tables.allSatisfy { table in
            var faults = 0
            for (position, number) in numbers.enumerated() {
                faults &+= table.values[position] == table.values[Int(firsts[Int(number)])] ? 0 : 1
            }
            return faults == 0
        }
        guard !areSame else { return }
        numbers = Array(0..<UInt32(classCount))
        firsts = numbers
    }

    /// Returns the values of a table by new class.
    func values(_ table: AddressTableSet.Values) -> [UInt32] { firsts.map { table.values[Int($0)] } }

    /// Returns a hash of the values of each class.
    private static func hashes(of tables: [AddressTableSet.Values], _ classCount: Int) -> [UInt64] {
        var hashes = [UInt64](repeating: 0, count: classCount)
        hashes.withUnsafeMutableBufferPointer { hashes in
            for table in tables {
                table.values.withUnsafeBufferPointer { values in
                    for position in 0..<classCount {
                        let mixed = (hashes[position] ^ UInt64(values[position])) &* 0x9e37_79b9_7f4a_7c15
                        hashes[position] = mixed ^ mixed &>> 29
                    }
                }
            }
        }
        return hashes
    }

    /// Numbers the classes by their hashes.
    private mutating func number(_ hashes: [UInt64]) {
        numbers.reserveCapacity(hashes.count)
        // A hash table: one more than the class's new number, or 0 for a free slot.
        var slots = [UInt32](repeating: 0, count: 256)
        func slot(of hash: UInt64) -> Int {
            var slot = Int(truncatingIfNeeded: hash &>> 32) & (slots.count - 1)
            while slots[slot] != 0, hashes[Int(firsts[Int(slots[slot] - 1)])] != hash {
                slot = (slot + 1) & (slots.count - 1)
            }
            return slot
        }
        for (position, hash) in hashes.enumerated() {
            let found = slot(of: hash)
            if slots[found] != 0 {
                numbers.append(slots[found] - 1)
                continue
            }
            numbers.append(UInt32(firsts.count))
            firsts.append(UInt32(position))
            slots[found] = UInt32(firsts.count)
            guard 2 * firsts.count > slots.count else { continue }
            slots = Array(repeating: 0, count: 2 * slots.count)
            for (number, first) in firsts.enumerated() { slots[slot(of: hashes[Int(first)])] = UInt32(number + 1) }
        }
    }
}

/// The ranges of classes. The blocks whose addresses embed an IPv4 address are in a class of their own.
private struct ClassRanges {
    let ipv4: AddressRanges<UInt32>
    let ipv6: AddressRanges<UInt128>
    /// The class of each range: those of IPv4, then those of IPv6.
    let classes: [UInt32]
    /// The class of the blocks, the largest.
    let blockClass: UInt32

    init(_ layer: AddressLayer, classCount: Int) {
        blockClass = UInt32(classCount)
        let blockClass = blockClass
        ipv4 = layer.ipv4
        ipv6 = layer.ipv6.combined(with: .blocksEmbeddingIPv4) { $1 == 0 ? $0 : blockClass }
        classes = ipv4.values + ipv6.values
    }

    struct Boundaries {
        var bits: [UInt64]
        /// The number of ranges after adjacent ranges of the same value are merged.
        var ipv4Count = 1
        var ipv6Count = 1
        /// The value of all IPv4 addresses, if they have one.
        var ipv4Value: UInt32?
    }

    func boundaries(of table: AddressTableSet.Values) -> Boundaries {
        var result = Boundaries(bits: Array(repeating: 0, count: classes.count >> 6 + 1))
        let ipv4End = ipv4.starts.count
        // A scope may reach into the blocks only if all look-ups in them have the same value.
        var values = table.values + [UInt32(table.valueCount)]
        result.bits.withUnsafeMutableBufferPointer { bits in
            func set(_ range: Int) { bits[range >> 6] |= 1 << UInt64(range & 63) }
            func mark(_ ranges: Range<Int>) -> Int {
                set(ranges.lowerBound)
                var count = 1
                classes.withUnsafeBufferPointer { classes in
                    values.withUnsafeBufferPointer { values in
                        var last = values[Int(classes[ranges.lowerBound])]
                        for range in ranges.dropFirst() {
                            let value = values[Int(classes[range])]
                            let differs = value != last
                            bits[range >> 6] |= (differs ? 1 : 0) << UInt64(range & 63)
                            count += differs ? 1 : 0
                            last = value
                        }
                    }
                }
                return count
            }
            result.ipv4Count = mark(0..<ipv4End)
            if result.ipv4Count == 1 {
                result.ipv4Value = values[Int(classes[0])]
                values[Int(blockClass)] = result.ipv4Value!
            }
            result.ipv6Count = mark(ipv4End..<classes.count)
            set(classes.count)
        }
        return result
    }

    func write(to writer: inout ColumnWriter) {
        SharedRanges.write(ipv4, ipv6, classCount: blockClass + 1, to: &writer)
        // IPv4 addresses are looked up in the shared ranges, so that this table stays empty.
        IPv4Table.write(AddressRanges(everywhere: 0), valueCount: 1, to: &writer)
        let numbers = Array(UInt32(ipv4.starts.count)..<UInt32(classes.count))
        IPv6Table.write(
            AddressRanges(starts: ipv6.starts, values: numbers), valueCount: classes.count, to: &writer)
    }
}
