import Foundation
import Testing

@testable import Zones

@Suite("$INCLUDE in zone files")
struct IncludeTests {
    private let folder: ZoneFolder

    init() throws { folder = try ZoneFolder() }

    @Test("$INCLUDE reads files of the folder, which do not change origin and owner")
    func inclusion() throws {
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "sub"), withIntermediateDirectories: true)
        try folder.write("x A 192.0.2.1\n$ORIGIN far.away\ny A 192.0.2.2\n", "sub/more")
        let zone = try #require(
            folder.compile(
                "a A 192.0.2.3\n$INCLUDE sub/more\n A 192.0.2.4\n$INCLUDE \"sub/more\" deep ; comment\nb A 192.0.2.5"
            ).zone)
        #expect(
            Set(folder.lines(zone)) == [
                "a A 3600 192.0.2.3", "x A 3600 192.0.2.1", "a A 3600 192.0.2.4", "x.deep A 3600 192.0.2.1",
                "b A 3600 192.0.2.5", "y.far.away A 3600 192.0.2.2", "y.far.away.deep A 3600 192.0.2.2",
            ])
    }

    @Test("$INCLUDE refuses files outside of the folder and cycles")
    func confinement() throws {
        try folder.write("$INCLUDE inner", "outer")
        try folder.write("$INCLUDE outer", "inner")
        try FileManager.default.createSymbolicLink(
            at: folder.url.appending(path: "link"), withDestinationURL: URL(filePath: "/etc/passwd"))
        for (path, diagnostic) in [
            ("/etc/passwd", "outside of the zone file's folder"), ("../../etc/passwd", ": "), ("link", "outside of"),
            ("missing", "cannot read 'missing'"), ("outer", "includes itself"), ("zone", "includes itself"),
            (".", "outside of"), ("", "$INCLUDE needs a file"),
        ] {
            let compiled = folder.compile("$INCLUDE \(path)")
            #expect(compiled.zone == nil, "\(path)")
            #expect(compiled.complains(of: diagnostic), "\(compiled.diagnostics)")
        }
        // A symbolic link may replace a file after its path was resolved.
        #expect(throws: SourceFile.Unreadable.self) {
            try SourceFile(path: folder.url.appending(path: "link").path, within: folder.url.path + "/")
        }
        #expect(mkfifo(folder.url.appending(path: "fifo").path, 0o600) == 0)
        #expect(folder.compile("$INCLUDE fifo").complains(of: "it is not a regular file"))
    }
}
