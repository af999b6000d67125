import Testing

@testable import Geography

@Suite("The place table")
struct PlaceTableTests {
    /// The list for a place, which these tests choose: one for each country, one for nowhere.
    private let demo: Atlas
    private var lists: [Place: UInt32] = [:]

    init() throws {
        var atlas = Atlas()
        try atlas.add(try MaxMindDatabase(path: "\(#filePath)/../../../examples/demo/demo.mmdb".normalized))
        demo = atlas
        for (number, place) in atlas.places.enumerated() { lists[place] = UInt32(number) }
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
        let table = PlaceTable(demo) { lists[$0]! % 3 }
        let slow = SlowTable(demo) { lists[$0]! % 3 }
        var clients: [IPAddress] = []
        for start in demo.ipv4.starts { clients += [.v4(start), .v4(start &- 1), .v4(start &+ 77)] }
        for start in demo.ipv6.starts { clients += [.v6(start), .v6(start &- 1), .v6(start &+ 77)] }
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
        let table = PlaceTable(demo) { lists[$0]! }
        let carried = table.lookup(IPAddress("129.240.1.1")!)
        let found = table.lookup(try #require(IPAddress(text)))
        #expect(found.list == carried.list)
        #expect(found.scope == carried.scope + offset)
    }

    @Test("has a scope that reaches into addresses that carry IPv4 only if these have one list, and the same")
    func neighboursOfEmbedded() throws {
        func scopes(ipv4: (UInt32) -> UInt32) -> [UInt8] {
            var atlas = Atlas(places: [Place(country: PlaceCode("NO"))])
            atlas.ipv4.append(from: 1 << 31, value: 1)
            let table = PlaceTable(atlas) { $0.country == nil ? 0 : ipv4(1) }
            return ["2003::", "2001:1::", "4000::", "1.2.3.4", "::1.2.3.4"].map { table.lookup(IPAddress($0)!).scope }
        }
        #expect(scopes { _ in 0 } == [1, 1, 1, 1, 1])
        #expect(scopes { _ in 1 } == [16, 32, 2, 1, 97])
    }
}

/// The same as a place table in as few words as can be, for comparison: it looks at all ranges every time.
private struct SlowTable {
    var ipv4: [(first: UInt128, last: UInt128, list: UInt32)] = []
    var ipv6: [(first: UInt128, last: UInt128, list: UInt32)] = []

    init(_ atlas: Atlas, list: (Place) -> UInt32) {
        let lists = atlas.places.map(list)
        for (i, start) in atlas.ipv4.starts.enumerated() {
            let next = i + 1 < atlas.ipv4.starts.count ? UInt128(atlas.ipv4.starts[i + 1]) : 1 << 32
            ipv4.append((UInt128(start), next - 1, lists[Int(atlas.ipv4.values[i])]))
        }
        for (i, start) in atlas.ipv6.starts.enumerated() {
            let last = i + 1 < atlas.ipv6.starts.count ? atlas.ipv6.starts[i + 1] - 1 : .max
            ipv6.append((start, last, lists[Int(atlas.ipv6.values[i])]))
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
        switch IPAddress(text) {
        case .v4(let bits)?: places[Int(ipv4.values[ipv4.starts.lastIndex { $0 <= bits }!])]
        case .v6(let bits)?: places[Int(ipv6.values[ipv6.starts.lastIndex { $0 <= bits }!])]
        case nil: nil
        }
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
