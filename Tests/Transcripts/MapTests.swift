import Foundation
import Support
import Testing

@Suite("geopipe map")
struct MapTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try FileManager.default.copyItem(atPath: Project.demonstration, toPath: "\(folder.path)/places.mmdb")
        try folder.write(
            """
            databases: [places.mmdb]
            state_directory: state
            datacenters: { oslo: { location: [59.91, 10.75] }, ashburn: {} }
            maps:
              near: { countries: { NO: oslo }, default: ashburn }
              all: { default: oslo }
            services:
              web: { map: near, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
              api: { map: near, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
              one: { map: all, answers: { oslo: 192.0.2.1 } }
              idle: { map: all, answers: { oslo: 192.0.2.1 } }
            zones:
              example.com:
                soa: { primary: ns.example.com., contact: hostmaster.example.com. }
                ns: [ns.example.com.]
                records: { ns: { A: 192.0.2.53 }, www: { service: web }, api: { service: api }, one: { service: one } }

            """.utf8, to: "geopipe.yaml")
    }

    private func map(_ arguments: String...) throws -> (output: String, error: String, status: Int32) {
        let ending = try Program.geopipe.run(["map", "--config", "geopipe.yaml"] + arguments, in: folder)
        return (String(decoding: ending.output, as: UTF8.self), ending.error, ending.status)
    }

    @Test("without -o, a table by country of each map's services")
    func table() throws {
        let (output, error, status) = try map()
        #expect(status == 0, "\(error)")
        #expect(output.hasPrefix("Services web, api\n"))
        #expect(output.contains("\n\nService one\n"))
        #expect(output.contains(#/\n  Norway \(NO\) +oslo +\d[\d,]* +100% +\d[\d,]* +100%\n/#))
        #expect(output.contains(#/\n  unknown +ashburn +\d/#))
        let (one, _, _) = try map("api", "--table")
        #expect(one.hasPrefix("Service api\n") && !one.contains("Service one"))
    }

    @Test("JSON has the same numbers")
    func json() throws {
        let (output, _, status) = try map("web", "--json")
        #expect(status == 0)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
        let maps = try #require(object["maps"] as? [[String: Any]])
        #expect(maps.count == 1 && maps[0]["services"] as? [String] == ["web"])
        let countries = try #require(maps[0]["countries"] as? [[String: Any]])
        let norway = try #require(countries.first { $0["country"] as? String == "NO" })
        #expect(norway["name"] as? String == "Norway" && norway["continent"] as? String == "EU")
        let parts = try #require(norway["datacenters"] as? [[String: Any]])
        #expect(parts.map { $0["name"] as? String } == ["oslo"])
        #expect(parts[0]["ipv4"] as? Double == norway["ipv4"] as? Double)
    }

    @Test("-o writes a picture or a page, by the file name's ending, and prints nothing")
    func files() throws {
        #expect(try map("web", "-o", "web.svg").output == "")
        #expect(folder.text(of: "web.svg").hasPrefix("<?xml"))
        let (output, error, status) = try map("-o", "all.HTML")
        #expect(output == "" && error == "" && status == 0)
        let page = folder.text(of: "all.HTML")
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("Where clients of web, api go"))
        #expect(page.contains("<a href=\"#s1\">one</a>"))
        #expect(try map("one", "-o", "one.html", "--table").output.hasPrefix("Service one\n"))
    }

    @Test("errors exit with 2 and say what to write instead")
    func errors() throws {
        for (arguments, message) in [
            (["-o", "map.png"], "'map.png' must end with .svg for a picture, or with .html for a page"),
            (["-o", "svg"], "'svg' must end with .svg for a picture, or with .html for a page"),
            (["-o", "map.svg"], "name a service, or write to FILE.html: web, api, one"),
            (["wep"], "unknown service 'wep'; did you mean 'web'?"), (["idle"], "no name has service 'idle'"),
            (["--json", "--table"], "write one of --json and --table"),
            (["web", "-o", "missing/map.svg"], "missing/map.svg"), (["--image", "missing.image"], "missing.image"),
        ] {
            let ending = try Program.geopipe.run(["map", "--config", "geopipe.yaml"] + arguments, in: folder)
            #expect(ending.status == 2 && ending.output.isEmpty, "\(arguments)")
            #expect(ending.error.contains(message), "\(arguments): \(ending.error)")
        }
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/map.svg"))
    }

    @Test("an image file is shown regardless of the configuration")
    func image() throws {
        let compiled = try Program.geopipe.run(
            ["compile", "--config", "geopipe.yaml", "-o", "world.image"], in: folder)
        try #require(compiled.status == 0, "\(compiled.error)")
        let before = try map("web").output
        try folder.write("nothing".utf8, to: "geopipe.yaml")
        #expect(try map("web", "--image", "world.image").output == before)
    }
}
