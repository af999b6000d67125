import Foundation
import Support
import Testing

@Suite("geopipe check")
struct CheckTests: RunsCheck {
    @Test("has no diagnostics for a valid configuration, nor for the example")
    func sound() throws {
        let (status, lines) = try check(Self.valid)
        #expect(status == 0 && lines == ["ok: 1 zone with 3 names, 1 service, 1 map, 3 datacenters, 1 database"])
        let example = try String(contentsOfFile: "\(Project.root)/examples/geopipe.yaml", encoding: .utf8)
        #expect(try check(example, "--database", Project.demonstration).lines.count == 1)
    }

    @Test("accepts a database that no rule needs")
    func unusedDatabase() throws {
        let text =
            Self.valid.split(separator: "\n").filter { !$0.contains("countries:") && !$0.contains("regions:") }
            .joined(separator: "\n") + "\nstate_directory: none\n"
        let (status, lines) = try check(text)
        #expect(status == 0 && lines.last?.hasPrefix("ok: ") == true, "\(lines)")
    }

    @Test(
        "says one thing once",
        arguments: [
            ("oslo: 192.0.2.10", "oslo: www.example.com", "is 'www.example.com', which is not an address"),
            ("ttl: 60", "check: http", "write check: { http: {} }"),
            ("ttl: 60", "check: { htp: {} }", "unknown key 'htp'"),
            ("{ oslo: {}, ashburn: {}, singapore: {} }", "[oslo, ashburn, singapore]", "datacenters must be a mapping"),
            ("datacenters:", "datacentres:", "did you mean 'datacenters'?"),
            ("datacenters: { oslo: {}, ashburn: {}, singapore: {} }\n", "", "there is no section datacenters"),
            ("maps:", "mpas:", "did you mean 'maps'?"), ("services:", "servces:", "did you mean 'services'?"),
            ("services:", "x: 1\nservces:", "did you mean 'services'?"),
            ("    map: m", "    mpa: m", "did you mean 'map'?"),
            ("{ oslo: {},", "{ bergen: {},", "unknown datacenter 'oslo', here and in 3 other places"),
            ("answers: {", "answers: {}\n    x: {", "has no answer in oslo, ashburn and singapore"),
            ("    soa: { primary", "    soa: { primray", "did you mean 'primary'?"),
            ("    records:", "    records: []\n    recrods:", "records of zone geo.example.com must be a mapping"),
            ("    default:", "    <<: { NO: oslo }\n    defalt:", "merge keys (<<) are not supported; repeat the keys"),
            ("databases: [", "databases: [{ pth: x }, ", "did you mean 'path'?"),
            ("oslo: {},", "oslo: { location: here },", "is not a place on the globe"),
        ])
    func cascades(change: String, into: String, complaint: String) throws {
        let found = try findings(change, into)
        let unknownKey = into.contains("x: ") || into.contains("recrods") || into.contains("defalt")
        #expect(found.count == (unknownKey ? 2 : 1), "\(found)")
        #expect(found.contains { $0.contains(complaint) }, "\(found)")
    }

    @Test(
        "has a remedy for invalid YAML, and for URLs and hints that pdns would fill in",
        arguments: [
            ("  m:\n", "\tm:\n", "a tab in the indentation; indent with spaces"),
            ("www: {", "*.img: {", "put a string that begins with * in quotation marks"),
            ("www: {", "c: { CNAME: \"http://example.net/x\" }\n      www: {", "write the name alone, 'example.net.'"),
            (
                "www: {", "h: { HTTPS: \"1 . alpn=h2 ipv4hint=auto\" }\n      www: {",
                "without a client, so that the hint would be for another place; write the addresses, or leave the parameter out"
            ),
            ("oslo: 192.0.2.10", "oslo: \"https://192.0.2.10/\"", "write the address or the name alone"),
        ])
    func waysOut(change: String, into: String, remedy: String) throws {
        let found = try findings(change, into)
        #expect(found.count == 1 && found[0].contains(remedy), "\(found)")
    }

    @Test("skips a byte order mark, and names UTF-16")
    func encodings() throws {
        let folder = try Folder()
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let text = Self.valid.replacing("countries:", with: "networks_file: n.nets\n    countries:")
        try folder.write(mark + Array(text.utf8), to: "c.yaml")
        try folder.write(mark + Array("10.0.0.0/8 oslo\n".utf8), to: "n.nets")
        let sound = try Program.geopipe.run(["check", "c.yaml"], in: folder)
        #expect(sound.status == 0, "\(String(decoding: sound.output, as: UTF8.self))")
        try folder.write(mark + Array("zones: ]".utf8), to: "c.yaml")
        let broken = try Program.geopipe.run(["check", "c.yaml"], in: folder)
        #expect(String(decoding: broken.output, as: UTF8.self).hasPrefix("c.yaml:1:8: not YAML"))
        let wide: [[UInt8]] = [
            [0xff, 0xfe] + text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
            [0xfe, 0xff] + text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] },
            text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
        ]
        for bytes in wide {
            try folder.write(bytes, to: "c.yaml")
            let ending = try Program.geopipe.run(["check", "c.yaml"], in: folder)
            #expect(ending.status == 1)
            #expect(
                String(decoding: ending.output, as: UTF8.self)
                    == "c.yaml: the file is in UTF-16; save it in UTF-8\n1 error\n")
        }
    }
}
