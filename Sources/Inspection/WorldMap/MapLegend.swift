/// What stands below a picture: which letter and colour is which datacenter, and what part of all clients it gets.
struct MapLegend {
    struct Entry {
        /// The fill of the sample, as attributes.
        var fill: String
        var letter: String
        var text: String
        /// Of all IPv4 addresses; `nil` for what is no client.
        var part: String?
    }

    var entries: [Entry] = []

    /// The number of entries that a picture has room for.
    private static let limit = 48

    init(_ shares: ClientShares, _ palette: MapPalette, _ paint: inout MapPaint, hasEmptyPlaces: Bool) {
        func all(_ amount: ClientShares.Amount) -> String { percent(amount.ipv4 / 0x1p32) }
        let totals = shares.totals.compactMap { share -> (number: Int, share: ClientShares.Share)? in
            guard let number = share.datacenter.flatMap(palette.number(of:)) else { return nil }
            return (number, share)
        }
        let largest = totals.sorted { ($1.share.amount.ipv4, $0.number) < ($0.share.amount.ipv4, $1.number) }
            .prefix(Self.limit)
        for (number, share) in largest.sorted(by: { $0.number < $1.number }) {
            entries.append(
                Entry(
                    fill: paint.fill(number), letter: MapPalette.letter(number), text: share.datacenter ?? "",
                    part: all(share.amount)))
        }
        if totals.count > Self.limit {
            let rest = totals.filter { one in !largest.contains { $0.number == one.number } }
            let sum = rest.reduce(into: ClientShares.Amount()) { $0 += $1.share.amount }
            entries.append(
                Entry(fill: "class=\"empty\"", letter: "", text: "\(rest.count) more datacenters", part: all(sum)))
        }
        if let none = shares.totals.first(where: { $0.datacenter == nil }) {
            entries.append(Entry(fill: paint.fill(nil), letter: "", text: "no answer", part: all(none.amount)))
        }
        if let unknown = shares.unknown {
            entries.append(
                Entry(
                    fill: paint.fill(paint.parts(of: unknown), width: 30), letter: "", text: "of these, place unknown",
                    part: all(unknown.amount)))
        }
        if hasEmptyPlaces {
            entries.append(Entry(fill: "class=\"empty\"", letter: "", text: "no addresses known", part: nil))
        }
    }

    /// The legend as part of a picture.
    ///
    /// - Parameters:
    ///   - y: where it begins.
    ///   - width: how broad it may be.
    /// - Returns: the elements, and where the legend ends.
    func svg(x: Double, y: Double, width: Double) -> (text: String, end: Double) {
        let longest = entries.map { $0.text.count + ($0.part.map { $0.count + 1 } ?? 0) }.max() ?? 0
        // A letter is about 12 units broad.
        let columns = max(1, min(4, Int(width) / (longest * 12 + 70)))
        let step = width / Double(columns)
        let room = Int((step - 64) / 12)
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
                text += "<text class=\"letter\" x=\"\(tenths(left + 20))\" y=\"\(tenths(top + 19))\">\(entry.letter)</text>"
            }
            text += "<text x=\"\(tenths(left + 50))\" y=\"\(tenths(top + 21))\">\(markup(name))"
            text += part.isEmpty ? "</text>\n" : "<tspan class=\"part\">\(markup(part))</tspan></text>\n"
        }
        return (text + "</g>\n", y + Double(rows) * 36)
    }
}

extension ClientShares {
    /// The clients of whom no country is known, as one place; `nil` if there are none.
    var unknown: Place? {
        let places = places.filter { $0.country == nil }
        guard !places.isEmpty else { return nil }
        var sums: [String?: Amount] = [:]
        for share in places.flatMap(\.shares) { sums[share.datacenter, default: Amount()] += share.amount }
        let names = datacenters.map(\.name) + [nil]
        return Place(
            country: nil, continent: nil,
            shares: names.compactMap { name in sums[name].map { Share(datacenter: name, amount: $0) } })
    }
}
