import Foundation
import Support

/// The rules of a map in the form of gdnsd, and its answers.
///
/// gdnsd-plugin-geoip(8) has one hierarchy instead of kinds of rules: continent, country, subdivisions, city. A rule is
/// reached only through those above it. The first match is followed, and has a default for all other clients.
struct Gdnsd {
    struct Answer: Equatable {
        /// The whole list, in its order.
        var datacenters: [Int]
        var scope: Int
    }

    private let configuration: String

    /// - Parameter places: the places of the rules, which tell the hierarchy.
    init(_ world: TestWorld, places: [ReferencePlace]) {
        let datacenters = world.datacenters.indices.map(name).joined(separator: ", ")
        let coordinates = world.datacenters.enumerated().compactMap { number, location in
            location.map { "\(name(number)) => [\($0.latitude), \($0.longitude)]" }
        }
        let maps = world.maps.enumerated().map { number, map in
            let distance = "auto_dc_coords => { \(coordinates.joined(separator: ", ")) }, auto_dc_limit => 0"
            let isByDistance = if case .nearest = map.fallback { true } else { false }
            let networks = map.networks.map { "\($0.network) => \(Self.list($0.destination))\n" }.joined()
            return """
                map\(number) => {
                  geoip2_db => "\(world.databases[0])"
                  datacenters => [\(datacenters)]
                  \(isByDistance ? distance : "")
                  map => \(Hierarchy(map, places).text)
                  nets => {
                \(networks)}
                }
                """
        }
        configuration = "plugins => { geoip => { maps => {\n\(maps.joined(separator: "\n"))\n}, resources => { } } }\n"
    }

    /// Continents with their countries, and countries with their subdivisions and cities.
    private struct Hierarchy {
        let map: MapRules
        /// The continent of each country.
        private var continents: [String: String] = [:]
        /// The path of each subdivision: those around it and itself, the widest first.
        private var chains: [String: [String]] = [:]

        init(_ map: MapRules, _ places: [ReferencePlace]) {
            self.map = map
            for place in places {
                if let country = place.country { continents[country] = place.continent }
                let keys = place.subdivisionKeys
                for (index, key) in keys.enumerated() { chains[key] = Array(keys[...index]) }
            }
        }

        var text: String {
            let ruled = Set((map.countries + map.subdivisions + map.cities).map { String($0.key.prefix(2)) })
            let countries = Dictionary(grouping: ruled.sorted()) { continents[$0] ?? "" }
            let names = Set(countries.keys).union(map.continents.map(\.key)).subtracting([""])
            let lines = names.sorted().map { continent in
                let below = (countries[continent] ?? []).map { ($0, country($0)) }
                return (continent, branch(map.continents.first { $0.key == continent }?.destination, below))
            }
            return branch(map.fallback, lines)
        }

        private func country(_ country: String) -> String {
            branch(map.countries.first { $0.key == country }?.destination, below(country, subdivision: nil))
        }

        /// Returns the rules inside a country or a subdivision. gdnsd follows the first name that matches, so each
        /// subdivision with a rule repeats all rules for places inside it.
        private func below(_ country: String, subdivision: String?) -> [(String, String)] {
            let withCities = map.cities.map { String($0.key.prefix { $0 != "/" }) }
            let ruled = Set(map.subdivisions.map(\.key) + withCities).filter { $0.hasPrefix("\(country)-") }
            let inside = ruled.filter {
                $0 != subdivision && (subdivision == nil || chains[$0]!.contains(subdivision!))
            }
            let subdivisions = inside.sorted().map { key in
                let rule = map.subdivisions.first { $0.key == key }
                return (
                    String(key.dropFirst(country.count + 1)),
                    branch(rule?.destination, below(country, subdivision: key))
                )
            }
            let around = [country] + (subdivision.map { chains[$0]! } ?? [])
            let cities = map.cities.filter { around.contains(String($0.key.prefix { $0 != "/" })) }.map { rule in
                (String(rule.key.drop { $0 != "/" }.dropFirst()), Gdnsd.list(rule.destination))
            }
            return subdivisions + cities
        }

        private func branch(_ own: RuleDestination?, _ below: [(String, String)]) -> String {
            let fallback = own.map { "default => \(Gdnsd.list($0)) " } ?? ""
            return "{ \(fallback)\(below.map { "\n\"\($0.0)\" => \($0.1) " }.joined())}"
        }
    }

    fileprivate static func list(_ destination: RuleDestination) -> String {
        switch destination {
        case .none: "[]"
        case .datacenter(let number): "[\(name(number))]"
        case .list(let parts): "[\(parts.map { list($0).dropFirst().dropLast() }.joined(separator: ", "))]"
        case .nearest: "auto"
        default: preconditionFailure("gdnsd has no \(destination.yaml)")
        }
    }

    func answers(to clients: [(map: Int, address: Address)], in folder: Folder) throws -> [Answer] {
        try folder.write(configuration.utf8, to: "config")
        var input: [UInt8] = []
        for client in clients { input += "map\(client.map) \(client.address)\n".utf8 }
        let ending = try Program("gdnsd_geoip_test").run(["-c", folder.path], input: input, in: folder)
        // MAP => ADDRESS/SCOPE => NAME, NAME
        let answers = ending.output.split(separator: UInt8(ascii: "\n")).compactMap { line -> Answer? in
            let words = line.split(omittingEmptySubsequences: true) { $0 == 0x20 || $0 == UInt8(ascii: ",") }
            guard words.count >= 4, let slash = words[2].lastIndex(of: UInt8(ascii: "/")),
                let scope = Int(String(decoding: words[2][(slash + 1)...], as: UTF8.self))
            else { return nil }
            let names = words[4...].compactMap { Int(String(decoding: $0.dropFirst(2), as: UTF8.self)) }
            return Answer(datacenters: names, scope: scope)
        }
        guard ending.status == 0, answers.count == clients.count else {
            throw Geopipe.Unexpected(
                description: "gdnsd gave \(answers.count) answers to \(clients.count) questions: \(ending.error)"
            )
        }
        return answers
    }
}
