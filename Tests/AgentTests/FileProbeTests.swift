import Foundation
import Support
import Testing

@testable import geopipe_agent

@Suite("A file that states what is up")
struct FileProbeTests {
    private func outcome(_ text: String, _ address: String = "192.0.2.1") -> Outcome {
        FileContents(Array(text.utf8)).outcome(address)
    }

    @Test("applies to all addresses in lines without an address, and to one in lines with one")
    func meaning() {
        let (up, down) = (Outcome.success("the file says up"), Outcome.failure("the file says down"))
        let nothing = Outcome.success("the file has no line for it")
        for text in ["", "\n", " \n\t\n", "192.0.2.2 down\n"] { #expect(outcome(text) == nothing, "\(text)") }
        for text in ["up", "up\n", "  up\r\n", "down\nup\n", "down\n192.0.2.1 up", "192.0.2.1 up\ndown\n"] {
            #expect(outcome(text) == up, "\(text)")
        }
        for text in ["down", "down\n", "192.0.2.1 down\n", "192.0.2.1\tdown\nup\n", "192.0.2.1 up\n192.0.2.1 down\n"] {
            #expect(outcome(text) == down, "\(text)")
        }
        #expect(outcome("2001:DB8:0::1 down", "2001:db8::1") == down)
        #expect(outcome("2001:db8::2 down", "2001:db8::1") == nothing)
    }

    @Test("may have capitals, Windows line ends, and comments")
    func forgiving() {
        let (up, down) = (Outcome.success("the file says up"), Outcome.failure("the file says down"))
        let text = "# maintained by hand\r\nUP\r\n192.0.2.1 DOWN\r\n\r\n#192.0.2.2 down\r\n"
        #expect(outcome(text) == down)
        #expect(outcome(text, "192.0.2.2") == up)
    }

    @Test("may state the weight of an address")
    func weights() {
        #expect(outcome("up 40%") == .success("the file says up 40%", weight: 40))
        #expect(outcome("up\n192.0.2.1 Up 1%\n") == .success("the file says up 1%", weight: 1))
        #expect(outcome("up 100%") == .success("the file says up"))
        #expect(outcome("up 0%") == .failure("the file says down"))
    }

    @Test("gives an unknown state to addresses that a typo may concern, and says where it is")
    func slips() {
        let hint = "; write up, down, up 40%, or an address before these"
        for text in [
            "maintenance until noon", "192.0.2 up", "up up", "up 40", "up 101%", "up -1%", "down 40%", "dwon",
        ] {
            let slip = Outcome.error("line 2 of the file is '\(text)'\(hint)")
            #expect(outcome("down\n\(text)\nup") == slip)
            #expect(outcome("192.0.2.1 up\n\(text)") == .success("the file says up"), "its own line is valid")
        }
        for text in ["192.0.2.1", "192.0.2.1 up down", "192.0.2.1 dwon", "192.0.2.1 up 400%"] {
            #expect(outcome("up\n\(text)\r\n") == .error("line 2 of the file is '\(text)'\(hint)"))
            #expect(outcome("up\n\(text)", "192.0.2.2") == .success("the file says up"))
        }
    }

    @Test("may begin with a byte order mark, and is not UTF-16")
    func encodings() {
        let text = Array("192.0.2.1 down\n".utf8)
        #expect(FileContents([0xef, 0xbb, 0xbf] + text).outcome("192.0.2.1") == .failure("the file says down"))
        let wide: [UInt8] = [0xff, 0xfe] + text.flatMap { [$0, 0] as [UInt8] }
        #expect(FileContents(wide).outcome("192.0.2.1") == .error("the file is in UTF-16, not in UTF-8"))
    }

    @Test("is a failure if it cannot be read, is too large or not a regular file")
    func unreadable() throws {
        let folder = try Folder()
        let probe = FileProbe()
        #expect(
            probe.check("\(folder.path)/none", "192.0.2.1")
                == .failure("cannot read the file: no such file or directory"))
        #expect(probe.check(folder.path, "192.0.2.1") == .failure("it is not a regular file"))
        let pipe = folder.unique("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(probe.check(pipe, "192.0.2.1") == .failure("it is not a regular file"))
        #expect(probe.check("/dev/zero", "192.0.2.1") == .failure("it is not a regular file"))
        let blanks = [UInt8](repeating: 0x20, count: FileContents.sizeLimit)
        let file = try folder.write(blanks, to: "file")
        #expect(probe.check(file, "192.0.2.1") == .success("the file has no line for it"))
        try folder.write(blanks + [0x20], to: "file")
        #expect(probe.check(file, "192.0.2.1") == .error("\(file) has more than 1 MiB"))
    }

    @Test("counts in its current form, changed long ago, just now, or replaced")
    func changes() throws {
        let folder = try Folder()
        let probe = FileProbe()
        func write(_ text: String, secondsAgo: Int) throws -> String {
            let path = try folder.write(Array(text.utf8), to: "new")
            let times = [timespec(tv_sec: time(nil) - secondsAgo, tv_nsec: 0)]
            try #require(utimensat(AT_FDCWD, path, [times[0], times[0]], 0) == 0)
            try #require(rename(path, "\(folder.path)/file") == 0)
            return "\(folder.path)/file"
        }
        for round in 0..<50 {
            let words = round % 2 == 0 ? ("up", "down") : ("down", "up")
            let path = try write("192.0.2.1 \(words.0)\n192.0.2.2 \(words.1)\n", secondsAgo: round % 3 * 1_000)
            for _ in 0..<2 {
                let outcomes = ["192.0.2.1", "192.0.2.2"].map { probe.check(path, $0) }
                let (up, down) = (Outcome.success("the file says up"), Outcome.failure("the file says down"))
                #expect(outcomes == (round % 2 == 0 ? [up, down] : [down, up]))
            }
        }
    }
}
