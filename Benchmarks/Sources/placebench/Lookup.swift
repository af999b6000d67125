import CMaxMindLookup
import Configuration
import Geography
import Glibc
import Routing

/// Clients that are looked up, a new lot each round.
private enum Clients: String, CaseIterable {
    /// Anywhere in the unicast space, 0.0.0.0 to 223.255.255.255.
    case ipv4
    /// In networks that the database knows, each as likely as the next.
    case ipv6
    /// Anywhere in 2000::/3, most of which is not in use yet.
    case ipv6Anywhere = "ipv6_anywhere"
}

private let rounds = 31
private let addressesARound = 1 << 18
/// They take fifty times as long, and need not be as many for a good average.
private let libmaxminddbAddressesARound = 1 << 14

/// Looks the same addresses up in turn, in the map of each configuration and through libmaxminddb.
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
    // How the addresses of a lot were looked up, and the nanoseconds each took.
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
            // There and back: the first of one round is the last of the next.
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
    // Whatever was found must be of use, or the compiler would not look for it.
    guard sum != 0 else { throw LookupFailure(description: "nothing was found in \(path)") }
}

private struct LookupFailure: Error, CustomStringConvertible {
    var description: String
}

/// The resolver is the client itself, as for a question without a client subnet: else a client of whom nothing is known costs
/// a second lookup. They are a pointer's, as a coprocess has it.
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

    /// Lookups that each wait for the one before, as questions asked one at a time do: which address is next depends on
    /// a bit of the result that is never set, which the processor cannot know.
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
