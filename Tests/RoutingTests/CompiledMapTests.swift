import Geography
import Testing

@testable import Routing

@Suite("Maps")
struct CompiledMapTests {
    private let norway = Place(country: PlaceCode("NO"), continent: PlaceCode("EU"))

    @Test("a country rule beats its continent, and that the default")
    func precedence() {
        var rules = PlaceRules(fallback: PreferenceList(tiers: [[0]]))
        #expect(rules.list(for: norway).tiers == [[0]])
        rules.continents[PlaceCode("EU")!] = PreferenceList(tiers: [[1]])
        #expect(rules.list(for: norway).tiers == [[1]])
        rules.countries[PlaceCode("NO")!] = PreferenceList(tiers: [[2]])
        #expect(rules.list(for: norway).tiers == [[2]])
        #expect(rules.list(for: Place(country: PlaceCode("NO"))).tiers == [[2]])
        #expect(rules.list(for: Place(country: PlaceCode("SE"), continent: PlaceCode("EU"))).tiers == [[1]])
        #expect(rules.list(for: Place()).tiers == [[0]])
        #expect(rules.datacenters == [0, 1, 2])
    }

    @Test("draw evenly from a pool")
    func pool() {
        let map = CompiledMap(PlaceRules(fallback: PreferenceList(tiers: [[0, 1, 2]])), Atlas())
        var counts = [0, 0, 0]
        for draw in 0..<3000 {
            let random = UInt32(UInt64(draw) << 32 / 3000)
            counts[map.choose(for: .v4(0), random: random, isAvailable: { _ in true }).datacenter] += 1
        }
        #expect(counts.allSatisfy { 999...1001 ~= $0 })
        #expect(map.choose(for: .v4(0), random: .max, isAvailable: { _ in true }).datacenter == 2)
    }

    @Test("go on to the next tier when a tier is down, and ignore that all are")
    func availability() {
        let map = CompiledMap(PlaceRules(fallback: PreferenceList(tiers: [[0, 1], [2]])), Atlas())
        func choices(up: Set<Datacenter>) -> Set<Datacenter> {
            Set((0..<100).map { map.choose(for: .v4(0), random: $0 << 25, isAvailable: up.contains).datacenter })
        }
        #expect(choices(up: [0, 1, 2]) == [0, 1])
        #expect(choices(up: [1, 2]) == [1])
        #expect(choices(up: [2]) == [2])
        #expect(choices(up: []) == [0, 1])
    }
}
