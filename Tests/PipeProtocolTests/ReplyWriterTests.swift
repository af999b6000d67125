import Glibc
import Testing

@testable import PipeProtocol

@Suite("Reply writer")
struct ReplyWriterTests {
    private let name = Array("www.example.com".utf8)
    private let head = Array("\tIN\tA\t60\t".utf8)
    private let content = Array("192.0.2.1\n".utf8)

    @Test("DATA has the scope and the auth flag from ABI version 3 on", arguments: 1...5)
    func versions(number: Int) throws {
        let version = try #require(ABIVersion(number))
        let written = collect { reply in
            write(&reply, scope: 24, isAuthoritative: true, version)
            write(&reply, scope: 0, isAuthoritative: false, version)
            write(&reply, scope: 128, isAuthoritative: true, version)
            write(&reply, scope: 9, isAuthoritative: true, version)
            reply.end()
        }
        let beginnings = number >= 3 ? ["24\t1\t", "0\t0\t", "128\t1\t", "9\t1\t"] : ["", "", "", ""]
        #expect(
            written == beginnings.map { "DATA\t\($0)www.example.com\tIN\tA\t60\t1\t192.0.2.1\n" }.joined() + "END\n")
    }

    @Test("names and tails of any length and every scope are written")
    func lengths() throws {
        let version = try #require(ABIVersion(3))
        let text = (0..<400).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        var expected = ""
        let written = collect { reply in
            for i in 0..<300 {
                let scope = UInt8(i % 256)
                let (name, tail) = (Array(text.prefix(i)), Array(text.suffix(300 - i)))
                reply.data(
                    scope: scope, isAuthoritative: i % 2 == 0, name: name.span, tail: tail.span, version: version)
                reply.end()
                let line = String(decoding: name + tail, as: UTF8.self)
                expected += "DATA\t\(scope)\t\(i % 2 == 0 ? 1 : 0)\t\(line)END\n"
            }
        }
        #expect(written == expected)
    }

    @Test("a ready line and a line of parts give the same text", arguments: 1...5)
    func ready(number: Int) throws {
        let version = try #require(ABIVersion(number))
        let tail = head + Array("17\t".utf8) + content
        #expect(
            collect { $0.data(scope: 24, isAuthoritative: false, name: name.span, tail: tail.span, version: version) }
                == collect { write(&$0, scope: 24, isAuthoritative: false, zoneID: 17, version) })
    }

    @Test("a line that is longer than the buffer is written")
    func longLine() throws {
        let version = try #require(ABIVersion(3))
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20)
        let written = collect { reply in
            reply.end()
            reply.data(scope: 0, isAuthoritative: true, name: name.span, tail: long.span, version: version)
            reply.end()
        }
        #expect(written.utf8.count == 4 + 9 + name.count + long.count + 4)
    }

    @Test("zone ids are written in decimal", arguments: [0, 1, 9, 10, 99, 100, 255, 256, 1000, 1_234_567, .max])
    func zoneIDs(id: Int) throws {
        let version = try #require(ABIVersion(1))
        #expect(
            collect { write(&$0, scope: 0, isAuthoritative: true, zoneID: id, version) }
                == "DATA\twww.example.com\tIN\tA\t60\t\(id)\t192.0.2.1\n")
    }

    @Test("control characters in a message cannot begin another line")
    func messages() {
        let written = collect { reply in
            reply.log("a\nEND\r\tb\u{7f}")
            reply.line("c\nd")
            reply.fail()
        }
        #expect(written == "LOG\ta END  b \nc d\nFAIL\n")
    }

    @Test("answers that are longer than the buffer are sent in pieces, and nothing is lost")
    func long() throws {
        let count = 100_000
        let version = try #require(ABIVersion(5))
        let written = collect { reply in
            for _ in 0..<count {
                write(&reply, scope: 0, isAuthoritative: true, version)
            }
        }
        let line = "DATA\t0\t1\twww.example.com\tIN\tA\t60\t1\t192.0.2.1\n"
        #expect(written == String(repeating: line, count: count))
    }

    @Test("partSent is called for each part that is sent early, and parts end with a line end")
    func parts() throws {
        let file = tmpfile()
        defer { fclose(file) }
        let descriptor = fileno(file)
        var ends: [UInt8] = []
        var reply = ReplyWriter(descriptor: descriptor) {
            var last: UInt8 = 0
            pread(descriptor, &last, 1, lseek(descriptor, 0, SEEK_END) - 1)
            ends.append(last)
        }
        reply.line("at first")
        let isPartAtFirst = reply.hasSentPart
        for number in 0..<50_000 { reply.line("line \(number)\(String(repeating: "x", count: number % 80))") }
        #expect(ends.count >= 2)
        #expect(ends.allSatisfy { $0 == UInt8(ascii: "\n") })
        let isPart = reply.hasSentPart
        let isSent = reply.send()
        let isPartAtLast = reply.hasSentPart
        #expect([isPartAtFirst, isPart, isSent, isPartAtLast] == [false, true, true, false])
    }

    @Test("send returns false after the peer has closed its end")
    func closed() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [CInt] = [0, 0]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        var reply = ReplyWriter(descriptor: ends[1])
        let emptySend = reply.send()
        reply.end()
        let send = reply.send()
        #expect(emptySend)
        #expect(!send)
        close(ends[1])
    }

    private func write(
        _ reply: inout ReplyWriter, scope: UInt8, isAuthoritative: Bool, zoneID: Int = 1, _ version: ABIVersion
    ) {
        reply.data(
            scope: scope, isAuthoritative: isAuthoritative, name: name.span, head: head.span, zoneID: zoneID,
            content: content.span, version: version)
    }

    /// Returns what `body` writes, through a file, which never blocks.
    private func collect(_ body: (inout ReplyWriter) -> Void) -> String {
        let file = tmpfile()
        defer { fclose(file) }
        let descriptor = fileno(file)
        var reply = ReplyWriter(descriptor: descriptor)
        body(&reply)
        guard reply.send() else { return "not sent" }
        var bytes = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
        guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else { return "not read" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
