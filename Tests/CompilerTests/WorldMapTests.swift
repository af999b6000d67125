import Addresses
import Configuration
import Foundation
import Geography
import Support
import Testing

@testable import Answering
@testable import Compiler
@testable import Inspection

@Suite("World map")
struct WorldMapTests {
    private let folder: Folder
    private let snapshot: Snapshot

    init() throws {
        folder = try Folder()
        try FileManager.default.copyItem(atPath: Project.demonstration, toPath: "\(folder.path)/places.mmdb")
        try folder.write(
            """
            databases: [places.mmdb]
            datacenters:
              oslo: { location: [59.91, 10.75] }
              ashburn: { location: [39.04, -77.49] }
              singapore: { location: [1.35, 103.82] }
            maps:
              split:
                networks: { 129.242.0.0/16: ashburn }
                countries: { NO: oslo, US: { random: [oslo, ashburn] }, JP: none }
                continents: { EU: ashburn }
                default: singapore
              single: { default: oslo }
            services:
              web: { map: split, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, singapore: 192.0.2.3 } }
              api: { map: split, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, singapore: 192.0.2.3 } }
              "<b>&\\"'": { map: single, answers: { oslo: 192.0.2.1 } }
              unused: { map: single, answers: { oslo: 192.0.2.1 } }
            zones:
              example.com:
                soa: { primary: ns.example.com., contact: hostmaster.example.com. }
                ns: [ns.example.com.]
                records: { ns: { A: 192.0.2.53 }, www: { service: web }, api: { service: api }, b: { service: "<b>&\\"'" } }

            """.utf8, to: "geopipe.yaml")
        let request = CompileRequest(configuration: "\(folder.path)/geopipe.yaml")
        let outcome = Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false)
        snapshot = try Snapshot(try #require(outcome.image, "\(outcome.report.diagnostics)"))
    }

    /// A network of the demonstration's tables.
    private struct Network {
        var prefix: IPPrefix
        var country: String
        var continent: String
    }

    private func demonstration() throws -> [Network] {
        func rows(_ name: String) throws -> [[String]] {
            try String(contentsOfFile: "\(Project.root)/examples/demo/\(name)", encoding: .utf8)
                .split(separator: "\n").dropFirst()
                .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        }
        let cities = Dictionary(
            uniqueKeysWithValues: try rows("locations.csv").map { ($0[0], (country: $0[5], continent: $0[8])) })
        return try rows("networks.csv").map { row in
            let city = try #require(cities[row[1]])
            return Network(prefix: try #require(IPPrefix(row[0])), country: city.country, continent: city.continent)
        }
    }

    @Test("each country's parts follow from the networks of the demonstration and the rules")
    func facts() throws {
        let networks = try demonstration()
        /// The size in IPv4 addresses or IPv6 /48s.
        func size(_ prefix: IPPrefix) -> Double {
            if case .v4 = prefix.address { return exp2(Double(32 - prefix.length)) }
            return exp2(Double(48 - prefix.length))
        }
        var expected: [String: [String: [Double]]] = [:]
        for network in networks {
            // Networks inside it are subtracted, since each is counted separately.
            let inner = networks.filter { $0.prefix != network.prefix && $0.prefix.isInside(network.prefix) }
            let outermost = inner.filter { one in
                !inner.contains { $0.prefix != one.prefix && one.prefix.isInside($0.prefix) }
            }
            let amount = size(network.prefix) - outermost.reduce(0) { $0 + size($1.prefix) }
            let parts: [String: Double] =
                switch network.country {
                case _ where network.prefix.isInside(IPPrefix("129.242.0.0/16")!): ["ashburn": 1]
                case "NO": ["oslo": 1]
                case "US": ["oslo": 0.5, "ashburn": 0.5]
                case "JP": ["none": 1]
                default: [network.continent == "EU" ? "ashburn" : "singapore": 1]
                }
            let isIPv4 = if case .v4 = network.prefix.address { true } else { false }
            for (datacenter, part) in parts {
                let sums = expected[network.country]?[datacenter] ?? [0, 0]
                expected[network.country, default: [:]][datacenter] = [
                    sums[0] + (isIPv4 ? amount * part : 0), sums[1] + (isIPv4 ? 0 : amount * part),
                ]
            }
        }
        let shares = try #require(ClientShares.all(of: snapshot).first)
        #expect(shares.services == ["web", "api"])
        var found: [String: [String: [Double]]] = [:]
        for place in shares.places {
            guard let country = place.country else { continue }
            for share in place.shares {
                found["\(country)", default: [:]][share.datacenter ?? "none"] = [share.amount.ipv4, share.amount.ipv6]
            }
        }
        #expect(found == expected)
        #expect(found["NO"]?.keys.sorted() == ["ashburn", "oslo"])
        let all = ClientShares.Amount(of: shares.known + shares.unknown)
        #expect(all.ipv4 == 0x1p32)
        #expect(shares.places.last?.name == "unknown")
    }

    @Test("lists the services that names use, grouped by map")
    func services() {
        #expect(ClientShares.all(of: snapshot).map(\.services) == [["web", "api"], ["<b>&\"'"]])
        #expect(ClientShares.all(of: snapshot, service: "api").map(\.services) == [["api"]])
        #expect(ClientShares.all(of: snapshot, service: "unused").isEmpty)
        #expect(ClientShares.services(of: snapshot) == ["web", "api", "<b>&\"'"])
    }

    @Test("every country of ISO 3166-1 has an outline or a dot, and none has both")
    func outlines() {
        let outlines = WorldOutlines.all.map(\.country), dots = WorldOutlines.dots.map(\.country)
        #expect(Set(outlines).count == outlines.count && Set(dots).count == dots.count)
        #expect(Set(outlines).isDisjoint(with: dots))
        #expect(Set(outlines).union(dots) == Set(Countries.all.map(\.code)))
        for outline in WorldOutlines.all {
            #expect(!outline.rings.isEmpty, "\(outline.country)")
            for point in outline.rings.joined() {
                #expect(-90...90 ~= point.latitude && WorldOutlines.cut...(WorldOutlines.cut + 360) ~= point.longitude)
            }
        }
    }

    @Test(
        "a position in a country is inside its outline",
        arguments: [
            ("NO", 61.0, 9.0), ("FR", 47.0, 2.5), ("GF", 4.0, -53.0), ("SJ", 78.6, 16.0), ("XK", 42.6, 20.9),
            ("RU", 66.5, 178.0), ("RU", 66.5, 184.0), ("US", 64.0, -150.0), ("SO", 9.5, 46.0), ("AQ", -80.0, 100.0),
            ("CN", 35.0, 100.0), ("BR", -10.0, -52.0),
        ])
    func inside(code: String, latitude: Double, longitude: Double) throws {
        let outline = try #require(WorldOutlines.all.first { "\($0.country)" == code })
        let crossings = outline.rings.reduce(0) { count, ring in
            var last = ring[ring.count - 1]
            return count
                + ring.count { next in
                    defer { last = next }
                    guard (next.latitude > latitude) != (last.latitude > latitude) else { return false }
                    let part = (latitude - next.latitude) / (last.latitude - next.latitude)
                    return longitude < next.longitude + part * (last.longitude - next.longitude)
                }
        }
        #expect(crossings % 2 == 1)
    }

    @Test("the projection equals the published one, and preserves areas")
    func projection() {
        let projection = EqualEarth(width: 360, x: 0, y: 0)
        let centre = projection.project(MapPosition(latitude: 0, longitude: 11.5))
        #expect(abs(centre.x - 180) < 1e-9 && abs(centre.y - projection.height / 2) < 1e-9)
        #expect(abs(projection.height / 360 - 0.48670) < 1e-4)
        /// Returns the area of a cell of one degree.
        func area(_ latitude: Double, _ longitude: Double) -> Double {
            let corners = [(0.0, 0.0), (0, 1), (1, 1), (1, 0)].map {
                projection.project(MapPosition(latitude: latitude + $0.0, longitude: longitude + $0.1))
            }
            return zip(corners, corners[1...] + corners[..<1]).reduce(0) { $0 + $1.0.x * $1.1.y - $1.1.x * $1.0.y } / 2
        }
        for latitude in stride(from: -80.0, to: 80, by: 10) {
            let sphere = sin((latitude + 1) * .pi / 180) - sin(latitude * .pi / 180)
            let ratio = area(latitude, 100) / area(0, 11.5) / (sphere / sin(.pi / 180))
            #expect(abs(abs(ratio) - 1) < 1e-3, "\(latitude)")
        }
    }

    @Test("pictures and pages are well-formed, have titles, and are identical each time")
    func documents() throws {
        let shares = ClientShares.all(of: snapshot)
        let maps = shares.map { WorldMap($0, palette: MapPalette(of: shares)) }
        let page = WorldPage(title: "All <services>", notes: ["a & b"], maps: maps).html
        #expect(page == WorldPage(title: "All <services>", notes: ["a & b"], maps: maps).html)
        #expect(page.contains("All &lt;services&gt;") && page.contains("a &amp; b"))
        #expect(page.contains("&lt;b&gt;&amp;&quot;&#39;") && !page.contains("<b>&"))
        #expect(page.contains("default-src 'none'"))
        #expect(!page.contains("<script") && !page.contains("src=") && !page.contains("@import"))
        #expect(page.contains("Norway: oslo"))
        // The page must not load other resources. The namespace of SVG is not an address to load.
        let addresses = page.replacing("http://www.w3.org/2000/svg", with: "")
        #expect(!addresses.contains("http:") && !addresses.contains("https:") && !addresses.contains("url(h"))
        for (number, map) in maps.enumerated() {
            let picture = map.document
            #expect(picture == map.document)
            #expect(picture.contains("<title id=\"m-title\">") && picture.contains("<desc id=\"m-about\">"))
            let file = try folder.write(picture.utf8, to: "\(number).svg")
            let check = try Tool("xmllint").run(["--noout", "--nonet", file])
            #expect(check.status == 0, "\(check.output)")
            let ids = picture.matches(of: #/ id="([^"]*)"/#).map { String($0.output.1) }
            #expect(Set(ids).count == ids.count)
            for use in picture.matches(of: #/url\(#([^)]*)\)/#) { #expect(ids.contains(String(use.output.1))) }
        }
        #expect(maps[0].document.contains("no answer"), "Japan gets none")
        #expect(maps[0].document.contains("<title>datacenter ashburn</title>"))
        #expect(!maps[1].document.contains("<title>datacenter ashburn</title>"), "it gets no clients of this service")
    }

    @Test("the stripes of a country are proportional to its parts")
    func stripes() throws {
        let shares = try #require(ClientShares.all(of: snapshot).first)
        let palette = MapPalette(of: [shares])
        var paint = MapPaint(palette, prefix: "x-")
        let place = try #require(shares.places.first { $0.country == PlaceCode("US") })
        let parts = paint.parts(of: place)
        #expect(parts.map(\.number) == [0, 1] && parts.map(\.part) == [0.5, 0.5])
        #expect(paint.fill(parts, width: 100) == "fill=\"url(#x-s0)\"")
        #expect(paint.fill(parts, width: 100) == "fill=\"url(#x-s0)\"", "one pattern for all that look alike")
        #expect(
            paint.stripes.contains("x=\"10.0\" width=\"10.0\" height=\"20\"") && paint.stripes.contains("width=\"20\""))
    }

    @Test("letters and textures distinguish more datacenters than there are colours")
    func palette() {
        #expect([0, 25, 26, 51, 52, 701, 702].map(MapPalette.letter) == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"])
        let count = 40
        var shares = ClientShares.all(of: snapshot)[0]
        shares.datacenters = (0..<count).map { ClientShares.Datacenter(name: "dc\($0)", position: nil) }
        shares.places = [
            ClientShares.Place(
                country: PlaceCode("NO"),
                shares: shares.datacenters.map { .init(datacenter: $0.name, amount: .init(ipv4: 1, ipv6: 0)) })
        ]
        let palette = MapPalette(of: [shares])
        let fills = (0..<count).map { palette.fill($0, "x-") }
        #expect(Set(fills).count == count)
        let patterns = palette.patterns("x-").split(separator: "\n").map { $0.replacing(#/ id="[^"]*"/#, with: "") }
        #expect(Set(patterns).count == count - 8, "no two look alike")
    }

    @Test("text has enough contrast with its background, on light and on dark screens")
    func contrast() throws {
        /// Returns the relative luminance of a colour (WCAG 2.1).
        func luminance(_ colour: Substring) -> Double {
            let number = Int(colour, radix: 16) ?? 0
            let parts = [number >> 16, number >> 8 & 255, number & 255].map { part -> Double in
                let value = Double(part) / 255
                return value <= 0.03928 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
            }
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
        }
        let halves = WorldMap.style.split(separator: "@media screen")
        try #require(halves.count == 2)
        for half in halves {
            func colour(_ pattern: String) throws -> Substring {
                let start = try #require(half.range(of: pattern + " #"), "\(pattern)").upperBound
                return half[start...].prefix(6)
            }
            let halo = try colour(".world .letter, .world .name { stroke:")
            let paper = try colour(".world .paper { fill:")
            for (text, ground) in [
                (try colour(".world text { fill:"), paper), (try colour(".world text { fill:"), halo),
                (try colour(half == halves[0] ? ".note { font-size: 16px; fill:" : ".note { fill:"), paper),
            ] {
                let (one, two) = (luminance(text), luminance(ground))
                #expect((max(one, two) + 0.05) / (min(one, two) + 0.05) >= 4.5, "\(text) on \(ground)")
            }
        }
    }
}
