import Testing

@testable import Geography

@Suite("The place table")
struct PlaceTableTests {
    private let demo: Atlas
    /// The same list for every third place.
    private let layer: AddressLayer

    init() throws {
        var atlas = Atlas()
        try atlas.add(try MaxMindDatabase(path: "\(#filePath)/../../../examples/demo/demo.mmdb".normalized))
        demo = atlas
        layer = atlas.places.map { $0 % 3 }
    }

    @Test("knows where addresses are")
    func places() throws {
        #expect(demo.place(of: "129.240.1.1")?.country?.description == "NO")
        #expect(demo.place(of: "129.240.1.1")?.continent?.description == "EU")
        #expect(demo.place(of: "2001:700:100::1")?.country?.description == "NO")
        #expect(demo.place(of: "192.0.2.1") == Place())
    }

    @Test("gives the widest prefix in which all addresses have the same list, and none that is wider")
    func scopeIsExact() throws {
        let table = PlaceTable(layer, listCount: 3)
        let slow = SlowTable(layer)
        var clients: [IPAddress] = []
        for start in layer.ipv4.starts { clients += [.v4(start), .v4(start &- 1), .v4(start &+ 77)] }
        for start in layer.ipv6.starts { clients += [.v6(start), .v6(start &- 1), .v6(start &+ 77)] }
        for _ in 0..<2000 { clients += [.v4(.random(in: 0 ... .max)), .v6(.random(in: 0 ... .max))] }
        for client in clients {
            let found = table.lookup(client)
            #expect(found.list == slow.list(of: client), "\(client)")
            #expect(Int(found.scope) == max(slow.scope(of: client), 1), "\(client)")
        }
    }

    @Test(
        "looks up what is carried in an IPv6 address, with a scope that counts the bits before it",
        arguments: [
            ("::ffff:129.240.1.1", 96), ("2002:81f0:101::1", 16), ("64:ff9b::129.240.1.1", 96), ("::129.240.1.1", 96),
        ])
    func embedded(text: String, offset: UInt8) throws {
        let table = PlaceTable(layer, listCount: 3)
        let carried = table.lookup(IPAddress("129.240.1.1")!)
        let found = table.lookup(try #require(IPAddress(text)))
        #expect(found.list == carried.list)
        #expect(found.scope == carried.scope + offset)
    }

    @Test("has a scope that reaches into addresses that carry IPv4 only if these have one list, and the same")
    func neighboursOfEmbedded() throws {
        func scopes(upperHalf: UInt32) -> [UInt8] {
            var layer = AddressLayer(everywhere: 0)
            layer.ipv4.append(from: 1 << 31, value: upperHalf)
            let table = PlaceTable(layer, listCount: 2)
            return ["2003::", "2001:1::", "4000::", "1.2.3.4", "::1.2.3.4"].map { table.lookup(IPAddress($0)!).scope }
        }
        #expect(scopes(upperHalf: 0) == [1, 1, 1, 1, 1])
        #expect(scopes(upperHalf: 1) == [16, 32, 2, 1, 97])
    }

    @Test("agrees with a list of all ranges, however many there are and wherever they begin", arguments: 0..<40)
    func randomLayers(round: Int) {
        var layer = AddressLayer(everywhere: 0)
        let listCount = UInt32([2, 5, 70_000][round % 3])
        var bounds: (ipv4: [UInt32], ipv6: [UInt128]) = ([], [])
        for _ in 0..<[1, 10, 1000][round % 3] {
            // Many of them near each other, at all depths.
            let length = Int.random(in: 0...32)
            bounds.ipv4.append(.random(in: 0 ... .max) & (.max << UInt32(32 - length)))
            let deep = Int.random(in: 3...128)
            let high: UInt128 = Bool.random() ? 0x2a00_1234 << 96 : 0
            bounds.ipv6.append((high | .random(in: 0 ... .max >> 32)) & (.max << UInt128(128 - deep)))
        }
        for start in bounds.ipv4.sorted() { layer.ipv4.append(from: start, value: .random(in: 0..<listCount)) }
        for start in bounds.ipv6.sorted() { layer.ipv6.append(from: start, value: .random(in: 0..<listCount)) }
        // Where all of IPv4 is alike, IPv6 goes on through it: see the test above.
        layer.ipv4.append(from: .max, value: (layer.ipv4.values.last! + 1) % listCount)
        let table = PlaceTable(layer, listCount: Int(listCount))
        let slow = SlowTable(layer)
        var clients: [IPAddress] = [.v4(0), .v4(.max), .v6(0), .v6(.max)]
        for start in bounds.ipv4.prefix(30) { clients += [.v4(start), .v4(start &- 1), .v4(start &+ 1)] }
        for start in bounds.ipv6.prefix(30) { clients += [.v6(start), .v6(start &- 1), .v6(start &+ 1)] }
        for client in clients {
            let found = table.lookup(client)
            #expect(found.list == slow.list(of: client), "\(client)")
            #expect(Int(found.scope) == max(slow.scope(of: client), 1), "\(client)")
        }
    }
}

/// The same as a place table in as few words as can be, for comparison: it looks at all ranges every time.
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

extension Atlas {
    fileprivate func place(of text: String) -> Place? {
        let position: UInt32
        switch IPAddress(text) {
        case .v4(let bits)?: position = places.ipv4.values[places.ipv4.starts.lastIndex { $0 <= bits }!]
        case .v6(let bits)?: position = places.ipv6.values[places.ipv6.starts.lastIndex { $0 <= bits }!]
        case nil: return nil
        }
        return gazetteer[gazetteer.entries[Int(position)]]
    }
}

extension String {
    /// A path without `..`.
    fileprivate var normalized: String {
        var parts: [Substring] = []
        for part in split(separator: "/") {
            if part == ".." { parts.removeLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
