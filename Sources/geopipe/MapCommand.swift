import Answering
import ArgumentParser
import Configuration
import Glibc
import Inspection
import Platform
import State

struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Show which datacenter gets the clients of each country, as a picture or a table.",
        discussion: """
            Looks up all addresses, as if nothing were drained or down, in the image in force or the files on disk. \
            Without -o it prints a table. An HTML page has a picture and a table for each map of services; \
            a picture (SVG) shows services of one map.
            """)

    @Argument(help: "A service; all services without it.")
    var service: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write a picture or a page with pictures and tables, by the name's extension.",
            valueName: "file.svg|file.html"))
    var output: String?

    @Flag(help: "Print the table, with -o as well.")
    var table = false

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Show the image in this file (see compile -o) instead of that of the configuration.", valueName: "file"))
    var image: String?

    @OptionGroup var options: ConfigurationOptions

    private enum Form: String { case svg, html }

    private var form: Form? {
        get throws(ValidationError) {
            guard let output else { return nil }
            let ending = output.split(separator: "/").last?.split(separator: ".").dropFirst().last?.lowercased()
            guard let form = Form(rawValue: ending == "htm" ? "html" : ending ?? "") else {
                throw ValidationError("'\(visible(output))' must end with .svg for a picture, or with .html for a page")
            }
            return form
        }
    }

    func validate() throws {
        guard !(json && table) else { throw ValidationError("write one of --json and --table") }
        _ = try form
    }

    func run() throws {
        if image == nil { options.noteRollout() }
        let snapshot = try options.serving(image: image).serving.snapshot
        let services = ClientShares.services(of: snapshot)
        guard !services.isEmpty else {
            printError("no name has a service, so all clients get the same answers")
            throw ExitCode.unusable
        }
        if let service, !services.contains(service) {
            printError(
                snapshot.serviceNames.contains(service)
                    ? "no name has service '\(visible(service))'"
                    : "unknown service '\(visible(service))'\(suggestion(for: service, among: services))")
            throw ExitCode.unusable
        }
        let shares = ClientShares.all(of: snapshot, service: service)
        if let output, let form = try form {
            let palette = MapPalette(of: shares)
            let maps = shares.map { WorldMap($0, palette: palette) }
            switch form {
            case .svg:
                guard maps.count == 1 else {
                    printError(
                        "a picture shows services of one map; name a service, or write to FILE.html: \(words(services))"
                    )
                    throw ExitCode.unusable
                }
                try write(maps[0].document, output)
            case .html:
                let page = WorldPage(
                    title: maps.count == 1 ? maps[0].title : "Where clients go",
                    notes: ["Image \(snapshot.image.id) of \(snapshot.manifest.configuration)"], maps: maps)
                try write(page.html, output)
            }
        }
        if json {
            print(JSON.object(["image": .text(snapshot.image.id), "maps": .list(shares.map(\.json))]).pretty)
        } else if table || output == nil {
            let paragraphs = shares.map { $0.table.map(visible).joined(separator: "\n") }
            print(paragraphs.joined(separator: "\n\n"))
        }
    }

    private func write(_ text: String, _ path: String) throws(ExitCode) {
        do throws(StateDirectory.Failure) {
            try replaceFile(path, with: text)
        } catch {
            printError("\(error)")
            throw .unusable
        }
    }

    /// Returns names of services, up to the length of a line.
    private func words(_ services: [String]) -> String {
        let limit = 50
        let rest = services.count > limit ? " and \(services.count - limit) more" : ""
        return services.prefix(limit).map(visible).joined(separator: ", ") + rest
    }
}

extension ClientShares {
    /// The table for a terminal: clients of known countries by datacenter, then by country.
    fileprivate var table: [String] {
        let columns = ["IPv4 addresses", "", "IPv6 /48s", ""]
        func cells(_ amount: Amount, of all: Amount) -> [String] {
            [
                grouped(amount.ipv4), all.ipv4 > 0 ? percent(amount.ipv4 / all.ipv4) : "-", grouped(amount.ipv6),
                all.ipv6 > 0 ? percent(amount.ipv6 / all.ipv6) : "-",
            ]
        }
        var rows = [["country", "datacenter"] + columns]
        for share in known {
            rows.append(["all known", share.datacenter ?? "none"] + cells(share.amount, of: Amount(of: known)))
        }
        for place in places {
            let name = place.name + (place.country.map { " (\($0))" } ?? "")
            for share in place.shares {
                rows.append([name, share.datacenter ?? "none"] + cells(share.amount, of: place.amount))
            }
        }
        return ["\(services.count == 1 ? "Service" : "Services") \(services.joined(separator: ", "))"]
            + geopipe.table(rows).map { "  \($0)" }
    }

    fileprivate var json: JSON {
        func members(_ amount: Amount) -> [(name: String, value: JSON)] {
            [("ipv4", .number(amount.ipv4)), ("ipv6", .number(amount.ipv6))]
        }
        func list(_ shares: [Share]) -> JSON {
            .list(shares.map { .object([("name", $0.datacenter.map(JSON.text) ?? .null)] + members($0.amount)) })
        }
        let datacenters = datacenters.map { datacenter in
            JSON.object([
                "name": .text(datacenter.name), "latitude": datacenter.position.map { .number($0.latitude) },
                "longitude": datacenter.position.map { .number($0.longitude) },
            ])
        }
        let countries = places.map { place in
            let names: [(name: String, value: JSON)] = [
                ("country", place.country.map { .text("\($0)") } ?? .null),
                ("continent", (place.country?.continent ?? place.continent).map { .text("\($0)") } ?? .null),
                ("name", .text(place.name)),
            ]
            return JSON.object(names + members(place.amount) + [("datacenters", list(place.shares))])
        }
        return .object([
            ("services", .list(services.map(JSON.text))), ("datacenters", .list(datacenters)), ("known", list(known)),
            ("unknown", list(unknown)),
            ("countries", .list(countries)),
        ])
    }
}
