/// The legend below a picture: the letter, colour and share of each datacenter.
struct MapLegend {
    struct Entry {
        /// The fill of the sample, as SVG attributes.
        var fill: String
        var letter: String
        var text: String
        /// The share of the IPv4 addresses of known country; `nil` for entries that are not clients.
        var part: String?
    }

    var entries: [Entry] = []

    /// The maximum number of entries.
    private static let limit = 48

    init(_ shares: ClientShares, _ palette: MapPalette, _ paint: inout MapPaint, hasEmptyPlaces: Bool) {
        let (known, unknown) = (shares.known, shares.unknown)
        let all = ClientShares.Amount(of: known)
        func words(_ amount: ClientShares.Amount) -> String { percent(amount.part(of: all)) }
        let entitled = palette.datacenters.enumerated().compactMap {
            number, name -> (number: Int, name: String, amount: ClientShares.Amount)? in
            if let share = known.first(where: { $0.datacenter == name }) { return (number, name, share.amount) }
            return unknown.contains { $0.datacenter == name } ? (number, name, .init()) : nil
        }
        let largest = entitled.sorted { ($1.amount.ipv4, $0.number) < ($0.amount.ipv4, $1.number) }.prefix(Self.limit)
        for (number, name, amount) in largest.sorted(by: { $0.number < $1.number }) {
            entries.append(
                Entry(fill: paint.fill(number), letter: MapPalette.letter(number), text: name, part: words(amount)))
        }
        if entitled.count > Self.limit {
            let rest = entitled.filter { one in !largest.contains { $0.number == one.number } }
            let sum = rest.reduce(into: ClientShares.Amount()) { $0 += $1.amount }
            entries.append(
                Entry(fill: "class=\"empty\"", letter: "", text: "\(rest.count) more datacenters", part: words(sum)))
        }
        if let none = known.first(where: { $0.datacenter == nil }) {
            entries.append(Entry(fill: paint.fill(nil), letter: "", text: "no answer", part: words(none.amount)))
        }
        if !unknown.isEmpty {
            let place = ClientShares.Place(country: nil, continent: nil, shares: unknown)
            let part = percent(place.amount.ipv4 / 0x1p32)
            entries.append(
                Entry(
                    fill: paint.fill(paint.parts(of: place), width: 30), letter: "", text: "country unknown",
                    part: "\(part) of all"))
        }
        if hasEmptyPlaces {
            entries.append(Entry(fill: "class=\"empty\"", letter: "", text: "no addresses known", part: nil))
        }
    }

    /// Returns the legend as part of a picture.
    ///
    /// - Parameters:
    ///   - y: the top of the legend.
    ///   - width: its maximum width.
    /// - Returns: the elements, and where the legend ends.
    func svg(x: Double, y: Double, width: Double) -> (text: String, end: Double) {
        let longest = entries.map { $0.text.count + ($0.part.map { $0.count + 1 } ?? 0) }.max() ?? 0
        // A letter is about 11 units wide.
        let columns = max(1, min(4, Int(width) / (longest * 11 + 64)))
        let step = width / Double(columns)
        let room = Int((step - 60) / 11)
        let rows = (entries.count + columns - 1) / columns
        var text = "<g class=\"legend\">\n"
        for (position, entry) in entries.enumerated() {
            let left = x + Double(position / rows) * step
            let top = y + Double(position % rows) * 36
            let part = entry.part.map { " " + $0 } ?? ""
            let limit = max(8, room - part.count)
            let name = entry.text.count <= limit ? entry.text : entry.text.prefix(limit - 1) + "…"
            text += "<rect \(entry.fill) x=\"\(tenths(left))\" y=\"\(tenths(top))\" width=\"40\" height=\"26\"/>"
            text += "<rect class=\"frame\" x=\"\(tenths(left))\" y=\"\(tenths(top))\" width=\"40\" height=\"26\"/>"
            if !entry.letter.isEmpty {
                text +=
                    "<text class=\"letter\" x=\"\(tenths(left + 20))\" y=\"\(tenths(top + 19))\">\(entry.letter)</text>"
            }
            text += "<text x=\"\(tenths(left + 50))\" y=\"\(tenths(top + 21))\">\(markup(name))"
            text += part.isEmpty ? "</text>\n" : "<tspan class=\"part\">\(markup(part))</tspan></text>\n"
        }
        return (text + "</g>\n", y + Double(rows) * 36)
    }
}
