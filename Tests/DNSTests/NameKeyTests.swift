import Support
import Testing

@testable import DNS

@Suite("Look-up keys of names")
struct NameKeyTests {
    @Test("every byte at every position agrees with a byte-by-byte computation", arguments: 1...20)
    func everyByteEverywhere(length: Int) {
        let base = Array("wWw.eXaMpLe.cOm.sUb1".utf8.prefix(length))
        var key = NameKey()
        for position in base.indices {
            for byte in UInt8.min...UInt8.max {
                var name = base
                name[position] = byte
                #expect(Key(of: name, in: &key) == Key(expectedOf: name), "\(name)")
            }
        }
    }

    @Test(
        "long names agree with a byte-by-byte computation",
        arguments: [63, 64, 65, 127, 128, 253, 254, 1000, 1023, 1024, 1025])
    func longNames(length: Int) {
        var key = NameKey()
        for labelLength in [1, 7, 8, 63] {
            let name = (1...length).map { UInt8(ascii: $0 % (labelLength + 1) == 0 ? "." : "N") }
            #expect(Key(of: name, in: &key) == Key(expectedOf: name))
        }
    }

    @Test("escaped dots do not end labels")
    func escapedDots() {
        let label = String(repeating: #"\."#, count: 60)
        let name = Array("\(label).\(label).\(label)".utf8)
        var key = NameKey()
        #expect(Key(of: name, in: &key)?.labels.count == 3)
    }

    @Test("a reused key has nothing of the name before")
    func reuse() {
        var key = NameKey()
        for name in ["a.very.long.name.example.com", ".", #"\065.example.com"#, "b", "www.example.com.", ".", "A"] {
            #expect(Key(of: Array(name.utf8), in: &key) == Key(expectedOf: Array(name.utf8)))
        }
    }

    @Test("no byte after the name is read", arguments: 1...100)
    func ends(length: Int) {
        var key = NameKey()
        var random = SeededGenerator(seed: UInt64(length))
        let graphic = Array(#"aZ09-_*.\."#.utf8)
        for _ in 0..<50 {
            let name = (0..<length).map { _ in
                random.once(in: 60) ? UInt8.random(in: .min ... .max, using: &random) : random.one(of: graphic)
            }
            withBytesAtPageEnd(name) { text in
                #expect(Key(of: text, in: &key) == Key(expectedOf: name), "\(name)")
            }
        }
    }

    @Test("bytes after the name do not change the key")
    func following() {
        var key = NameKey()
        for length in 1...20 {
            let name = Array(repeating: UInt8(ascii: "x"), count: length)
            for next in [UInt8(ascii: "."), UInt8(ascii: "\\"), 0x09, 0xff] {
                let line = name + Array(repeating: next, count: 8)
                let found = Key(of: line.span.extracting(0..<length), in: &key)
                #expect(found == Key(expectedOf: name))
            }
        }
    }
}

/// The content of a key.
private struct Key: Equatable {
    var bytes: [UInt8] = []
    var hash: UInt32 = 0
    /// The keys of the suffixes with 1, 2, ... labels.
    var labels: [[UInt8]] = []

    /// The key of a name; `nil` if `name` is not a valid name.
    init?(of name: [UInt8], in key: inout NameKey) { self.init(of: name.span, in: &key) }

    /// The key of a name; `nil` if `name` is not a valid name.
    init?(of name: Span<UInt8>, in key: inout NameKey) {
        guard key.set(name) else { return nil }
        bytes = (0..<key.count).map { key.bytes[$0] }
        hash = key.hash
        for count in 0..<key.labelCount { labels.append(Array(key.suffix(labels: count + 1))) }
    }

    /// The reference: the key of a name, computed byte by byte.
    init?(expectedOf name: [UInt8]) {
        guard 1...1024 ~= name.count else { return nil }
        var starts = [0]
        var i = 0
        while i < name.count {
            if name[i] == UInt8(ascii: ".") {
                if i + 1 < name.count {
                    bytes.append(name[i])
                    starts.append(bytes.count)
                }
                i += 1
            } else {
                guard let (byte, next) = unescape(name.span, at: i) else { return nil }
                appendEscaped(lowerCase(byte)) { bytes.append($0) }
                i = next
            }
        }
        if name == [UInt8(ascii: ".")] {
            bytes = name
            starts = []
        }
        guard starts.count <= 127 else { return nil }
        hash = nameHash(bytes.span)
        labels = starts.reversed().map { [bytes] in Array(bytes[$0...]) }
    }
}
