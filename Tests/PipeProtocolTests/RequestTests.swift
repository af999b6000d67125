import Support
import Testing

@testable import PipeProtocol

@Suite("Requests")
struct RequestTests {
    @Test("a question has 6, 7 or 8 fields, by ABI version", arguments: 1...5)
    func fieldCounts(number: Int) throws {
        let version = try #require(ABIVersion(number))
        let expected = [6, 7, 8, 8, 8][number - 1]
        for count in 1...10 {
            let fields = [
                "Q", "www.example.com", "IN", "ANY", "-1", "192.0.2.1", "127.0.0.1", "192.0.2.0/24", "x", "y",
            ]
            let line = fields.prefix(count).joined(separator: "\t")
            if count == expected {
                guard case .question(let question) = try request(line, version) else {
                    Issue.record("no question")
                    continue
                }
                #expect(text(line, question.name) == "www.example.com")
                #expect(text(line, question.type) == "ANY")
                #expect(question.zoneID == -1)
                #expect(text(line, question.remoteAddress) == "192.0.2.1")
                #expect(text(line, question.localAddress) == (number > 1 ? "127.0.0.1" : ""))
                #expect(text(line, question.clientSubnet) == (number > 2 ? "192.0.2.0/24" : ""))
            } else {
                #expect(throws: RequestError.self) { try request(line, version) }
            }
        }
    }

    @Test("fields are found at all positions of tabs", arguments: 1...20)
    func fieldBounds(nameLength: Int) throws {
        let version = try #require(ABIVersion(3))
        let name = String(repeating: "n", count: nameLength)
        for length in 0...20 {
            let filler = String(repeating: "x", count: length)
            let line = "Q\t\(name)\t\(filler)\t\(filler)\t17\t\(filler)\t\tend"
            guard case .question(let question) = try request(line, version) else {
                Issue.record("no question")
                continue
            }
            #expect(text(line, question.name) == name)
            #expect(text(line, question.recordClass) == filler)
            #expect(text(line, question.type) == filler)
            #expect(question.zoneID == 17)
            #expect(text(line, question.remoteAddress) == filler)
            #expect(text(line, question.localAddress) == "")
            #expect(text(line, question.clientSubnet) == "end")
        }
    }

    @Test("no byte after the end of a random line is read", arguments: 0...100)
    func ends(length: Int) {
        var random = SeededGenerator(seed: UInt64(length))
        for version in (1...5).map({ ABIVersion($0)! }) {
            for tabsAreOneIn in [2, 5, 12, 100] {
                let line = (0..<length).map { i in
                    random.once(in: tabsAreOneIn) || i == 1
                        ? UInt8(ascii: "\t") : UInt8.random(in: .min ... .max, using: &random)
                }
                let expected = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
                withBytesAtPageEnd(line) { line in
                    let fields = Fields(line)
                    #expect(fields.count == expected.count)
                    for i in 0..<min(expected.count, 8) {
                        #expect(fields[i] == expected[i].startIndex..<expected[i].endIndex)
                    }
                    _ = try? Request(line, version: version)
                    _ = try? Request.Question(line, version: version)
                }
            }
        }
    }

    @Test("Question and Request agree on truncated and changed lines")
    func bothWays() throws {
        let version = try #require(ABIVersion(3))
        let whole = Array("Q\twww.example.com\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t192.0.2.0/24".utf8)
        func compare(_ line: [UInt8]) {
            withBytesAtPageEnd(line) { line in
                guard Request.isQuestion(line) else { return }
                #expect(
                    (try? Request.Question(line, version: version)).map(Request.question)
                        == (try? Request(line, version: version)))
            }
        }
        for length in whole.indices { compare(Array(whole[..<length])) }
        for position in whole.indices.dropFirst(2) {
            for byte in UInt8.min...UInt8.max {
                var line = whole
                line[position] = byte
                compare(line)
            }
        }
    }

    @Test("a zone id is a number of at most ten digits")
    func zoneIDs() throws {
        let version = try #require(ABIVersion(1))
        func zoneID(_ text: String) -> Int? {
            guard case .question(let question)? = try? request("Q\ta\tIN\tANY\t\(text)\t", version) else { return nil }
            return question.zoneID
        }
        for number in [-9_999_999_999, -1, 0, 7, 10, 2_147_483_647, 9_999_999_999] {
            #expect(zoneID("\(number)") == number)
        }
        for text in ["", "-", "--1", "1-", "+1", "12345678901", "1a", "1 ", "/", ":", "\u{e9}"] {
            #expect(zoneID(text) == nil)
        }
    }

    @Test("AXFR names the zone from ABI version 4 on", arguments: 1...5)
    func transfers(number: Int) throws {
        let version = try #require(ABIVersion(number))
        let named = Request.transfer(.init(zoneID: 7, zone: 7..<18))
        let unnamed = Request.transfer(.init(zoneID: 7, zone: 0..<0))
        #expect((try? request("AXFR\t7\texample.com", version)) == (number >= 4 ? named : nil))
        #expect((try? request("AXFR\t7", version)) == (number < 4 ? unnamed : nil))
    }

    @Test("HELO has a version of one digit, 1 to 5")
    func hello() throws {
        for number in 1...5 { #expect(try request("HELO\t\(number)", nil) == .hello(ABIVersion(number)!)) }
        for line in [
            "", "HELO", "HELO\t", "HELO\t0", "HELO\t6", "HELO\t10", "HELO\t1\t", "HELO 1", "helo\t1", "Q\ta",
            "HELO\t-1",
        ] {
            #expect(throws: RequestError.self, "\(line)") { try request(line, nil) }
        }
    }

    @Test("invalid requests are refused with a message for the log")
    func refusals() {
        let version = ABIVersion(5)!
        #expect(message("", version) == "unknown request ''; Q, AXFR, CMD and HELO are known")
        #expect(message("PING", version) == "unknown request 'PING'; Q, AXFR, CMD and HELO are known")
        #expect(message("Qx\ta", version)?.hasPrefix("unknown request 'Qx") == true)
        #expect(message("Q\ta\tIN", version) == "Q has 3 fields where ABI version 5 has 8")
        #expect(message("AXFR\tx\ta", version) == "the id is not a number")
        #expect(message("AXFR\t1\t", version) == "the zone name is empty")
        #expect(message("Q\t\tIN\tANY\t-1\ta\tb\tc", version) == "the qname is empty")
        #expect(message("CMD\tversion", ABIVersion(4)!) == "CMD needs pipe-abi-version=5")
        #expect(message(String(repeating: "x", count: 1000), version)!.count < 200)
    }

    @Test("CMD has the whole text of the command")
    func commands() throws {
        let version = ABIVersion(5)!
        #expect(try request("CMD\tdrain oslo", version) == .command(words: 4..<14))
        #expect(try request("CMD", version) == .command(words: 3..<3))
    }

    private func request(_ line: String, _ version: ABIVersion?) throws(RequestError) -> Request {
        let bytes = Array(line.utf8)
        return try Request(bytes.span, version: version)
    }

    private func message(_ line: String, _ version: ABIVersion) -> String? {
        let bytes = Array(line.utf8)
        do {
            _ = try Request(bytes.span, version: version)
            return nil
        } catch {
            return error.message(about: bytes.span)
        }
    }

    private func text(_ line: String, _ field: Range<Int>) -> String {
        String(decoding: Array(line.utf8)[field], as: UTF8.self)
    }
}
