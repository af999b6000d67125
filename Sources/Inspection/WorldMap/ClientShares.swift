import Addresses
import Answering
import Configuration
import Geography
import Routing

/// The datacenters that get the clients of a service, by country: the first choices with nothing drained and
/// everything up.
public struct ClientShares: Sendable {
    /// The services, in the order of the configuration. Services that share a map are together.
    public var services: [String]
    /// All datacenters, in the order of the configuration.
    public var datacenters: [Datacenter]
    /// The countries by name. Clients of unknown country come last.
    public var places: [Place]

    public struct Datacenter: Sendable {
        public var name: String
        /// Its location; `nil` if the configuration has none.
        public var position: MapPosition?
    }

    /// Numbers of clients.
    public struct Amount: Sendable {
        /// The number of addresses. Fractional if datacenters share clients by weight.
        public var ipv4 = 0.0
        /// The number of /48s, possibly fractional. IPv6 addresses that embed an IPv4 address count only there.
        public var ipv6 = 0.0

        init(ipv4: Double = 0, ipv6: Double = 0) { (self.ipv4, self.ipv6) = (ipv4, ipv6) }

        /// The sum of all these.
        public init(of shares: [Share]) {
            for share in shares { self += share.amount }
        }

        static func += (sum: inout Amount, amount: Amount) {
            sum.ipv4 += amount.ipv4
            sum.ipv6 += amount.ipv6
        }

        func times(_ factor: Double) -> Amount { Amount(ipv4: ipv4 * factor, ipv6: ipv6 * factor) }

        /// Returns its part of all: by IPv4, or by IPv6 if there is no IPv4.
        public func part(of all: Amount) -> Double {
            all.ipv4 > 0 ? ipv4 / all.ipv4 : all.ipv6 > 0 ? ipv6 / all.ipv6 : 0
        }
    }

    /// The clients that a datacenter gets.
    public struct Share: Sendable {
        /// `nil` for clients that get no answer.
        public var datacenter: String?
        public var amount: Amount
    }

    /// The clients of a country, or of an unknown country.
    public struct Place: Sendable {
        public var country: PlaceCode?
        /// The continent, if only that is known.
        public var continent: PlaceCode?
        /// The largest first.
        public var shares: [Share]

        /// All its clients.
        public var amount: Amount { Amount(of: shares) }

        /// The name of the country, such as `Norway`; its code if it has no name; `unknown` or `unknown in EU` without a country.
        public var name: String {
            guard let country else { return continent.map { "unknown in \($0)" } ?? "unknown" }
            return Countries.byCode[country]?.name ?? "\(country)"
        }
    }

    /// All clients of known country. The others are left out, because most of them are unused addresses.
    public var known: [Share] { sum { $0.country != nil } }

    /// All clients of unknown country.
    public var unknown: [Share] { sum { $0.country == nil } }

    /// The clients of each datacenter that gets some, in the order of the configuration; at the end those that get no answer.
    private func sum(_ isCounted: (Place) -> Bool) -> [Share] {
        var sums: [String?: Amount] = [:]
        for place in places where isCounted(place) {
            for share in place.shares { sums[share.datacenter, default: Amount()] += share.amount }
        }
        return (datacenters.map(\.name) + [nil]).compactMap { name in
            sums[name].map { Share(datacenter: name, amount: $0) }
        }
    }

    /// Returns the services of an image that at least one name has. Services that share a map, and answer from the
    /// same number of datacenters, are one item.
    ///
    /// - Parameter service: only the item of this service; `nil` for all.
    /// - Returns: an empty list if there is no such service.
    public static func all(of snapshot: Snapshot, service name: String? = nil) -> [ClientShares] {
        var routes: [(map: Int, spread: Int, services: [String])] = []
        for service in snapshot.servicesInUse where name == nil || service.name == name {
            if let route = routes.firstIndex(where: { $0.map == service.map && $0.spread == service.spread }) {
                routes[route].services.append(service.name)
            } else {
                routes.append((service.map, service.spread, [service.name]))
            }
        }
        var walks: [Int: CountryWalk] = [:]
        return routes.map { route in
            let walk = walks[route.map] ?? CountryWalk(snapshot, map: route.map)
            walks[route.map] = walk
            return ClientShares(route.services, snapshot, walk, spread: route.spread)
        }
    }

    /// Returns the services of an image that at least one name has, in the order of the configuration.
    public static func services(of snapshot: Snapshot) -> [String] { snapshot.servicesInUse.map(\.name) }

    private init(_ services: [String], _ snapshot: Snapshot, _ walk: CountryWalk, spread: Int) {
        self.services = services
        let lists = snapshot.maps[walk.map].lists
        datacenters = snapshot.datacenterNames.enumerated().map { number, name in
            Datacenter(name: name, position: lists.location(of: number).map(MapPosition.init))
        }
        var sums: [[String?: Amount]] = Array(repeating: [:], count: walk.places.count)
        var known: [UInt32: [(datacenter: String?, part: Double)]] = [:]
        // In a fixed order, so that floating-point sums are always equal.
        for (cell, amount) in walk.cells.sorted(by: { $0.key < $1.key }) {
            let (list, place) = (UInt32(cell >> 32), Int(cell & 0xffff_ffff))
            let parts =
                known[list]
                ?? {
                    let parts = lists.parts(of: list, datacentersInAnswer: spread).sorted { $0.key < $1.key }
                    return parts.isEmpty ? [(nil, 1)] : parts.map { (snapshot.datacenterNames[$0.key], $0.value) }
                }()
            known[list] = parts
            for (datacenter, part) in parts { sums[place][datacenter, default: Amount()] += amount.times(part) }
        }
        places = zip(walk.places, sums).map { place, sums in
            let shares = sums.map { Share(datacenter: $0, amount: $1) }.sorted { one, two in
                let (first, second) = ((one.amount.ipv4, one.amount.ipv6), (two.amount.ipv4, two.amount.ipv6))
                return first != second ? first > second : (one.datacenter ?? "") < (two.datacenter ?? "")
            }
            return Place(country: place.country, continent: place.continent, shares: shares)
        }.filter { !$0.shares.isEmpty }.sorted { one, two in
            one.sortingKey.lexicographicallyPrecedes(two.sortingKey)
        }
    }
}

extension ClientShares.Place {
    /// By name, unnamed ones last. Sorting by code points is good enough: accents hardly change the order of
    /// countries.
    fileprivate var sortingKey: [String] { [country == nil ? "2" : "1", name] }
}

extension MapPosition {
    fileprivate init(_ vector: UnitVector) {
        let coordinates = vector.coordinates
        self.init(latitude: coordinates.latitude, longitude: coordinates.longitude)
    }
}

/// The clients of each preference list of a map in each country.
private struct CountryWalk {
    struct Place: Hashable {
        var country: PlaceCode?
        var continent: PlaceCode?
    }

    let map: Int
    private(set) var places: [Place] = [Place()]
    /// The amounts, by the list in the upper half and the position in `places` in the lower half.
    private(set) var cells: [UInt64: ClientShares.Amount] = [:]
    private var numbers: [Place: UInt32] = [Place(): 0]
    /// The position in `places` of each place of the image; -1 if not seen yet.
    private var known: [Int32]

    /// Walks over all addresses.
    init(_ snapshot: Snapshot, map: Int) {
        self.map = map
        known = Array(repeating: -1, count: snapshot.places.count)
        let index = snapshot.places
        var last: (cell: UInt64, ipv4: Int, ipv6: Double) = (.max, 0, 0)
        withExtendedLifetime(snapshot) {
            withUnsafePointer(to: snapshot.maps[map]) { compiled in
                func piece(_ client: IPAddress) -> (cell: UInt64, length: UInt8) {
                    let found = compiled.locate(client, length: .max, resolver: nil)
                    let (number, scope) = index.lookup(client)
                    let cell = UInt64(found.list) << 32 | UInt64(place(number, index))
                    if cell != last.cell {
                        add(last)
                        last = (cell, 0, 0)
                    }
                    return (cell, max(found.scope, scope))
                }
                AddressWalk.overIPv4 { first in
                    let length = piece(.v4(first)).length
                    last.ipv4 += AddressWalk.addressCount(ofIPv4: length)
                    return length
                }
                AddressWalk.overIPv6 { first in
                    let length = piece(.v6(first)).length
                    last.ipv6 += Double(sign: .plus, exponent: 48 - Int(length), significand: 1)
                    return length
                }
            }
        }
        add(last)
    }

    private mutating func add(_ run: (cell: UInt64, ipv4: Int, ipv6: Double)) {
        guard run.cell != .max else { return }
        cells[run.cell, default: .init()] += .init(ipv4: Double(run.ipv4), ipv6: run.ipv6)
    }

    private mutating func place(_ number: UInt32, _ index: PlaceIndex) -> UInt32 {
        if known[Int(number)] >= 0 { return UInt32(known[Int(number)]) }
        let found = index[number]
        let place = Place(country: found.country, continent: found.country == nil ? found.continent : nil)
        let position = numbers[place] ?? UInt32(places.count)
        if position == places.count {
            places.append(place)
            numbers[place] = position
        }
        known[Int(number)] = Int32(position)
        return position
    }
}
