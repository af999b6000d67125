import CMaxMindLookup
import Configuration
import Geography
import Glibc
import Routing

/// The kinds of clients. Each round looks up new addresses of each kind.
private enum Clients: String, CaseIterable {
    /// Anywhere in the unicast space, 0.0.0.0 to 223.255.255.255.
    case ipv4
    /// In a network of the database; all networks are equally likely.
    case ipv6
    /// Anywhere in 2000::/3, most of which is unassigned.
    case ipv6Anywhere = "ipv6_anywhere"
}

private let rounds = 31
private let addressesARound = 1 << 18
/// Fewer, because libmaxminddb takes fifty times as long, and this number is enough for an average.
private let libmaxminddbAddressesARound = 1 << 14

/// Looks up the same addresses in the map of each configuration and through libmaxminddb, and prints ns per lookup.
func measureLookups(database path: String, simple: String, world: String) throws {
    let maps = try [("simple", simple), ("world", world)].map { name, file in
        let configuration = try Configuration.load(file, databases: [path])
        let compiled = try Maps(configuration)
        return (name: name, map: compiled.maps[0], memory: compiled.memory)
    }
    defer { withExtendedLifetime(maps) {} }
    guard let database = maxmind_open(path) else { throw LookupFailure(description: "libmaxminddb refuses \(path)") }
    let networks = [network](unsafeUninitializedCapacity: 1 << 20) {
        $1 = maxmind_ipv6_networks(database, $0.baseAddress!, $0.count)
    }
    var random = Xorshift()
    var results: [String: [Double]] = [:]
    var sum: UInt64 = 0
    // Adds the nanoseconds per lookup of `body`, which looks up `count` addresses, to the results.
    func measure(_ name: String, _ count: Int, _ body: () -> UInt64) {
        let start = seconds(CLOCK_THREAD_CPUTIME_ID)
        sum &+= body()
        results[name, default: []].append((seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / Double(count))
    }
    for round in 0..<rounds {
        for clients in Clients.allCases where clients != .ipv6 || !networks.isEmpty {
            let addresses = (0..<addressesARound).map { _ in random.address(clients, networks) }
            let ipv4 = addresses.map { UInt32(truncatingIfNeeded: $0) }
            let ipv6 = addresses.map { address(high: UInt64($0 >> 64), low: UInt64(truncatingIfNeeded: $0)) }
            // Every second round runs in reverse, so that the order favours no map.
            for (name, map, _) in round % 2 == 0 ? maps : maps.reversed() {
                withUnsafePointer(to: map) { map in
                    measure("\(clients.rawValue)_\(name)", addressesARound) {
                        clients == .ipv4 ? map.find(ipv4) : map.find(addresses)
                    }
                    measure("\(clients.rawValue)_\(name)_chained", addressesARound) {
                        clients == .ipv4 ? map.findOneByOne(ipv4) : map.findOneByOne(addresses)
                    }
                }
            }
            for (name, coordinates) in [("country", false), ("coordinates", true)] {
                measure("\(clients.rawValue)_libmaxminddb_\(name)", libmaxminddbAddressesARound) {
                    clients == .ipv4
                        ? maxmind_find_ipv4(database, ipv4, libmaxminddbAddressesARound, coordinates)
                        : maxmind_find_ipv6(database, ipv6, libmaxminddbAddressesARound, coordinates)
                }
            }
        }
    }
    for (name, nanoseconds) in results.sorted(by: { $0.key < $1.key }) { report(name, nanoseconds) }
    // The results must be used, or the compiler could remove the lookups.
    guard sum != 0 else { throw LookupFailure(description: "nothing was found in \(path)") }
}

private struct LookupFailure: Error, CustomStringConvertible {
    var description: String
}

/// Lookups with the client as its own resolver, as for a question without a client subnet. With another resolver, a client without a
/// place would cost a second lookup. The map is behind a pointer, as in a coprocess.
extension UnsafePointer where Pointee == CompiledMap {
    /// Independent lookups, of which the processor overlaps some.
    fileprivate func find(_ addresses: [UInt32]) -> UInt64 {
        addresses.reduce(0) { sum, bits in
            let found = locate(.v4(bits), length: .max, resolver: .v4(bits))
            return sum &+ UInt64(found.list) &+ UInt64(found.scope)
        }
    }

    fileprivate func find(_ addresses: [UInt128]) -> UInt64 {
        addresses.reduce(0) { sum, bits in
            let found = locate(.v6(bits), length: .max, resolver: .v6(bits))
            return sum &+ UInt64(found.list) &+ UInt64(found.scope)
        }
    }

    /// Lookups that each wait for the one before, as for questions asked one at a time: the next index depends on a bit of the
    /// result. The bit is never set, but the processor cannot know that.
    fileprivate func findOneByOne(_ addresses: [UInt32]) -> UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i < addresses.count {
            let client = IPAddress.v4(addresses[i])
            let found = locate(client, length: .max, resolver: client)
            sum &+= UInt64(found.scope)
            i += 1 + Int(found.list >> 31)
        }
        return sum
    }

    fileprivate func findOneByOne(_ addresses: [UInt128]) -> UInt64 {
        var sum: UInt64 = 0
        var i = 0
        while i < addresses.count {
            let client = IPAddress.v6(addresses[i])
            let found = locate(client, length: .max, resolver: client)
            sum &+= UInt64(found.scope)
            i += 1 + Int(found.list >> 31)
        }
        return sum
    }
}

/// Marsaglia's xorshift64: the same addresses in every run.
private struct Xorshift {
    private var state: UInt64 = 0x9e37_79b9_7f4a_7c15

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func address(_ clients: Clients, _ networks: [network]) -> UInt128 {
        let bits = UInt128(next()) << 64 | UInt128(next())
        switch clients {
        case .ipv4:
            return UInt128((next() >> 32) * 0xe0 / 0x100)
        case .ipv6:
            let network = networks[Int(next() % UInt64(networks.count))]
            let first = UInt128(network.first.high) << 64 | UInt128(network.first.low)
            return first | bits & (.max >> UInt128(network.length))
        case .ipv6Anywhere:
            return bits >> 3 | 1 << 125
        }
    }
}
