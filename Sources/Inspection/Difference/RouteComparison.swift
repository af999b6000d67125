import Addresses
import Answering
import Geography
import Routing

/// Compares the destinations of all client addresses by a map of one image and a map of another.
struct RouteComparison {
    /// Positions of maps, each in its image.
    struct Maps: Hashable {
        var old: Int
        var new: Int
        /// Whether to count clients with equal lists too: needed if the number of datacenters in an answer changes.
        var countsAll: Bool
    }

    private let old: Snapshot
    private let new: Snapshot
    let maps: Maps
    /// The pairs of lists that any client has.
    private var pairs: [Pair] = []
    private var pairNumbers: [UInt64: Int] = [:]
    /// The lists of the last piece, in one number, and the position of their pair.
    private var last = (lists: UInt64.max, pair: 0)
    private var cells: [Cell] = []
    private var cellNumbers: [UInt64: Int] = [:]
    private var countries: CountryNumbers
    private var narrower = ImageDifference.Amount()
    private var wider = ImageDifference.Amount()
    private var scopes = (old: ImageDifference.Scopes(), new: ImageDifference.Scopes())

    private struct Pair {
        var old: UInt32
        var new: UInt32
        /// Whether the lists are equal.
        var isSame: Bool
        /// Whether its clients are counted by country, because something changes for them.
        var isCounted: Bool
    }

    /// The clients of a pair in a country.
    private struct Cell {
        var pair: Int
        var country: Int
        var ipv4 = 0
        var sites = SiteCount()
    }

    /// The longest prefixes that resolvers send (RFC 7871 section 11.1). Longer scopes cause no more questions.
    private static let longestIPv4Scope: UInt8 = 24
    private static let longestIPv6Scope: UInt8 = 56

    /// Compares two maps at all addresses.
    init(_ old: Snapshot, _ new: Snapshot, _ maps: Maps) {
        (self.old, self.new, self.maps) = (old, new, maps)
        countries = CountryNumbers(old, new)
        withExtendedLifetime((old, new)) {
            withUnsafePointer(to: old.maps[maps.old]) { before in
                withUnsafePointer(to: new.maps[maps.new]) { after in
                    compareIPv4(before, after)
                    compareIPv6(before, after)
                }
            }
        }
    }

    private mutating func compareIPv4(_ before: UnsafePointer<CompiledMap>, _ after: UnsafePointer<CompiledMap>) {
        var narrowed = 0, widened = 0
        AddressWalk.overIPv4 { first in
            let piece = piece(of: .v4(first), before, after)
            if Self.begins(first, min(piece.scopes.old, Self.longestIPv4Scope)) { scopes.old.ipv4 += 1 }
            if Self.begins(first, min(piece.scopes.new, Self.longestIPv4Scope)) { scopes.new.ipv4 += 1 }
            let count = AddressWalk.addressCount(ofIPv4: piece.length)
            if piece.isNarrower { narrowed += count } else if piece.isWider { widened += count }
            if let cell = piece.cell { cells[cell].ipv4 += count }
            return piece.length
        }
        narrower.ipv4 = Double(narrowed)
        wider.ipv4 = Double(widened)
    }

    private mutating func compareIPv6(_ before: UnsafePointer<CompiledMap>, _ after: UnsafePointer<CompiledMap>) {
        var narrowed = SiteCount(), widened = SiteCount()
        AddressWalk.overIPv6 { first in
            let piece = piece(of: .v6(first), before, after)
            if Self.begins(first, min(piece.scopes.old, Self.longestIPv6Scope)) { scopes.old.ipv6 += 1 }
            if Self.begins(first, min(piece.scopes.new, Self.longestIPv6Scope)) { scopes.new.ipv6 += 1 }
            let sites = AddressWalk.sites(ofIPv6: first, piece.length)
            if piece.isNarrower { narrowed.add(sites) } else if piece.isWider { widened.add(sites) }
            if let cell = piece.cell { cells[cell].sites.add(sites) }
            return piece.length
        }
        narrower.ipv6 = Double(narrowed.count)
        wider.ipv6 = Double(widened.count)
    }

    /// A prefix in which each map has one list; also within one country, if clients are counted by country.
    private struct Piece {
        var length: UInt8
        var scopes: (old: UInt8, new: UInt8)
        /// The position of the cell that counts its clients; `nil` if nothing changes for them.
        var cell: Int?

        var isNarrower: Bool { scopes.new > scopes.old }
        var isWider: Bool { scopes.new < scopes.old }
    }

    /// Returns the piece that begins at an address.
    private mutating func piece(
        of client: IPAddress, _ before: UnsafePointer<CompiledMap>, _ after: UnsafePointer<CompiledMap>
    ) -> Piece {
        let (one, two) = (
            before.locate(client, length: .max, resolver: nil), after.locate(client, length: .max, resolver: nil)
        )
        var piece = Piece(length: max(one.scope, two.scope), scopes: (one.scope, two.scope))
        // Neighbouring pieces usually have the same lists.
        let lists = UInt64(one.list) << 32 | UInt64(two.list)
        if lists != last.lists { last = (lists, pair(one.list, two.list, lists)) }
        guard pairs[last.pair].isCounted else { return piece }
        let (country, placeScope) = countries.number(client)
        piece.length = max(piece.length, placeScope)
        piece.cell = cell(last.pair, country)
        return piece
    }

    /// Counts each /48 once.
    private struct SiteCount {
        var count = 0
        private var last = -1

        mutating func add(_ sites: ClosedRange<Int>) {
            count += sites.upperBound - max(sites.lowerBound, last + 1) + 1
            last = sites.upperBound
        }
    }

    /// Returns whether a prefix of a length begins at an address.
    @inline(__always)
    private static func begins<Address: FixedWidthInteger>(_ address: Address, _ length: UInt8) -> Bool {
        address << Address(length) == 0
    }

    private mutating func pair(_ old: UInt32, _ new: UInt32, _ key: UInt64) -> Int {
        if let pair = pairNumbers[key] { return pair }
        pairNumbers[key] = pairs.count
        let (oldNames, newNames) = (self.old.datacenterNames, self.new.datacenterNames)
        let isSame =
            self.old.maps[maps.old].lists.isEqual(old, new, of: self.new.maps[maps.new].lists) {
                oldNames[$0] == newNames[$1]
            }
        pairs.append(Pair(old: old, new: new, isSame: isSame, isCounted: !isSame || maps.countsAll))
        return pairs.count - 1
    }

    private mutating func cell(_ pair: Int, _ country: Int) -> Int {
        let key = UInt64(pair) << 32 | UInt64(country)
        if let cell = cellNumbers[key] { return cell }
        cellNumbers[key] = cells.count
        cells.append(Cell(pair: pair, country: country))
        return cells.count - 1
    }
}

// MARK: - Results

extension RouteComparison {
    /// Clients of a pair of lists in a country.
    typealias Clients = (old: UInt32, new: UInt32, country: ImageDifference.Country, amount: ImageDifference.Amount)

    /// Returns the clients of a service, and the number of its hits. Clients without a change are included only if
    /// all are counted.
    func clients(_ traffic: Traffic.Service?) -> (clients: [Clients], hits: Double) {
        var hits: [UInt64: Double] = [:]
        var total = 0.0
        switch traffic {
        case .log(let log):
            var countries = countries
            for hit in log {
                total += hit.count
                let (before, after) = (
                    old.maps[maps.old].locate(hit.client.address, length: hit.client.length, resolver: nil).list,
                    new.maps[maps.new].locate(hit.client.address, length: hit.client.length, resolver: nil).list
                )
                // A client with an embedded IPv4 address of unknown bits may have lists that no address has.
                guard let pair = pairNumbers[UInt64(before) << 32 | UInt64(after)], pairs[pair].isCounted else {
                    continue
                }
                let country = countries.number(hit.client.address, length: hit.client.length).number
                hits[UInt64(pair) << 32 | UInt64(country), default: 0] += hit.count
            }
        case .counters(let countries, let count):
            total = count
            var addresses: [String?: Double] = [:]
            for cell in cells { addresses[self.countries[cell.country].country, default: 0] += Double(cell.ipv4) }
            let all = countries.values.reduce(0, +)
            for cell in cells where cell.ipv4 > 0 {
                let country = self.countries[cell.country].country
                let part = Double(cell.ipv4) / addresses[country]! * (countries[country] ?? 0) / max(all, 1)
                hits[UInt64(cell.pair) << 32 | UInt64(cell.country)] = count * part
            }
        case nil: break
        }
        let clients = cells.map { cell in
            let key = UInt64(cell.pair) << 32 | UInt64(cell.country)
            let isKnown = cell.country != CountryNumbers.unknown || new.places.count <= 1
            let amount = ImageDifference.Amount(
                ipv4: Double(cell.ipv4), ipv6: Double(cell.sites.count),
                ipv6Known: isKnown ? Double(cell.sites.count) : 0,
                hits: hits[key] ?? 0)
            return (pairs[cell.pair].old, pairs[cell.pair].new, countries[cell.country], amount)
        }
        return (clients, total)
    }

    /// Returns the changes of a service with these maps, without its name and settings.
    ///
    /// - Parameters:
    ///   - oldSpread: the number of datacenters in an answer before.
    ///   - newSpread: the number of datacenters in an answer after the change.
    func result(_ oldSpread: Int, _ newSpread: Int, _ traffic: Traffic.Service?) -> ImageDifference.Service {
        var result = ImageDifference.Service(name: "")
        (result.narrower, result.wider, result.scopes) = (narrower, wider, scopes)
        var shifts: [UInt64: Shift] = [:]
        var sums: [Transition: ImageDifference.Amount] = [:]
        var byCountry: [ImageDifference.Country: [Transition: ImageDifference.Amount]] = [:]
        let (clients, hits) = clients(traffic)
        result.hits = hits
        for (oldList, newList, country, amount) in clients {
            let key = UInt64(oldList) << 32 | UInt64(newList)
            let shift =
                shifts[key]
                ?? Shift(
                    from: parts(old, maps.old, oldList, oldSpread), to: parts(new, maps.new, newList, newSpread))
            shifts[key] = shift
            if shift.parts.isEmpty, !pairs[pairNumbers[key]!].isSame { result.reordered += amount }
            for (transition, part) in shift.parts {
                sums[transition, default: .init()] += amount.times(part)
                byCountry[country, default: [:]][transition, default: .init()] += amount.times(part)
            }
        }
        result.moves = moves(sums)
        result.moved = result.moves.reduce(into: .init()) { $0 += $1.amount }
        result.countries = byCountry.map { country, sums in (country, moves(sums)) }.sorted { one, two in
            let (first, second) = (Self.size(one.moves), Self.size(two.moves))
            return first != second ? first > second : (one.country.country ?? "") < (two.country.country ?? "")
        }
        return result
    }

    private static func size(_ moves: [ImageDifference.Move]) -> Double { moves.reduce(0) { $0 + size($1.amount) } }

    /// Returns the size for sorting: the traffic, then the number of addresses. A /48 of IPv6 counts as 1/65536 of an
    /// address.
    private static func size(_ amount: ImageDifference.Amount) -> Double {
        amount.hits * 1e12 + amount.ipv4 + amount.ipv6 / 65536
    }

    private func moves(_ sums: [Transition: ImageDifference.Amount]) -> [ImageDifference.Move] {
        sums.map { ImageDifference.Move(from: $0.from, to: $0.to, amount: $1) }.sorted { one, two in
            let (first, second) = (Self.size(one.amount), Self.size(two.amount))
            return first != second
                ? first > second : (one.from ?? "", one.to ?? "") < (two.from ?? "", two.to ?? "")
        }
    }

    /// Returns the part of a list's clients that each datacenter gets, by its name; 1 for `nil` if they get no
    /// answer.
    private func parts(_ snapshot: Snapshot, _ map: Int, _ list: UInt32, _ spread: Int) -> [String?: Double] {
        let parts = snapshot.maps[map].lists.parts(of: list, datacentersInAnswer: spread)
        guard !parts.isEmpty else { return [nil: 1] }
        return Dictionary(uniqueKeysWithValues: parts.map { (snapshot.datacenterNames[$0], $1) })
    }

    /// The datacenters before and after; `nil` stands for no answer.
    private struct Transition: Hashable {
        var from: String?
        var to: String?
    }

    /// The parts of a list's clients that move, by transition.
    private struct Shift {
        var parts: [(transition: Transition, part: Double)] = []

        /// As few clients as possible move: the losses of datacenters go to those that gain, in proportion to their
        /// gains.
        init(from: [String?: Double], to: [String?: Double]) {
            // Parts are quotients of integers up to some millions, so smaller differences are rounding errors.
            let won = to.map { (name: $0, gain: $1 - (from[$0] ?? 0)) }.filter { $0.gain > 1e-12 }
            let sum = won.reduce(0) { $0 + $1.gain }
            for (name, part) in from {
                let loss = part - (to[name] ?? 0)
                guard loss > 1e-12 else { continue }
                for winner in won {
                    parts.append((Transition(from: name, to: winner.name), loss * winner.gain / sum))
                }
            }
        }
    }
}

/// Numbers the countries of clients: by the newer of two images, or by the older one if the newer one does not know
/// the place.
struct CountryNumbers {
    private let old: PlaceIndex
    private let new: PlaceIndex
    private let owners: (Snapshot, Snapshot)
    private var countries: [ImageDifference.Country] = [.init()]
    private var numbers: [ImageDifference.Country: Int] = [.init(): 0]
    /// The country's number for each place of the older image; -1 if not looked up yet.
    private var byOldPlace: [Int32]
    /// The same for the newer image.
    private var byNewPlace: [Int32]

    init(_ old: Snapshot, _ new: Snapshot) {
        owners = (old, new)
        (self.old, self.new) = (old.places, new.places)
        byOldPlace = Array(repeating: -1, count: old.places.count)
        byNewPlace = Array(repeating: -1, count: new.places.count)
    }

    /// The number that stands for an unknown country.
    static let unknown = 0

    /// Returns the country with a number.
    subscript(number: Int) -> ImageDifference.Country { countries[number] }

    /// Returns the number of a client's country, and the length of the prefix around the client in which all clients
    /// have it.
    mutating func number(_ client: IPAddress, length: Int = .max) -> (number: Int, scope: UInt8) {
        let (place, scope) = new.lookup(client, length: length)
        guard place == 0 else {
            if byNewPlace[Int(place)] < 0 { byNewPlace[Int(place)] = number(of: new[place]) }
            return (Int(byNewPlace[Int(place)]), scope)
        }
        let (oldPlace, oldScope) = old.lookup(client, length: length)
        if byOldPlace[Int(oldPlace)] < 0 { byOldPlace[Int(oldPlace)] = number(of: old[oldPlace]) }
        return (Int(byOldPlace[Int(oldPlace)]), max(scope, oldScope))
    }

    private mutating func number(of place: ClientPlace) -> Int32 {
        let country = ImageDifference.Country(
            country: place.country?.description, continent: place.continent?.description)
        if let number = numbers[country] { return Int32(number) }
        numbers[country] = countries.count
        countries.append(country)
        return Int32(countries.count - 1)
    }
}
