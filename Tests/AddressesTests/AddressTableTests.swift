import Platform
import Testing

@testable import Addresses

@Suite("Address table")
struct AddressTableTests {
    /// A table in memory of its own.
    private struct Table {
        let memory: ColumnMemory
        let table: AddressTable

        init(_ layer: AddressLayer, valueCount: Int, keepsBlocksApart: Bool = false) throws {
            memory = ColumnMemory {
                AddressTable.write(layer, valueCount: valueCount, keepsBlocksApart: keepsBlocksApart, to: &$0)
            }
            var reader = memory.reader
            table = try AddressTable(from: &reader, valueCount: valueCount)
            #expect(reader.isAtEnd)
        }

        func lookup(_ address: IPAddress, length: Int = .max) -> (value: UInt32, scope: UInt8) {
            withExtendedLifetime(memory) { table.lookup(address, length: length) }
        }
    }

    private static let layer = AddressLayer(
        [
            (IPPrefix("129.240.0.0/16")!, 1), (IPPrefix("129.240.1.0/24")!, 2), (IPPrefix("2001:700::/32")!, 1),
            (IPPrefix("2001:700:100::/48")!, 2), (IPPrefix("2001:700:100::1/128")!, 1),
        ], otherwise: 0)

    @Test(
        "an IPv4 address embedded in an IPv6 address is looked up; the scope includes the bits before it",
        arguments: [
            ("::ffff:129.240.1.1", 96), ("2002:81f0:101::1", 16), ("64:ff9b::129.240.1.1", 96), ("::129.240.1.1", 96),
        ])
    func embedded(text: String, offset: UInt8) throws {
        let table = try Table(Self.layer, valueCount: 3)
        let carried = table.lookup(IPAddress("129.240.1.1")!)
        let found = table.lookup(try #require(IPAddress(text)))
        #expect(found.value == carried.value)
        #expect(found.scope == carried.scope + offset)
    }

    @Test("a scope reaches into blocks that embed IPv4 only if all IPv4 addresses have the same list")
    func neighboursOfEmbedded() throws {
        func scopes(upperHalf: UInt32) throws -> [UInt8] {
            var layer = AddressLayer(everywhere: 0)
            layer.ipv4.append(from: 1 << 31, value: upperHalf)
            let table = try Table(layer, valueCount: 2)
            return ["2003::", "2001:1::", "4000::", "1.2.3.4", "::1.2.3.4"].map { table.lookup(IPAddress($0)!).scope }
        }
        #expect(try scopes(upperHalf: 0) == [1, 1, 1, 1, 1])
        #expect(try scopes(upperHalf: 1) == [16, 32, 2, 1, 97])
    }

    @Test("random tables agree with a linear search through all ranges", arguments: 0..<40)
    func randomLayers(round: Int) throws {
        var layer = AddressLayer(everywhere: 0)
        let listCount = UInt32([2, 5, 70_000][round % 3])
        var bounds: (ipv4: [UInt32], ipv6: [UInt128]) = ([], [])
        for _ in 0..<[1, 10, 1000][round % 3] {
            // Many of them are near each other, with prefixes of all lengths.
            let length = Int.random(in: 0...32)
            bounds.ipv4.append(.random(in: 0 ... .max) & (.max << UInt32(32 - length)))
            let deep = Int.random(in: 3...128)
            let (high, known): (UInt128, UInt128) = [
                (0x2a00_1234 << 96, 32), (0x2a00_1234_5678_9abc << 64, 64), (0, 0),
            ][
                Int.random(in: 0..<3)]
            bounds.ipv6.append((high | .random(in: 0 ... .max >> known)) & (.max << UInt128(128 - deep)))
        }
        for start in bounds.ipv4.sorted() { layer.ipv4.append(from: start, value: .random(in: 0..<listCount)) }
        for start in bounds.ipv6.sorted() { layer.ipv6.append(from: start, value: .random(in: 0..<listCount)) }
        // If all of IPv4 had one value, IPv6 scopes would reach into its blocks: see the test above.
        layer.ipv4.append(from: .max, value: (layer.ipv4.values.last! + 1) % listCount)
        let table = try Table(layer, valueCount: Int(listCount))
        let slow = SlowTable(layer)
        var clients: [IPAddress] = [.v4(0), .v4(.max), .v6(0), .v6(.max)]
        for start in bounds.ipv4.prefix(30) { clients += [.v4(start), .v4(start &- 1), .v4(start &+ 1)] }
        for start in bounds.ipv6.prefix(30) { clients += [.v6(start), .v6(start &- 1), .v6(start &+ 1)] }
        for client in clients {
            let found = table.lookup(client)
            #expect(found.value == slow.list(of: client), "\(client)")
            #expect(Int(found.scope) == max(slow.scope(of: client), 1), "\(client)")
        }
    }

    @Test("tables that share their ranges agree with tables that do not", arguments: 0..<4)
    func shared(round: Int) throws {
        // Classes in ranges of all lengths, and tables that distinguish few or many of them.
        let classCount = UInt32([3, 40, 40, 400][round])
        var layer = AddressLayer(everywhere: 0)
        var starts: (ipv4: [UInt32], ipv6: [UInt128]) = ([], [])
        for _ in 0..<4_000 {
            starts.ipv4.append(.random(in: 0 ... .max) & (UInt32.max << UInt32.random(in: 0..<24)))
            let high: UInt128 = [0x2a00_1234 << 96, 0x2001 << 112, 0][Int.random(in: 0..<3)]
            starts.ipv6.append((high | .random(in: 0 ... .max >> 16)) & (UInt128.max << UInt128.random(in: 0..<112)))
        }
        for start in starts.ipv4.sorted() { layer.ipv4.append(from: start, value: .random(in: 0..<classCount)) }
        for start in starts.ipv6.sorted() { layer.ipv6.append(from: start, value: .random(in: 0..<classCount)) }
        let tables = (0..<14).map { number in
            AddressTableSet.Values(
                (0..<classCount).map { number == 0 ? 1 : number == 1 ? $0 % 2 : .random(in: 0..<4) / 3 * (1 + $0 % 7) },
                valueCount: 8, keepsBlocksApart: number % 2 == 0)
        }
        let memory = ColumnMemory { AddressTableSet.write(tables, over: layer, to: &$0) }
        defer { withExtendedLifetime(memory) {} }
        var reader = memory.reader
        let shared = try AddressTableSet(from: &reader, valueCounts: tables.map(\.valueCount)).tables
        #expect(reader.isAtEnd && shared[0].isShared)
        var clients: [IPAddress] = [.v4(0), .v4(.max), .v6(0), .v6(.max), IPAddress("::1.2.3.4")!]
        for start in starts.ipv4.prefix(60) { clients += [.v4(start), .v4(start &- 1), .v4(start &+ 77)] }
        for start in starts.ipv6.prefix(60) { clients += [.v6(start), .v6(start &- 1), .v6(start &+ 77)] }
        for (number, values) in tables.enumerated() {
            let own = try Table(
                layer.map { values.values[Int($0)] }, valueCount: 8, keepsBlocksApart: values.keepsBlocksApart)
            for client in clients {
                for length in [8, 128] {
                    let (found, expected) = (
                        shared[number].lookup(client, length: length), own.lookup(client, length: length)
                    )
                    #expect(found == expected, "\(number) \(client)/\(length)")
                }
            }
        }
        // In a damaged set no look-up reads outside of the columns or returns a value that is too large.
        for position in positions(in: memory.bytes, ofEachColumn: 3) where position % 31 == round {
            var copy = Array(memory.bytes)
            copy[position] ^= UInt8(1) << UInt8(position % 8)
            withAligned(copy) { bytes in
                var reader = ColumnReader(bytes)
                guard let set = try? AddressTableSet(from: &reader, valueCounts: tables.map(\.valueCount)) else {
                    return
                }
                for client in clients.prefix(100) {
                    let found = set.tables[3].lookup(client)
                    #expect(found.value < 8 && 1...client.bitWidth ~= Int(found.scope))
                }
            }
        }
    }

    @Test("a table with a flipped bit, or truncated, is refused or answers within its bounds")
    func damaged() throws {
        var layer = Self.layer
        for (address, value) in [(0xd000_0000, 3), (0xd000_0100, 4), (0xd000_0180, 3), (0xe000_0000, 0)] {
            layer.ipv4.append(from: UInt32(address), value: UInt32(value))
        }
        let memory = ColumnMemory { AddressTable.write(layer, valueCount: 5, to: &$0) }
        var clients = [IPAddress.v4(0), .v4(.max), .v6(0), .v6(.max), IPAddress("::1.2.3.4")!]
        for start in layer.ipv4.starts { clients += [.v4(start), .v4(start &- 1), .v4(start &+ 77)] }
        for start in layer.ipv6.starts { clients += [.v6(start), .v6(start &- 1), .v6(start &+ 77)] }
        var refused = 0
        func check(_ bytes: UnsafeRawBufferPointer) {
            var reader = ColumnReader(bytes)
            guard let table = try? AddressTable(from: &reader, valueCount: 5) else {
                refused += 1
                return
            }
            for client in clients {
                let found = table.lookup(client)
                #expect(found.value < 5 && 1...client.bitWidth ~= Int(found.scope))
                _ = table.lookup(client, length: 8)
            }
        }
        let whole = memory.bytes
        // Each copy ends where its allocation does, so that the address sanitizer sees reads past its end.
        func withCopy(_ count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
            defer { copy.deallocate() }
            copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[..<count]))
            body(copy)
        }
        withCopy(whole.count) { copy in
            for position in positions(in: whole, ofEachColumn: 48) {
                for flip in [UInt8(1) << UInt8(position % 7), 0xff] {
                    copy[position] ^= flip
                    check(UnsafeRawBufferPointer(copy))
                    copy[position] ^= flip
                }
            }
        }
        #expect(refused > 100)
        for count in stride(from: 0, to: whole.count, by: whole.count / 31) {
            let before = refused
            withCopy(count) { check(UnsafeRawBufferPointer($0)) }
            #expect(refused == before + 1)
        }
    }
}

private func withAligned(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    body(UnsafeRawBufferPointer(copy))
}

/// Returns the positions of each column's header and of some bytes of its content.
private func positions(in columns: UnsafeRawBufferPointer, ofEachColumn count: Int) -> [Int] {
    var result: [Int] = []
    var end = 0
    while end < columns.count {
        let start = (end + 16 + 63) & ~63
        let size =
            columns.load(fromByteOffset: start - 16, as: Int.self)
            * columns.load(fromByteOffset: start - 8, as: Int.self)
        end = start + size
        result += (start - 16)..<start
        result += size <= count ? Array(start..<end) : (0..<count).map { start + $0 * (size / count) + $0 % 8 }
    }
    return result
}

/// A reference implementation of an address table: a linear search through all ranges.
private struct SlowTable {
    var ipv4: [(first: UInt128, last: UInt128, list: UInt32)] = []
    var ipv6: [(first: UInt128, last: UInt128, list: UInt32)] = []

    init(_ layer: AddressLayer) {
        for (i, start) in layer.ipv4.starts.enumerated() {
            let next = i + 1 < layer.ipv4.starts.count ? UInt128(layer.ipv4.starts[i + 1]) : 1 << 32
            ipv4.append((UInt128(start), next - 1, layer.ipv4.values[i]))
        }
        for (i, start) in layer.ipv6.starts.enumerated() {
            let last = i + 1 < layer.ipv6.starts.count ? layer.ipv6.starts[i + 1] - 1 : .max
            ipv6.append((start, last, layer.ipv6.values[i]))
        }
    }

    func list(of client: IPAddress) -> UInt32 {
        if let embedded = client.embeddedIPv4 { return list(of: .v4(embedded.address)) }
        switch client {
        case .v4(let bits): return ipv4.first { $0.first...$0.last ~= UInt128(bits) }!.list
        case .v6(let bits): return ipv6.first { $0.first...$0.last ~= bits }!.list
        }
    }

    func scope(of client: IPAddress) -> Int {
        if let embedded = client.embeddedIPv4 { return embedded.offset + max(scope(of: .v4(embedded.address)), 1) }
        let mine = list(of: client)
        return (0...client.bitWidth).first { length in
            let (first, last) = bounds(IPPrefix(client, length: length)!)
            guard case .v6 = client else {
                return ipv4.allSatisfy { $0.list == mine || $0.last < first || $0.first > last }
            }
            let reachesEmbedded = IPPrefix.embeddingIPv4.contains { block in
                bounds(block).first <= last && bounds(block).last >= first
            }
            return !reachesEmbedded && ipv6.allSatisfy { $0.list == mine || $0.last < first || $0.first > last }
        }!
    }

    private func bounds(_ prefix: IPPrefix) -> (first: UInt128, last: UInt128) {
        switch prefix.address {
        case .v4(let bits): (UInt128(bits), UInt128(bits | (prefix.length == 32 ? 0 : .max >> UInt32(prefix.length))))
        case .v6(let bits): (bits, bits | (prefix.length == 128 ? 0 : .max >> UInt128(prefix.length)))
        }
    }
}
