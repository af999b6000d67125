import Geography

/// An HTML page of world maps, each with its legend and a table of the same numbers. It loads nothing, and runs no
/// scripts.
public struct WorldPage: Sendable {
    public var title: String
    /// Lines below the title, such as the id of the image.
    public var notes: [String]
    public var maps: [WorldMap]
    /// The introduction before the pictures, as markup.
    public var report: String

    /// - Parameter maps: the pictures, which should share a palette.
    public init(title: String, notes: [String], maps: [WorldMap], report: String = "") {
        (self.title, self.notes, self.maps, self.report) = (title, notes, maps, report)
    }

    /// The page.
    public var html: String {
        var text = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="generator" content="geopipe map">
            <title>\(markup(title))</title>
            <style>
            \(WorldMap.style)\(Self.style)</style>
            </head>
            <body>
            <header>
            <h1>\(markup(title))</h1>
            \(notes.map { "<p>\(markup($0))</p>\n" }.joined())</header>

            """
        if maps.count > 1 {
            text += "<nav aria-label=\"Maps\">\n<ul>\n"
            for (number, map) in maps.enumerated() {
                text +=
                    "<li><a href=\"#s\(number)\">\(markup(report.isEmpty ? map.shares.serviceWords : map.title))</a></li>\n"
            }
            text += "</ul>\n</nav>\n"
        }
        text += "<main>\n\(report)"
        for (number, map) in maps.enumerated() { text += section(map, number) }
        return text + "</main>\n</body>\n</html>\n"
    }

    private func section(_ map: WorldMap, _ number: Int) -> String {
        let (svg, legend) = map.draw(id: "m\(number)", hasLegend: false)
        var text = "<section id=\"s\(number)\" aria-label=\"\(markup(map.title))\">\n"
        if maps.count > 1 || map.title != title { text += "<h2>\(markup(map.title))</h2>\n" }
        if map.shares.services.count > 4 {
            text += "<details><summary>\(map.shares.services.count) services</summary>"
            text += "<p>\(markup(map.shares.services.joined(separator: ", ")))</p></details>\n"
        }
        text +=
            "<figure>\n\(svg)<figcaption>\n\(list(legend))<p>\(markup(WorldMap.note))</p>\n</figcaption>\n</figure>\n"
        return text + table(map.shares, number) + "</section>\n"
    }

    private func list(_ legend: MapLegend) -> String {
        var text = "<ul class=\"legend\">\n"
        for entry in legend.entries {
            text += "<li><svg class=\"world\" viewBox=\"0 0 40 26\" width=\"40\" height=\"26\" aria-hidden=\"true\">"
            text +=
                "<rect \(entry.fill) width=\"40\" height=\"26\"/><rect class=\"frame\" x=\".5\" y=\".5\" width=\"39\" height=\"25\"/>"
            if !entry.letter.isEmpty { text += "<text class=\"letter\" x=\"20\" y=\"19\">\(entry.letter)</text>" }
            text += "</svg> <span>\(markup(entry.text))"
            text += (entry.part.map { " <b>\(markup($0))</b>" } ?? "") + "</span></li>\n"
        }
        return text + "</ul>\n"
    }

    private func table(_ shares: ClientShares, _ number: Int) -> String {
        var text = """
            <div class="rows" role="region" aria-labelledby="s\(number)t" tabindex="0">
            <table>
            <caption id="s\(number)t">By country: clients of \(markup(shares.serviceWords))</caption>
            <thead>
            <tr><th scope="col">Country</th><th scope="col">Datacenter</th><th scope="col">IPv4 addresses</th><th scope="col">of these</th><th scope="col">IPv6 /48s</th><th scope="col">of these</th></tr>
            </thead>

            """
        for place in shares.places {
            let all = place.amount
            let name = place.name + (place.country.map { " (\($0))" } ?? "")
            text += "<tbody>\n"
            for (position, share) in place.shares.enumerated() {
                text += "<tr>"
                if position == 0 {
                    let span = place.shares.count > 1 ? " rowspan=\"\(place.shares.count)\"" : ""
                    text += "<th scope=\"rowgroup\"\(span)>\(markup(name))</th>"
                }
                text += share.datacenter.map { "<td>\(markup($0))</td>" } ?? "<td class=\"none\">no answer</td>"
                for (amount, whole) in [(share.amount.ipv4, all.ipv4), (share.amount.ipv6, all.ipv6)] {
                    text +=
                        "<td>\(markup(grouped(amount)))</td><td>\(whole > 0 ? markup(percent(amount / whole)) : "")</td>"
                }
                text += "</tr>\n"
            }
            text += "</tbody>\n"
        }
        return text + "</table>\n</div>\n"
    }

    private static let style = """
        :root { color-scheme: light dark }
        body { margin: 0 auto; padding: 1rem 1rem 3rem; max-width: 1240px; font: 16px/1.5 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; color: #1a1a1a; background: #ffffff }
        h1 { margin: 0; font-size: 1.8rem; line-height: 1.2; overflow-wrap: anywhere }
        h2 { margin: 2rem 0 .5rem; font-size: 1.3rem; overflow-wrap: anywhere }
        header p { margin: .2rem 0; color: #4a4a4a; overflow-wrap: anywhere }
        a { color: #0b57a4 }
        nav ul, .legend { list-style: none; margin: .5rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.6rem }
        figure { margin: 0 }
        figure > svg { display: block; width: 100%; height: auto }
        figcaption p { margin: .3rem 0; font-size: .9rem; color: #4a4a4a }
        .legend li { display: flex; align-items: center; gap: .6rem; overflow-wrap: anywhere }
        .legend svg { flex: none }
        .rows { margin-top: 1.5rem; overflow-x: auto }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
        caption { text-align: left; font-weight: 600; padding: .3rem 0 }
        th, td { padding: .25rem .6rem; text-align: left; vertical-align: top }
        thead th { border-bottom: 2px solid #767676 }
        tbody { border-bottom: 1px solid #d0d0d0 }
        tbody th { font-weight: 500 }
        th:nth-last-child(-n+4), td:nth-last-child(-n+4) { text-align: right; white-space: nowrap }
        td.none { font-style: italic }
        .words th, .words td { text-align: left; white-space: normal; overflow-wrap: anywhere }
        :focus-visible { outline: 3px solid #0b57a4; outline-offset: 2px }
        @media screen and (prefers-color-scheme: dark) {
        body { color: #f2f2f2; background: #12161b }
        header p, figcaption p { color: #c2c2c2 }
        a { color: #8cc4ff }
        tbody { border-color: #3a424c }
        :focus-visible { outline-color: #8cc4ff }
        }
        @media (max-width: 700px) {
        body { padding: .6rem .6rem 2rem }
        th, td { padding: .2rem .35rem; font-size: .85rem }
        }
        @media print {
        body { max-width: none; padding: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact }
        nav { display: none }
        section { break-before: page }
        section:first-child { break-before: auto }
        figure, tr { break-inside: avoid }
        thead { display: table-header-group }
        .rows { overflow: visible }
        }

        """
}
