import Answering
import Glibc
import Inspection
import Platform

// What `diff` prints.

/// What is said of a difference, for people: paragraphs and tables, of which a terminal and Markdown have their own form.
private struct DifferenceReport {
    enum Part {
        case heading(String)
        case lines([String])
        /// A table whose first row has the column names.
        case table([[String]])
    }

    var parts: [Part] = []

    /// The maximum number of listed countries, names and scopes.
    private static let limit = 12

    init(_ difference: ImageDifference, _ sides: ComparedSides) {
        let hasTraffic = difference.hasTraffic
        func moved(_ amount: ImageDifference.Amount, _ hits: Double) -> [String] {
            [
                grouped(amount.ipv4), percent(amount.ipv4 / 0x1p32), grouped(amount.ipv6),
                percent(difference.ipv6Share(amount)),
            ] + (hasTraffic ? [hits > 0 ? percent(amount.hits / hits) : "-"] : [])
        }
        let columns = ["IPv4 addresses", "of all", "IPv6 /48s", "of known"] + (hasTraffic ? ["traffic"] : [])
        if difference.isIdentical, sides.new.errors.isEmpty {
            parts.append(.lines(["Nothing changes for clients, resolvers or checks."]))
            return
        }
        let changed = difference.services.filter { !$0.isUnchanged }
        for (number, service) in changed.enumerated() {
            // Services of one map change alike, unless their traffic differs.
            func isAlike(_ other: ImageDifference.Service) -> Bool {
                other.route == service.route && other.settings == service.settings && !hasTraffic
            }
            guard !changed[..<number].contains(where: isAlike) else { continue }
            let names = [service.name] + changed[(number + 1)...].filter(isAlike).map(\.name)
            parts.append(
                .heading(
                    names.count == 1 ? "Service \(names[0])" : "Services \(shortened(names).joined(separator: ", "))"))
            if !service.reboundNames.isEmpty {
                let names = shortened(service.reboundNames).joined(separator: ", ")
                parts.append(.lines(["names with another service: \(names)"]))
            }
            if !service.settings.isEmpty { parts.append(.lines(service.settings)) }
            if service.moves.isEmpty {
                parts.append(.lines(["no client moves"]))
            } else {
                var rows = [["from", "to"] + columns]
                for move in service.moves {
                    rows.append([move.from ?? "none", move.to ?? "none"] + moved(move.amount, service.hits))
                }
                if service.moves.count > 1 { rows.append(["all", ""] + moved(service.moved, service.hits)) }
                parts.append(.table(rows))
                rows = [["country", "from", "to"] + columns]
                let all = service.countries.flatMap { country, moves in moves.map { (country, $0) } }
                for (country, move) in all.prefix(Self.limit) {
                    rows.append(
                        [country.words, move.from ?? "none", move.to ?? "none"] + moved(move.amount, service.hits))
                }
                parts.append(.table(rows))
                if all.count > Self.limit {
                    parts.append(.lines(["and \(all.count - Self.limit) more; --json has all"]))
                }
            }
            var lines: [String] = []
            if !service.reordered.isZero {
                lines.append(
                    "\(amounts(service.reordered)) stay, but have other alternatives when their datacenter is unavailable"
                )
            }
            let (old, new) = service.scopes
            if old.ipv4 != new.ipv4 || old.ipv6 != new.ipv6 || !service.narrower.isZero || !service.wider.isZero {
                lines.append(
                    "networks with an answer of their own: IPv4 \(change(old.ipv4, new.ipv4)), IPv6 \(change(old.ipv6, new.ipv6));"
                        + " a resolver that sends client subnets asks for each of them once in a TTL")
                lines.append(
                    "scopes get narrower for \(amounts(service.narrower)), wider for \(amounts(service.wider))")
            }
            if !lines.isEmpty { parts.append(.lines(lines)) }
        }
        let unchanged = difference.services.count { $0.isUnchanged }
        if unchanged > 0 {
            parts.append(.lines(["nothing changes for \(unchanged) other service\(unchanged == 1 ? "" : "s")"]))
        }
        var lines = difference.addedServices.map { "service \($0) is new" }
        lines += difference.removedServices.map { "service \($0) is gone" }
        if !lines.isEmpty { parts += [.heading("Services"), .lines(lines)] }
        appendNames(difference.names)
        lines = difference.addedChecks.map { "new: \($0)" } + difference.removedChecks.map { "gone: \($0)" }
        if !lines.isEmpty {
            parts += [.heading("Health checks"), .lines(shortened(lines))]
        }
    }

    private mutating func appendNames(_ names: NameDifference) {
        guard !names.isEmpty else { return }
        parts.append(.heading("Names"))
        var lines = names.addedZones.map { "zone \($0) is new" } + names.removedZones.map { "zone \($0) is gone" }
        lines += names.changedApexes.map { "NS or SOA of zone \($0) changes" }
        lines.append(
            "\(names.added) added, \(names.removed) removed, \(names.changed) changed, of \(grouped(Double(names.oldCount)))"
        )
        parts.append(.lines(lines))
        var rows = [["name", "change", "records"]]
        for detail in names.details.prefix(Self.limit) {
            let records = detail.removed.map { "- \($0)" } + detail.added.map { "+ \($0)" }
            for (number, record) in shortened(records).enumerated() {
                rows.append(number == 0 ? [detail.name, detail.kind.rawValue, record] : ["", "", record])
            }
        }
        parts.append(.table(rows))
        let count = names.added + names.removed + names.changed
        if count > Self.limit {
            parts.append(.lines(["and \(count - Self.limit) more; --json has the first \(NameDifference.detailLimit)"]))
        }
    }

    private func shortened(_ lines: [String]) -> [String] {
        lines.count <= Self.limit ? lines : lines.prefix(Self.limit - 1) + ["and \(lines.count - Self.limit + 1) more"]
    }

    private func amounts(_ amount: ImageDifference.Amount) -> String {
        "\(grouped(amount.ipv4)) IPv4 addresses and \(grouped(amount.ipv6)) IPv6 /48s"
    }

    private func change(_ old: Int, _ new: Int) -> String {
        old == new ? grouped(Double(old)) : "\(grouped(Double(old))) -> \(grouped(Double(new)))"
    }
}

extension ImageDifference.Country {
    fileprivate var words: String {
        guard let country else { return continent.map { "unknown in \($0)" } ?? "unknown" }
        return country + (continent.map { " (\($0))" } ?? "")
    }
}

extension ComparedSide {
    fileprivate var words: String {
        guard let snapshot else { return name }
        let age = configuration == nil ? ", compiled \(momentWords(snapshot.manifest.created, at: time(nil)))" : ""
        return "\(name): image \(snapshot.image.id)\(age)"
    }

    fileprivate var json: JSON { .object(["name": .text(name), "image": snapshot.map { .text($0.image.id) }]) }
}

extension ComparedSides {
    fileprivate var lines: [String] { ["old: \(old.words)", "new: \(new.words)"] }
}

extension ImageDifference {
    /// Returns the report for a terminal.
    func table(_ sides: ComparedSides) -> [String] {
        var lines = sides.lines.map(visible)
        for part in DifferenceReport(self, sides).parts {
            switch part {
            case .heading(let heading): lines += ["", heading]
            case .lines(let text): lines += text.map { "  \(visible($0))" }
            case .table(let rows): lines += geopipe.table(rows).map { "  \(visible($0))" }
            }
        }
        return lines
    }

    /// Returns the report for a pull request, in the Markdown of GitHub and GitLab.
    func markdown(_ sides: ComparedSides) -> [String] {
        func escaped(_ text: String) -> String {
            visible(text).map { "\\`*_{}[]<>|#".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        }
        var lines = ["### geopipe diff", ""] + sides.lines.map { "- \(escaped($0))" }
        for part in DifferenceReport(self, sides).parts {
            lines.append("")
            switch part {
            case .heading(let heading): lines.append("#### \(escaped(heading))")
            case .lines(let text): lines += text.map { "- \(escaped($0))" }
            case .table(let rows):
                for (number, row) in rows.enumerated() {
                    lines.append("| " + row.map(escaped).joined(separator: " | ") + " |")
                    if number == 0 { lines.append("|" + String(repeating: " --- |", count: row.count)) }
                }
            }
        }
        return lines
    }

    /// Returns one page, with the world before and after for each map whose clients move.
    func html(_ sides: ComparedSides) -> String {
        var report = ""
        for part in DifferenceReport(self, sides).parts {
            switch part {
            case .heading(let heading): report += "<h2>\(markup(heading))</h2>\n"
            case .lines(let text):
                report += "<ul>\n" + text.map { "<li>\(markup($0))</li>\n" }.joined() + "</ul>\n"
            case .table(let rows):
                report += "<div class=\"rows\" role=\"region\" aria-label=\"Changes\" tabindex=\"0\">\n"
                report += rows[0].contains("records") ? "<table class=\"words\">\n" : "<table>\n"
                for (number, row) in rows.enumerated() {
                    let tag = number == 0 ? "th" : "td"
                    report += "<tr>" + row.map { "<\(tag)>\(markup($0))</\(tag)>" }.joined() + "</tr>\n"
                }
                report += "</table>\n</div>\n"
            }
        }
        var pictures: [(title: String, shares: ClientShares)] = []
        var shown: Set<Int> = []
        for service in services where !service.moves.isEmpty && shown.insert(service.route).inserted {
            for (side, words) in [(sides.old, "before"), (sides.new, "after")] {
                guard let snapshot = side.snapshot,
                    let shares = ClientShares.all(of: snapshot, service: service.name).first
                else { continue }
                pictures.append(("Where clients of \(shares.serviceWords) go, \(words)", shares))
            }
        }
        let palette = MapPalette(of: pictures.map(\.shares))
        let maps = pictures.map { WorldMap($0.shares, title: $0.title, palette: palette) }
        return WorldPage(title: "What changes", notes: sides.lines, maps: maps, report: report).html
    }

    /// Returns the report for programs.
    func json(_ sides: ComparedSides) -> JSON {
        var members: [(name: String, value: JSON)] = [
            ("identical", .boolean(isIdentical && sides.new.errors.isEmpty)),
            ("errors", .list(sides.new.errors.map { .text($0.description) })),
        ]
        members.append(("old", sides.old.json))
        members.append(("new", sides.new.json))
        members.append(("services", .list(services.map { json($0) })))
        members.append(("addedServices", .list(addedServices.map(JSON.text))))
        members.append(("removedServices", .list(removedServices.map(JSON.text))))
        members.append(("countries", .list(services.flatMap { countries(of: $0) })))
        members.append(("narrower", .integer(Int(services.map(\.narrower.ipv4).max() ?? 0))))
        members.append(("wider", .integer(Int(services.map(\.wider.ipv4).max() ?? 0))))
        members.append(("names", names.json))
        members.append(("addedChecks", .list(addedChecks.map(JSON.text))))
        members.append(("removedChecks", .list(removedChecks.map(JSON.text))))
        return .object(members)
    }

    private func json(_ service: Service) -> JSON {
        var members: [(name: String, value: JSON)] = [("name", .text(service.name))]
        if !service.reboundNames.isEmpty { members.append(("names", .list(service.reboundNames.map(JSON.text)))) }
        members.append(("moves", .list(service.moves.map { .object(self.members($0, of: service)) })))
        members.append(("ipv4Moved", .integer(Int(nearest: service.moved.ipv4))))
        members.append(("ipv6Moved", .integer(Int(nearest: service.moved.ipv6))))
        members.append(("share", .number(service.moved.ipv4 / 0x1p32)))
        members.append(("ipv6Share", .number(ipv6Share(service.moved))))
        if hasTraffic, service.hits > 0 {
            members.append(("traffic", .number(service.moved.hits / service.hits)))
        }
        members.append(("reordered", service.reordered.json))
        members.append(("narrower", service.narrower.json))
        members.append(("wider", service.wider.json))
        members.append(("scopes", .object(["old": service.scopes.old.json, "new": service.scopes.new.json])))
        members.append(("settings", .list(service.settings.map(JSON.text))))
        return .object(members)
    }

    private func countries(of service: Service) -> [JSON] {
        service.countries.flatMap { country, moves in
            moves.map { move in
                let place: [(name: String, value: JSON)] = [
                    ("country", country.country.map(JSON.text) ?? .null),
                    ("continent", country.continent.map(JSON.text) ?? .null), ("service", .text(service.name)),
                ]
                return JSON.object(place + members(move, of: service))
            }
        }
    }

    private func members(_ move: Move, of service: Service) -> [(name: String, value: JSON)] {
        var members: [(name: String, value: JSON)] = [
            ("from", .text(move.from ?? "none")), ("to", .text(move.to ?? "none")),
        ]
        members.append(("ipv4", .integer(Int(nearest: move.amount.ipv4))))
        members.append(("ipv6", .integer(Int(nearest: move.amount.ipv6))))
        members.append(("share", .number(move.amount.ipv4 / 0x1p32)))
        members.append(("ipv6Share", .number(ipv6Share(move.amount))))
        if hasTraffic, service.hits > 0 { members.append(("traffic", .number(move.amount.hits / service.hits))) }
        return members
    }
}

extension ImageDifference.Amount {
    fileprivate var json: JSON {
        .object(["ipv4": .integer(Int(nearest: ipv4)), "ipv6": .integer(Int(nearest: ipv6))])
    }
}

extension ImageDifference.Scopes {
    fileprivate var json: JSON { .object(["ipv4": .integer(ipv4), "ipv6": .integer(ipv6)]) }
}

extension NameDifference {
    fileprivate var json: JSON {
        let details = self.details.map { detail in
            JSON.object([
                "name": .text(detail.name), "change": .text(detail.kind.rawValue),
                "added": .list(detail.added.map(JSON.text)), "removed": .list(detail.removed.map(JSON.text)),
            ])
        }
        return .object([
            "added": .integer(added), "removed": .integer(removed), "changed": .integer(changed),
            "addedZones": .list(addedZones.map(JSON.text)), "removedZones": .list(removedZones.map(JSON.text)),
            "changedApexes": .list(changedApexes.map(JSON.text)), "details": .list(details),
        ])
    }
}
