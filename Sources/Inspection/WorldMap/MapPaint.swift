/// The fills of a picture. A country that datacenters share gets stripes, as wide as the parts.
struct MapPaint {
    private let palette: MapPalette
    private let prefix: String
    /// The id of each pattern, by its content.
    private var ids: [String: String] = [:]
    /// The used stripes, as SVG patterns.
    private(set) var stripes = ""

    /// Smaller parts of a country are not drawn, because screens cannot show such narrow stripes.
    static let smallestPart = 0.005

    init(_ palette: MapPalette, prefix: String) { (self.palette, self.prefix) = (palette, prefix) }

    /// Returns the parts of a place to draw, in the order of the palette, with the sum 1. `nil` stands for no answer.
    func parts(of place: ClientShares.Place) -> [(number: Int?, part: Double)] {
        let all = place.amount
        let parts = place.shares.map { share in
            (number: share.datacenter.flatMap(palette.number(of:)), part: share.amount.part(of: all))
        }.filter { $0.part >= Self.smallestPart }
        let sum = parts.reduce(0) { $0 + $1.part }
        return parts.map { ($0.number, $0.part / sum) }.sorted { ($0.number ?? .max) < ($1.number ?? .max) }
    }

    /// Returns the fill of a datacenter, as attributes of an element; `nil` stands for no answer.
    func fill(_ number: Int?) -> String {
        number.map { palette.fill($0, prefix) } ?? "fill=\"url(#\(prefix)none)\""
    }

    /// Returns the fill of a shared country, as attributes.
    ///
    /// - Parameters:
    ///   - parts: the result of `parts(of:)`.
    ///   - width: its largest width, in units of the picture.
    mutating func fill(_ parts: [(number: Int?, part: Double)], width: Double) -> String {
        guard parts.count > 1 else { return parts.first.map { fill($0.number) } ?? "class=\"empty\"" }
        // At least four repetitions across, so that all parts are visible, within limits of fineness and width.
        let period = [28, 20, 14, 10, 7].first { Double($0) <= width / 4 } ?? 5
        var text = "<rect \(fill(parts[0].number)) width=\"\(period)\" height=\"\(period)\"/>"
        var start = 0.0
        for (number, part) in parts {
            let end = start + part * Double(period)
            if start > 0 {
                text +=
                    "<rect \(fill(number)) x=\"\(hundredths(start))\" width=\"\(hundredths(end - start))\" height=\"\(period)\"/>"
            }
            start = end
        }
        if let id = ids[text] { return "fill=\"url(#\(id))\"" }
        let id = "\(prefix)s\(ids.count)"
        ids[text] = id
        stripes +=
            "<pattern id=\"\(id)\" width=\"\(period)\" height=\"\(period)\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\(text)</pattern>\n"
        return "fill=\"url(#\(id))\""
    }

    private func hundredths(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }

    /// The patterns that the fills of datacenters and of no answer need.
    var patterns: String {
        palette.patterns(prefix)
            + "<pattern id=\"\(prefix)none\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">"
            + "<rect class=\"paper\" width=\"7\" height=\"7\"/><rect class=\"line\" width=\"1.6\" height=\"7\"/></pattern>\n"
    }
}
