import Configuration
import Geography

/// A picture of the world in which each country has the colour of the datacenter that gets its clients.
///
/// Countries whose clients go to several datacenters have stripes, as wide as the parts. The output is deterministic.
public struct WorldMap: Sendable {
    public let shares: ClientShares
    public let palette: MapPalette
    /// The title.
    public var title: String

    /// The width of a picture, in pixels at its natural size.
    public static let width = 1200

    /// - Parameters:
    ///   - title: the title; `nil` for a title that names the services.
    ///   - palette: the look of datacenters; `nil` for a palette of this picture alone. Pictures to compare need the
    ///     same palette.
    public init(_ shares: ClientShares, title: String? = nil, palette: MapPalette? = nil) {
        self.shares = shares
        self.palette = palette ?? MapPalette(of: [shares])
        self.title = title ?? "Where clients of \(shares.serviceWords) go"
    }

    /// Returns the picture as an SVG document.
    public var document: String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + svg(id: "m", style: Self.style, hasLegend: true)
    }

    /// Returns the picture as an SVG element.
    ///
    /// - Parameters:
    ///   - id: the prefix of ids in the picture, letters and digits; unique for each picture of a page.
    ///   - style: the CSS to include; `nil` for a page that includes `WorldMap.style` itself.
    ///   - hasLegend: whether the picture has a title and a legend; a page may have its own.
    public func svg(id: String, style: String? = nil, hasLegend: Bool) -> String {
        draw(id: id, style: style, hasLegend: hasLegend).svg
    }

    /// Returns the picture, and a legend that uses its definitions.
    func draw(id: String, style: String? = nil, hasLegend: Bool) -> (svg: String, legend: MapLegend) {
        let prefix = "\(id)-"
        let margin = 10.0
        let top = hasLegend ? 64.0 : margin
        let projection = EqualEarth(width: Double(Self.width) - 2 * margin, x: margin, y: top)
        let bottom = top + projection.height
        let frame = MapBox(left: 4, top: top, right: Double(Self.width) - 4, bottom: bottom)
        let used = Set(shares.places.flatMap { $0.shares.compactMap(\.datacenter) })
        let marks = MapMarks(shares.datacenters.filter { used.contains($0.name) }, palette, projection, in: frame)
        var paint = MapPaint(palette, prefix: prefix)
        let places = Dictionary(
            shares.places.compactMap { place in place.country.map { ($0, place) } }, uniquingKeysWith: { one, _ in one }
        )
        var lands = "", letters = ""
        for outline in WorldOutlines.all {
            let shape = MapShape(outline, projection, avoiding: marks.boxes)
            let place = places[outline.country]
            let parts = place.map(paint.parts) ?? []
            let fill = paint.fill(parts, width: 2.4 * shape.middle.radius)
            lands += "<path \(fill) d=\"\(shape.path)\">\(hover(outline.country, place))</path>\n"
            letters += letter(parts, shape)
        }
        let points = MapMarks.apart(WorldOutlines.dots.map { projection.project($0.position) }, by: 8)
        var dots = ""
        for ((country, _), point) in zip(WorldOutlines.dots, points) {
            let place = places[country]
            dots += "<g>\(hover(country, place))\(dot(place.map(paint.parts) ?? [], point, paint))</g>\n"
        }
        let hasEmptyPlaces = (WorldOutlines.all.map(\.country) + WorldOutlines.dots.map(\.country))
            .contains { places[$0] == nil }
        let legend = MapLegend(shares, palette, &paint, hasEmptyPlaces: hasEmptyPlaces)
        var below = (text: "", end: bottom + margin)
        if hasLegend {
            below = legend.svg(x: 20, y: bottom + 18, width: Double(Self.width) - 40)
            below.text += "<text class=\"note\" x=\"20\" y=\"\(tenths(below.end + 20))\">\(markup(Self.note))</text>\n"
            below.end += 34
        }
        let height = Int(below.end.rounded(.up))
        var text =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"world\" viewBox=\"0 0 \(Self.width) \(height)\" role=\"img\""
        if style != nil { text += " width=\"\(Self.width)\" height=\"\(height)\"" }
        text += " aria-labelledby=\"\(prefix)title \(prefix)about\">\n"
        text += "<title id=\"\(prefix)title\">\(markup(title))</title>\n"
        text += "<desc id=\"\(prefix)about\">\(markup(shares.summary))</desc>\n"
        if let style { text += "<style>\n\(style)</style>\n" }
        text += "<defs>\n\(paint.patterns)\(paint.stripes)</defs>\n"
        text += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        if hasLegend { text += "<text class=\"heading\" x=\"20\" y=\"44\">\(markup(heading))</text>\n" }
        text += "<path class=\"sea\" d=\"\(MapShape.path(projection.border))\"/>\n"
        text +=
            "<g class=\"lands\">\n\(lands)</g>\n<g class=\"dots\">\n\(dots)</g>\n<g class=\"letters\">\n\(letters)</g>\n"
        text += draw(marks, paint) + below.text
        return (text + "</svg>\n", legend)
    }

    /// The title, cut to the width of the picture.
    private var heading: String { title.count <= 70 ? title : title.prefix(69) + "…" }

    /// The meaning of the numbers in a picture.
    public static let note =
        "Parts of the IPv4 addresses whose country is known, while nothing is drained and all is up. Outlines: Natural Earth."

    /// Returns the tooltip of a country.
    private func hover(_ country: PlaceCode, _ place: ClientShares.Place?) -> String {
        let name = place?.name ?? Countries.byCode[country]?.name ?? "\(country)"
        guard let place else { return "<title>\(markup(name)): no addresses known</title>" }
        return "<title>\(markup("\(name): \(place.words)"))</title>"
    }

    /// Returns the letters of a country, if it is large enough.
    private func letter(_ parts: [(number: Int?, part: Double)], _ shape: MapShape) -> String {
        let largest = parts.filter { $0.part >= 0.1 }.sorted {
            ($1.part, $0.number ?? .max) < ($0.part, $1.number ?? .max)
        }
        let numbers = largest.compactMap(\.number)
        guard !numbers.isEmpty else { return "" }
        let (point, radius) = shape.middle
        let most = numbers.count <= 3 ? numbers.count : 3
        let text = numbers.prefix(most).map(MapPalette.letter).joined(separator: "+") + (numbers.count > 3 ? "…" : "")
        // A letter is 11 units wide; twice as much if the picture is small.
        let breadth = Double(text.count) * 5.5
        guard radius >= 6, radius * 1.3 >= breadth else { return "" }
        let isLarge = radius >= 15 && radius >= breadth * 1.6
        return
            "<text class=\"letter\(isLarge ? " large" : "")\" x=\"\(tenths(point.x))\" y=\"\(tenths(point.y + 5.4))\">\(text)</text>\n"
    }

    /// Returns a country without an outline: a disc with a sector for each part.
    private func dot(_ parts: [(number: Int?, part: Double)], _ point: MapPoint, _ paint: MapPaint) -> String {
        MapDisc(point, radius: 4).svg(parts, paint)
    }

    /// The marks of datacenters.
    private func draw(_ marks: MapMarks, _ paint: MapPaint) -> String {
        var text = "<g class=\"marks\">\n"
        for mark in marks.marks {
            let (x, y) = (tenths(mark.point.x), tenths(mark.point.y))
            text += "<g><title>\(markup("datacenter \(mark.name)"))</title>"
            text += "<circle \(paint.fill(mark.number)) cx=\"\(x)\" cy=\"\(y)\" r=\"\(Int(marks.radius))\"/>"
            if marks.radius >= 10 {
                text +=
                    "<text class=\"letter\" x=\"\(x)\" y=\"\(tenths(mark.point.y + 5))\">\(MapPalette.letter(mark.number))</text>"
            }
            if let label = mark.label {
                text +=
                    "<text class=\"name\" x=\"\(tenths(label.x))\" y=\"\(tenths(label.y))\">\(markup(mark.name))</text>"
            }
            text += "</g>\n"
        }
        return text + "</g>\n"
    }
}

extension ClientShares {
    /// The names of the services, for a heading.
    public var serviceWords: String {
        services.count <= 4
            ? services.joined(separator: ", ")
            : services.prefix(3).joined(separator: ", ") + " and \(services.count - 3) more"
    }

    /// The part of the addresses that each datacenter gets, in words.
    public var summary: String {
        let (known, unknown) = (known, unknown)
        let all = Amount(of: known)
        func words(_ shares: [Share], _ all: Amount) -> String {
            shares.map { "\($0.datacenter ?? "no answer") \(percent($0.amount.part(of: all)))" }.joined(separator: ", ")
        }
        var sentences: [String] = []
        if !known.isEmpty { sentences.append("Of the IPv4 addresses whose country is known: \(words(known, all)).") }
        if !unknown.isEmpty { sentences.append("Of the others: \(words(unknown, Amount(of: unknown))).") }
        return sentences.joined(separator: " ")
    }
}

extension ClientShares.Place {
    /// Its datacenters and their parts, in words.
    var words: String {
        let all = amount
        let (isIPv4, whole) = all.ipv4 > 0 ? (true, all.ipv4) : (false, all.ipv6)
        let parts = shares.filter { isIPv4 ? $0.amount.ipv4 > 0 : true }.map { share in
            "\(share.datacenter ?? "no answer") \(percent(whole > 0 ? (isIPv4 ? share.amount.ipv4 : share.amount.ipv6) / whole : 0))"
        }
        return parts.joined(separator: ", ") + " (\(grouped(whole)) \(isIPv4 ? "IPv4 addresses" : "IPv6 /48s"))"
    }
}
