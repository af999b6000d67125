import Foundation
import Support
import Testing

/// Compares which zones `geopipe check` accepts with BIND's named-checkzone.
@Suite("Zones are judged as by named-checkzone")
struct InvalidZoneTests {
    @Test("zones with inconsistent records", arguments: InvalidZone.structures)
    func structure(zone: InvalidZone) throws { try judge(zone) }

    @Test("included files", arguments: InvalidZone.inclusions)
    func inclusion(zone: InvalidZone) throws { try judge(zone) }

    @Test("single lines", arguments: InvalidZone.lines)
    func line(zone: InvalidZone) throws { try judge(zone) }

    private func judge(_ zone: InvalidZone) throws {
        let folder = try Folder()
        try folder.write(zone.text.utf8, to: "zone")
        for (name, text) in zone.includes { try folder.write(text.utf8, to: name) }
        try folder.write("zones: { \(InvalidZone.apex): { file: zone } }\n".utf8, to: "geopipe.yaml")
        let bind = try Program("named-checkzone").run(
            ["-k", "ignore", "-i", "local", "\(InvalidZone.apex)", "zone"], in: folder, seconds: 20)
        let geopipe = try Program.geopipe.run(["check", "geopipe.yaml"], in: folder, seconds: 20)
        let isEnding = !geopipe.isKilled && [0, 1].contains(geopipe.status)
        #expect(
            isEnding && (geopipe.status == bind.status) == (InvalidZone.disagreements[zone.title] == nil),
            """
            BIND \(bind.status): \(String(decoding: bind.output, as: UTF8.self))
            geopipe \(geopipe.status)\(geopipe.isKilled ? " (killed)" : ""): \(String(decoding: geopipe.output, as: UTF8.self)) \(geopipe.error)
            \(zone.text)
            """)
    }
}
