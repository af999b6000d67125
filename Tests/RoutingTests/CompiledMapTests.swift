import Geography
import Platform
import Testing

@testable import Routing

@Suite("Precedence of rules")
struct PlaceRulesTests {
    private let seattle = Place(
        continent: PlaceCode("NA"), country: PlaceCode("US"),
        subdivisions: [SubdivisionCode("US-WA")!, SubdivisionCode("US-KC")!],
        city: City(geonameID: 5_809_844, name: "Seattle"))

    @Test("the most specific rule wins, and a place's own rule wins over its region's")
    func precedence() {
        var rules = PlaceRules(default: .tier([Share(0)]))
        var expected = ["default"]
        func check(_ rule: String, sourceLocation: SourceLocation = #_sourceLocation) {
            expected.insert(rule, at: 0)
            let found = rules.matches(IPPrefix("192.0.2.1")!, asn: 64_500, place: seattle).map(\.rule)
            #expect(found == expected, sourceLocation: sourceLocation)
        }
        rules.continents[PlaceCode("NA")!] = .tier([Share(1)])
        check("continent NA")
        rules.regions.append(
            .init(name: "americas", countries: [PlaceCode("US")!], subdivisions: [], destination: .tier([Share(2)])))
        check("region americas (country US)")
        rules.countries[PlaceCode("US")!] = .tier([Share(3)])
        check("country US")
        rules.regions.append(
            .init(
                name: "west", countries: [], subdivisions: [SubdivisionCode("US-WA")!], destination: .tier([Share(4)])))
        check("region west (subdivision US-WA)")
        rules.subdivisions[SubdivisionCode("US-WA")!] = .tier([Share(5)])
        check("subdivision US-WA")
        rules.subdivisions[SubdivisionCode("US-KC")!] = .tier([Share(6)])
        check("subdivision US-KC")
        rules.cities[.inCountry(PlaceCode("US")!, name: "Seattle")] = .tier([Share(7)])
        check("city US/Seattle")
        rules.cities[.inSubdivision(SubdivisionCode("US-WA")!, name: "Seattle")] = .tier([Share(8)])
        check("city US-WA/Seattle")
        rules.cities[.geonameID(5_809_844)] = .tier([Share(9)])
        check("city 5809844")
        rules.asns[64_500] = .tier([Share(10)])
        check("AS64500")
        rules.networks.append((IPPrefix("192.0.0.0/16")!, .tier([Share(11)])))
        check("network 192.0.0.0/16")
        rules.networks.append((IPPrefix("192.0.2.0/24")!, .tier([Share(12)])))
        check("network 192.0.2.0/24")
        #expect(rules.datacenters == Set(0...12))
    }

    @Test("rules do not match unknown fields or other places")
    func others() {
        var rules = PlaceRules(default: .none)
        rules.cities[.inCountry(PlaceCode("CA")!, name: "Seattle")] = .tier([Share(1)])
        rules.countries[PlaceCode("CA")!] = .tier([Share(1)])
        rules.networks.append((IPPrefix("198.51.100.0/24")!, .tier([Share(1)])))
        #expect(rules.matches(IPPrefix("192.0.2.1")!, asn: 0, place: seattle).map(\.rule) == ["default"])
        #expect(rules.matches(IPPrefix("192.0.2.1")!, asn: 0, place: Place()).map(\.rule) == ["default"])
    }
}

@Suite("Preference lists")
struct PreferenceListTests {
    private let oslo = UnitVector(Coordinates(latitude: 59.91, longitude: 10.75)!)
    private let locations: [UnitVector?] = [
        nil, Coordinates(latitude: 1.35, longitude: 103.82).map(UnitVector.init),
        Coordinates(latitude: 59.33, longitude: 18.06).map(UnitVector.init),
        Coordinates(latitude: 39.04, longitude: -77.49).map(UnitVector.init),
        Coordinates(latitude: 59.33, longitude: 18.06).map(UnitVector.init),
    ]

    @Test(
        "the nearest datacenter comes first, and equally near ones as listed",
        arguments: [
            (Destination.nearest([1, 2, 3, 4], limit: 4), [2, 4, 3, 1]),
            (.nearest([1, 4, 3, 2], limit: 4), [4, 2, 3, 1]),
            (.nearest([1, 3, 2], limit: 1), [2, 1, 3]),
            (.nearest([1, 3, 2], limit: 2), [2, 3, 1]),
            (.list([.tier([Share(3)]), .nearest([1, 2, 3], limit: 3), .tier([Share(0)])]), [3, 2, 1, 0]),
            (.none, []),
        ])
    func nearest(destination: Destination, order: [Datacenter]) {
        let list = PreferenceList(destination, client: oslo, locations: locations)
        #expect(list.tiers == order.map { .shares([Share($0)]) })
    }

    @Test("a client without coordinates gets the datacenters as listed")
    func unknown() {
        let list = PreferenceList(.nearest([1, 3, 2], limit: 1), client: nil, locations: locations)
        #expect(list.tiers == [1, 3, 2].map { .shares([Share($0)]) })
    }

    @Test("a datacenter is in a list once, at its first position")
    func once() {
        let list = PreferenceList(
            .list([.tier([Share(1), Share(2)]), .tier([Share(2), Share(3)]), .tier([Share(1)])]), client: nil,
            locations: locations)
        #expect(list.tiers == [.shares([Share(1), Share(2)]), .shares([Share(3)])])
    }

    @Test("tiers with the same proportions are the same list")
    func alike() {
        func list(_ shares: [Share]) -> PreferenceList {
            PreferenceList(.tier(shares), client: nil, locations: locations)
        }
        #expect(list([Share(1, weight: 4)]) == list([Share(1)]))
        #expect(list([Share(2, weight: 4), Share(1, weight: 6)]) == list([Share(1, weight: 3), Share(2, weight: 2)]))
        #expect(list([Share(1, weight: 3), Share(2, weight: 2)]) != list([Share(1, weight: 2), Share(2, weight: 3)]))
    }

    @Test("the distance tail of a large set has the order of a full sort")
    func farther() throws {
        let count = 200
        let sites = (0..<count).map { number in
            DatacenterProperties(
                identity: UInt64(number),
                location: UnitVector(
                    Coordinates(latitude: .random(in: -90...90), longitude: .random(in: -180...180))!))
        }
        for limit in [3, 50, count] {
            let destination = Destination.nearest(Array(0..<count), limit: limit)
            let list = PreferenceList(destination, client: oslo, locations: sites.map(\.location))
            let table = try Lists([list], datacenters: sites)
            let sorted = (0..<count).sorted {
                oslo.squaredChord(to: sites[$0].location!) < oslo.squaredChord(to: sites[$1].location!)
            }
            let near = sorted.prefix(limit)
            let expected = near + (0..<count).filter { !near.contains($0) }
            #expect(table.tiers(of: 0).flatMap { $0.map(\.datacenter) } == Array(expected))
            let down = Set(expected.prefix(20))
            #expect(
                choices(table, 0, RendezvousDraw(random: 1), Availability(down: down)) == Array(expected.dropFirst(20)))
        }
    }

    @Test("distances are great-circle distances")
    func kilometres() {
        // Oslo to Singapore: 10,049 km by the haversine formula.
        #expect(abs(oslo.kilometres(to: locations[1]!) - 10_048.7) < 1)
        #expect(oslo.kilometres(to: oslo) == 0)
    }
}

@Suite("Choosing a datacenter")
struct ListTableTests {
    @Test("random and sticky draws follow the weights of a tier", arguments: [true, false])
    func weights(isStable: Bool) throws {
        let table = try table([.shares([Share(0, weight: 3), Share(1)])])
        var first = 0
        for number in 0..<10_000 {
            first += choices(table, 0, draw(number, isStable))[0] == 0 ? 1 : 0
        }
        #expect(abs(first - 7500) < 250)
    }

    @Test("draws from a pool are uniform, also if some of it is down", arguments: [true, false])
    func pool(isStable: Bool) throws {
        let table = try table([.shares((0..<10).map { Share($0) })])
        var counts = Array(repeating: 0, count: 10)
        for number in 0..<10_000 {
            counts[choices(table, 0, draw(number, isStable), Availability(down: [3, 4, 5, 6, 7]))[0]] += 1
        }
        for datacenter in [0, 1, 2, 8, 9] { #expect(abs(counts[datacenter] - 2000) < 200) }
        for datacenter in 3...7 { #expect(counts[datacenter] == 0) }
    }

    @Test("sticky draws move only the clients of a removed datacenter")
    func rendezvous() throws {
        let table = try table([.shares((0..<10).map { Share($0, weight: UInt32($0 + 1)) })])
        for number in 0..<3000 {
            let before = choices(table, 0, draw(number, true))
            let after = choices(table, 0, draw(number, true), Availability(down: [4]))
            #expect(after == before.filter { $0 != 4 })
        }
    }

    @Test("if a tier is down, the next one is used, through all that are up")
    func tiers() throws {
        let table = try table([.shares([Share(0), Share(1)]), .shares([Share(2)]), .shares([Share(3)])])
        #expect(Set(choices(table, 0, RendezvousDraw(random: 7))[..<2]) == [0, 1])
        #expect(choices(table, 0, RendezvousDraw(random: 7))[2...] == [2, 3])
        #expect(choices(table, 0, RendezvousDraw(random: 7), Availability(down: [0, 1, 2])) == [3])
        #expect(choices(table, 0, RendezvousDraw(random: 7), Availability(down: [0, 1, 2, 3])) == [])
    }

    @Test("damaged lists are refused or read without a fault")
    func damaged() {
        let here = UnitVector(Coordinates(latitude: 59.91, longitude: 10.75)!)
        let sites = (0..<20).map { DatacenterProperties(identity: UInt64($0), location: here) }
        let lists = [
            PreferenceList(.tier([Share(1), Share(2, weight: 3)]), client: nil, locations: []),
            PreferenceList(
                .nearest(Array(0..<20), limit: 9), client: here, locations: sites.map(\.location)),
            PreferenceList(.spread(.tier([Share(1)]), group: nil), client: nil, locations: []),
            PreferenceList(.spread(.tier([Share(3)]), group: [2, 5, 7]), client: nil, locations: []),
        ]
        let memory = ColumnMemory {
            $0.add(sites)
            PreferenceListTable.write(lists, to: &$0)
        }
        defer { withExtendedLifetime(memory) {} }
        var refused = 0
        for position in memory.bytes.indices {
            for flip: UInt8 in [0x01, 0x80, 0xff] {
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: memory.bytes.count, alignment: 64)
                defer { copy.deallocate() }
                copy.copyMemory(from: memory.bytes)
                copy[position] ^= flip
                var reader = ColumnReader(UnsafeRawBufferPointer(copy))
                guard let sites = try? reader.read(DatacenterProperties.self), sites.count == 20,
                    let table = try? PreferenceListTable(from: &reader, datacenters: sites)
                else {
                    refused += 1
                    continue
                }
                for list in 0..<UInt32(table.count) {
                    let spreading = RendezvousDraw.spreading(network: 7, salt: 7)
                    _ = table.spreadGroup(of: list)
                    var count = 0
                    func add(_ datacenter: Datacenter, _ reason: PreferenceListTable.Reason) -> Bool {
                        #expect(datacenter < 20)
                        count += 1
                        return count < 1_000
                    }
                    table.forEachChoice(list, RendezvousDraw(random: 7), Availability(down: [1, 3]), add)
                    table.forEachSpreadChoice(
                        list, RendezvousDraw(random: 7), spreading: spreading, Availability(down: [1, 3]),
                        canAnswer: { _ in true }, add)
                }
            }
        }
        #expect(refused > 100)
    }

    private func draw(_ number: Int, _ isStable: Bool) -> RendezvousDraw {
        isStable
            ? RendezvousDraw(network: UInt64(number), salt: 99) : RendezvousDraw(random: splitMix64(UInt64(number)))
    }

    private func table(_ tiers: [PreferenceList.Tier]) throws -> Lists {
        var list = PreferenceList(.none, client: nil, locations: [])
        list.tiers = tiers
        return try Lists(
            [list], datacenters: (0..<10).map { DatacenterProperties(identity: identity(of: "dc\($0)"), location: nil) }
        )
    }
}

@Suite("Compiled maps")
struct CompiledMapTests {
    @Test("an unknown client gets the list of its resolver, with the right scope")
    func resolver() throws {
        var rules = PlaceRules(default: .tier([Share(0)]))
        rules.networks = [
            (IPPrefix("192.0.2.0/24")!, .tier([Share(1)])), (IPPrefix("198.51.100.0/24")!, .tier([Share(0)])),
        ]
        let memory = ColumnMemory {
            var compiler = MapCompiler(
                Atlas(),
                datacenters: [DatacenterProperties](
                    repeating: DatacenterProperties(identity: 0, location: nil), count: 2))
            compiler.write([rules], to: &$0)
        }
        defer { withExtendedLifetime(memory) {} }
        var reader = memory.reader
        let map = try CompiledMap.all(from: &reader, datacenterCount: 2)[0]
        #expect(reader.isAtEnd)
        func locate(_ client: String, _ resolver: String) -> (first: Datacenter, scope: UInt8) {
            let found = map.locate(IPAddress(client)!, resolver: IPAddress(resolver)!)
            return (map.lists.tiers(of: found.list)[0][0].datacenter, found.scope)
        }
        #expect(locate("192.0.2.7", "10.0.0.1") == (1, 24))
        #expect(locate("10.9.9.9", "10.0.0.1") == (0, 1))
        // An unknown client of a known resolver: the scope reaches up to the next known network.
        #expect(locate("10.9.9.9", "192.0.2.1") == (1, 1))
        #expect(locate("192.0.3.9", "192.0.2.1") == (1, 24))
        // A known client with the default list: unknown clients would get the resolver's list.
        #expect(locate("198.51.100.9", "192.0.2.1") == (0, 24))
        #expect(locate("198.51.100.9", "10.0.0.1") == (0, 6))
    }
}

/// Lists that keep their memory.
final class Lists {
    private let memory: ColumnMemory
    let table: PreferenceListTable

    init(_ lists: [PreferenceList], datacenters: [DatacenterProperties]) throws {
        memory = ColumnMemory {
            $0.add(datacenters)
            PreferenceListTable.write(lists, to: &$0)
        }
        var reader = memory.reader
        table = try PreferenceListTable(from: &reader, datacenters: try reader.read())
    }

    func tiers(of list: UInt32) -> [[Share]] { table.tiers(of: list) }
}

func choices(
    _ table: Lists, _ list: UInt32, _ draw: RendezvousDraw, _ availability: Availability = .all,
    spreading: RendezvousDraw? = nil
) -> [Datacenter] {
    var choices: [Datacenter] = []
    func add(_ datacenter: Datacenter, _ reason: PreferenceListTable.Reason) -> Bool {
        if !choices.contains(datacenter) { choices.append(datacenter) }
        return true
    }
    if let spreading {
        table.table.forEachSpreadChoice(
            list, draw, spreading: spreading, availability, canAnswer: { _ in true }, add)
    } else {
        table.table.forEachChoice(list, draw, availability, add)
    }
    return choices
}
