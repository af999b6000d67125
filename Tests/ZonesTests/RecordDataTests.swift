import Testing

@testable import Zones

@Suite("Data of records")
struct RecordDataTests {
    /// What a zone file has for a record, what messages carry for it, and what pdns takes.
    struct Sample: CustomTestStringConvertible, Sendable {
        let type: String
        let source: String
        let wire: String
        let text: String

        var testDescription: String { "\(type) \(source.prefix(80))" }
    }

    @Test("are read into the form of messages, and written as pdns wants them", arguments: samples)
    func reads(sample: Sample) throws {
        let type = try #require(RecordType(sample.type))
        var reader = RecordDataReader()
        try read(sample.source, type, &reader)
        #expect(hex(reader.wire) == sample.wire)
        #expect(String(decoding: reader.text, as: UTF8.self) == sample.text)
    }
}

let samples: [RecordDataTests.Sample] = [
    .init(type: "A", source: "192.0.2.1", wire: "c0000201", text: "192.0.2.1")
]

/// Reads words that are separated by blanks and relative to example.com.
func read(_ source: String, _ type: RecordType, _ reader: inout RecordDataReader) throws {
    let bytes = Array(source.utf8)
    let words = try words(bytes)
    try bytes.withUnsafeBufferPointer {
        try reader.read(words[...], in: $0, type: type, names: .relative(to: DomainName("example.com.")))
    }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in "\(String(byte >> 4, radix: 16))\(String(byte & 15, radix: 16))" }.joined()
}
