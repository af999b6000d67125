import Foundation
import Testing

@Suite("Files that cannot be read as settings")
struct FileTests {
    @Test("a missing file")
    func missing() throws {
        #expect(
            try Machine().findings(in: "nothing.conf") == ["~/nothing.conf: cannot read it: No such file or directory"])
    }

    @Test("a folder")
    func folder() throws {
        #expect(
            try Machine().findings(in: "") == [
                "~: cannot read it: it is a folder; name the file in it, such as pdns.conf"
            ])
    }

    @Test("a FIFO without a writer", .timeLimit(.minutes(1)))
    func fifo() throws {
        let machine = try Machine()
        try #require(mkfifo(machine.path("pdns.conf"), 0o600) == 0)
        #expect(try machine.findings(in: "pdns.conf") == ["~/pdns.conf: cannot read it: it is not a regular file"])
    }

    @Test("a file that is not text")
    func binary() throws {
        let machine = try Machine()
        try Data(0...255).write(to: machine.folder.appending(path: "pdns.conf"))
        #expect(
            try machine.findings(in: "pdns.conf") == ["~/pdns.conf: cannot read it: it is not text; name a pdns.conf"])
    }

    @Test("a file that is too large for settings")
    func large() throws {
        let machine = try Machine()
        let lines = String(repeating: "# \(String(repeating: "x", count: 1_000))\n", count: 1_100)
        try Data(lines.utf8).write(to: machine.folder.appending(path: "pdns.conf"))
        #expect(
            try machine.findings(in: "pdns.conf") == [
                "~/pdns.conf: cannot read it: it has more than 1 MiB; name a pdns.conf"
            ])
    }

    @Test("a byte order mark, with which pdns does not start, and UTF-16")
    func byteOrderMark() throws {
        let machine = try Machine()
        let file = machine.folder.appending(path: "pdns.conf")
        try Data([0xef, 0xbb, 0xbf] + Array("launch=pipe\n".utf8)).write(to: file)
        let mark =
            "~/pdns.conf:1:1: pdns takes the byte order mark at the beginning for a part of the first line, and does not start; save the file without it"
        let marked = try machine.findings(in: "pdns.conf")
        #expect(marked.contains(mark))
        try Data("launch=pipe\n".utf8).write(to: file)
        #expect(try machine.findings(in: "pdns.conf") == marked.filter { $0 != mark })
        try Data("launch=pipe\n".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }).write(to: file)
        #expect(
            try machine.findings(in: "pdns.conf") == ["~/pdns.conf: cannot read it: it is in UTF-16; save it in UTF-8"])
    }

    @Test("random bytes without a zero byte are read as unknown settings")
    func noise() throws {
        let machine = try Machine()
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<20_000).map { _ in UInt8.random(in: 1...255, using: &random) }
        try Data(bytes).write(to: machine.folder.appending(path: "pdns.conf"))
        #expect(try machine.findings(in: "pdns.conf").contains { $0.contains("write launch=pipe") })
    }

    @Test(
        "an include-dir that pdns cannot use",
        arguments: [
            (
                "~/nothing",
                "~/pdns.conf:1:13: pdns cannot read the folder ~/nothing (No such file or directory) and does not start; make it, or remove include-dir"
            ),
            (
                "~/pdns.conf",
                "~/pdns.conf:1:13: pdns cannot read the folder ~/pdns.conf (Not a directory) and does not start; make it, or remove include-dir"
            ),
            (
                "pdns.d",
                "~/pdns.conf:1:13: pdns looks for 'pdns.d' in the folder where it is started; write include-dir=/etc/powerdns/pdns.d"
            ),
        ])
    func includeFolder(folder: String, expected: String) throws {
        #expect(try Machine().findings("include-dir=\(folder)\n" + Machine.good) == [expected])
    }

    @Test("an included FIFO, or folder")
    func includedFiles() throws {
        let machine = try Machine()
        try machine.write("", to: "d/a.conf/b")
        #expect(
            try machine.findings("include-dir=~/d\n" + Machine.good) == [
                "~/d/a.conf: cannot read it: it is a folder; name the file in it, such as pdns.conf"
            ])
        try machine.write("", to: "e/b.conf")
        try #require(mkfifo(machine.path("e/a.conf"), 0o600) == 0)
        #expect(
            try machine.findings("include-dir=~/e\n" + Machine.good) == [
                "~/e/a.conf: cannot read it: it is not a regular file"
            ])
    }

    @Test("an include-dir in an included file is ignored, even if it is circular")
    func circle() throws {
        let machine = try Machine()
        try machine.write("include-dir=~/d\ncache-ttl=0\n", to: "d/a.conf")
        #expect(
            try machine.findings("include-dir=~/d\n" + Machine.good) == [
                "~/d/a.conf:1:1: warning: pdns ignores the include-dir of an included file; remove it"
            ])
        #expect(try machine.findings("include-dir=~\n" + Machine.good) == [])
    }
}
