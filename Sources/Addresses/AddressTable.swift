import Platform

/// A value for every address, and the widest prefix around the address that has the same value: a view of columns
/// that `write` wrote.
///
/// The scope is computed, not stored. A prefix around an address of a range lies within the range if and only if it
/// excludes the address before the range and the address after it. So the scope of `a` in `[s, e]` is one more than the
/// longer of the common prefixes of `a` with `s - 1` and of `a` with `e + 1`.
public struct AddressTable: Sendable {
    /// The ranges of IPv4 addresses, with their values, or their classes if `isShared`.
    @usableFromInline package let ipv4: IPv4Table
    /// The ranges of IPv6 addresses, likewise.
    @usableFromInline package let ipv6: IPv6Table
    /// Whether several tables share the ranges; `classes` has the values then.
    @usableFromInline package let isShared: Bool
    /// Empty if the table has ranges of its own. It is not an optional, because a look-up would have to copy it to
    /// unwrap it.
    @usableFromInline let classes: AddressClasses
    /// Whether all IPv4 addresses have the same value, so that the IPv6 ranges can answer for embedded IPv4
    /// addresses, too.
    @usableFromInline let isIPv4Uniform: Bool
    /// Whether a client whose subnet does not reach the embedded IPv4 address gets the value of the IPv6 block even if
    /// all IPv4 addresses have one value.
    @usableFromInline let keepsBlocksApart: Bool
    /// The value of clients in each of `IPPrefix.embeddingIPv4` whose IPv4 address is not known.
    @usableFromInline let blockValues: Column<UInt32>

    /// Reads a table, and checks all of it: no look-up then reads outside of the columns, returns a value that is not
    /// below `valueCount`, or a scope that is longer than the address.
    public init(from reader: inout ColumnReader, valueCount: Int) throws(MalformedColumns) {
        (isIPv4Uniform, keepsBlocksApart, blockValues) = try Self.head(from: &reader, valueCount)
        ipv4 = try IPv4Table(from: &reader, valueCount: valueCount)
        ipv6 = try IPv6Table(from: &reader, valueCount: valueCount)
        isShared = false
        classes = .none
    }

    /// Reads and checks a table that shares its ranges.
    init(
        from reader: inout ColumnReader, _ ranges: SharedRanges, _ ipv4: IPv4Table, _ ipv6: IPv6Table, valueCount: Int
    ) throws(MalformedColumns) {
        (isIPv4Uniform, keepsBlocksApart, blockValues) = try Self.head(from: &reader, valueCount)
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        isShared = true
        classes = try AddressClasses(from: &reader, ranges, valueCount: valueCount)
    }

    private static func head(
        from reader: inout ColumnReader, _ valueCount: Int
    ) throws(MalformedColumns) -> (isIPv4Uniform: Bool, keepsBlocksApart: Bool, blockValues: Column<UInt32>) {
        let facts = try reader.read(UInt8.self)
        guard facts.count == 2, facts[0] < 2, facts[1] < 2 else {
            throw MalformedColumns("an address table has an unknown layout")
        }
        let blockValues = try reader.read(UInt32.self)
        guard blockValues.count == IPPrefix.embeddingIPv4.count, blockValues.buffer.allSatisfy({ $0 < valueCount })
        else { throw MalformedColumns("an address table has a value that is too large") }
        return (facts[0] == 1, facts[1] == 1, blockValues)
    }

    /// Writes the table in which each address has the value that `layer` gives it.
    ///
    /// - Parameters:
    ///   - valueCount: one more than the largest value; at most 2^31.
    ///   - keepsBlocksApart: whether a client whose subnet does not reach the embedded IPv4 address gets the value of
    ///     the IPv6 block even if all IPv4 addresses have one value.
    ///   - isSmall: whether to take less memory, at the cost of a few nanoseconds for each IPv6 look-up.
    public static func write(
        _ layer: AddressLayer, valueCount: Int, keepsBlocksApart: Bool = false, isSmall: Bool = false,
        to writer: inout ColumnWriter
    ) {
        let isIPv4Uniform = layer.ipv4.values.count == 1
        writeHead(
            layer.ipv6.valuesOfBlocks, isIPv4Uniform: isIPv4Uniform, keepsBlocksApart: keepsBlocksApart, to: &writer)
        IPv4Table.write(layer.ipv4, valueCount: valueCount, to: &writer)
        // An IPv6 address with an embedded IPv4 address is looked up as IPv4. A scope must not reach into these blocks,
        // unless all look-ups in them have the same value.
        let elsewhere = isIPv4Uniform ? layer.ipv4.values[0] : UInt32(valueCount)
        let ipv6 = layer.ipv6.combined(with: .blocksEmbeddingIPv4) { $1 == 0 ? $0 : elsewhere }
        IPv6Table.write(ipv6, valueCount: valueCount, isSmall: isSmall, to: &writer)
    }

    static func writeHead(
        _ blockValues: [UInt32], isIPv4Uniform: Bool, keepsBlocksApart: Bool, to writer: inout ColumnWriter
    ) {
        writer.add([UInt8(isIPv4Uniform ? 1 : 0), keepsBlocksApart ? 1 : 0])
        writer.add(blockValues)
    }

    /// Looks up an address; see the function of `UnsafePointer`.
    public func lookup(_ address: IPAddress, length: Int = .max) -> (value: UInt32, scope: UInt8) {
        withUnsafePointer(to: self) { $0.lookup(address, length: length) }
    }
}

/// Look-ups: the value and the scope of an address.
///
/// They are methods of a pointer, because a method call on the structure would copy it, which takes longer than the
/// look-up.
extension UnsafePointer where Pointee == AddressTable {
    /// Returns the value and the scope of an address, as `lookup` does. The usual cases are inlined, because calls take
    /// a good part of the time.
    @inlinable @inline(__always)
    public func find(_ address: IPAddress, length: Int) -> (value: UInt32, scope: UInt8) {
        if !pointee.isShared {
            switch address {
            case .v4(let bits): return pointee.ipv4.lookup(bits)
            case .v6(let bits):
                if address.embeddedIPv4 == nil { return pointer(to: \.ipv6)!.lookup(bits) }
            }
        }
        return lookup(address, length: length)
    }

    /// Returns the value of an address, and its scope: the length of the widest prefix around the address in which all
    /// addresses have the same value. The scope is at least 1, because pdns caches an answer of scope 0 for clients of
    /// both families.
    ///
    /// ```swift
    /// // If 192.0.2.0/24 has the value 7, and 192.0.3.0/24 another one:
    /// table.lookup(IPAddress("192.0.2.1")!, length: 32)   // (value: 7, scope: 24)
    /// ```
    ///
    /// - Parameter length: the number of leading bits of the address that are known. If none of these are of the
    ///   embedded IPv4 address, the client gets the value of the IPv6 block, unless all IPv4 addresses have the same
    ///   value.
    @inline(never)
    public func lookup(_ address: IPAddress, length: Int) -> (value: UInt32, scope: UInt8) {
        let (ipv4, offset): (UInt32, Int)
        switch address {
        case .v4(let bits): (ipv4, offset) = (bits, 0)
        case .v6(let bits):
            guard let embedded = address.embeddedIPv4 else { return lookupIPv6(bits) }
            if length <= embedded.offset, !pointee.isIPv4Uniform || pointee.keepsBlocksApart {
                return lookupBlock(of: address)
            }
            guard !pointee.isIPv4Uniform else { return lookupIPv6(bits) }
            (ipv4, offset) = embedded
        }
        let found = pointee.isShared ? classes.lookupIPv4(ipv4) : pointee.ipv4.lookup(ipv4)
        return (found.value, found.scope &+ UInt8(truncatingIfNeeded: offset))
    }

    private func lookupIPv6(_ address: UInt128) -> (value: UInt32, scope: UInt8) {
        let found = pointer(to: \.ipv6)!.lookup(address)
        return pointee.isShared ? classes.resolveIPv6(found.value, address) : found
    }

    private var classes: UnsafePointer<AddressClasses> { pointer(to: \.classes)! }

    /// Returns the value of clients whose embedded IPv4 address is not known, in the block around `address`.
    @inline(never)
    private func lookupBlock(of address: IPAddress) -> (value: UInt32, scope: UInt8) {
        let blocks = IPPrefix.embeddingIPv4
        for i in blocks.indices where blocks[i].contains(address) {
            return (pointee.blockValues[i], UInt8(blocks[i].length))
        }
        return (pointee.blockValues[0], 1)
    }
}

extension AddressRanges<UInt128> {
    /// The value at the first address of each block whose addresses embed an IPv4 address.
    var valuesOfBlocks: [UInt32] { IPPrefix.embeddingIPv4.map { value(of: $0.ipv6Bounds.first) } }

    /// 1 in the blocks whose addresses embed an IPv4 address, and 0 elsewhere.
    static let blocksEmbeddingIPv4 = {
        var ranges = Self(everywhere: 0)
        for (first, last) in IPPrefix.embeddingIPv4.map(\.ipv6Bounds).sorted(by: { $0.first < $1.first }) {
            ranges.append(from: first, value: 1)
            ranges.append(from: last + 1, value: 0)
        }
        return ranges
    }()
}

extension IPPrefix {
    /// The first and the last address of an IPv6 block whose length is not 0.
    fileprivate var ipv6Bounds: (first: UInt128, last: UInt128) {
        guard case .v6(let first) = address else { return (0, 0) }
        return (first, first | .max >> UInt128(length))
    }
}
