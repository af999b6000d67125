import Foundation
import Support
import Testing

@testable import DNS

@Suite("Record data")
struct RecordDataTests {
    // MARK: - Valid data

    @Test("data is read into wire format, and written in the form of pdns", arguments: recordSamples)
    func reads(sample: RecordSample) throws {
        let data = try Data(sample.source, sample.type)
        #expect(data.wire == sample.wire)
        #expect(data.text == sample.text)
    }

    @Test("every type may be written in the generic form", arguments: recordSamples)
    func readsGenericForm(sample: RecordSample) throws {
        let data = try Data("\\# \(sample.wire.count / 2) \(sample.wire)", sample.type)
        #expect(data.wire == sample.wire)
        #expect(data.text == sample.text)
    }

    @Test("the example of each type is valid", arguments: RecordType.mnemonics)
    func examples(mnemonic: String) throws {
        let type = try #require(RecordType(mnemonic))
        guard type != .lua else { return }
        #expect(throws: Never.self) { try Data(type.layout.example, mnemonic) }
    }

    @Test("randomly changed data is refused, or is the same after it is written and read", arguments: recordSamples)
    func survivesChanges(sample: RecordSample) throws {
        var random = SeededGenerator(seed: UInt64(sample.wire.utf8.count))
        for _ in 0..<50 {
            var bytes = stride(from: 0, to: sample.wire.count, by: 2).map { i in
                UInt8(sample.wire.dropFirst(i).prefix(2), radix: 16) ?? 0
            }
            guard let i = bytes.indices.randomElement(using: &random) else { return }
            switch random.next() % 4 {
            case 0: bytes[i] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(i...)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: i)
            default: bytes[i] = [0, 1, 255].randomElement(using: &random) ?? 0
            }
            // pdns does not escape a quotation mark in a name; a zone file does.
            guard !bytes.contains(UInt8(ascii: "\"")) else { continue }
            guard let data = try? Data("\\# \(bytes.count) \(hex(bytes))", sample.type) else { continue }
            // An alias record loses its parameters.
            guard !data.warnings.contains(where: { $0.contains("an alias") }) else { continue }
            #expect(data.wire == hex(bytes))
            let again = try Data(data.text, sample.type, names: .relative(to: .root))
            #expect(again.wire == data.wire, "\(data.text)")
        }
    }

    @Test("data and fields of the maximum length are accepted, and longer ones refused")
    func lengths() throws {
        let byte = #"\255"#
        let string = String(repeating: byte, count: 255)
        #expect(try Data(string, "TXT").wire == String(repeating: "ff", count: 256))
        #expect(throws: RecordDataError.self) { try Data(string + byte, "HINFO") }

        let strings = Array(repeating: string, count: 255).joined(separator: " ")
        #expect(try Data("\(strings) \(String(repeating: byte, count: 254))", "TXT").wire.count == 2 * 65_535)
        let error = #expect(throws: RecordDataError.self) { try Data("\(strings) \(string)", "TXT") }
        #expect(error?.token == 255)

        #expect(try Data("1 1 \(String(repeating: "a", count: 65_531))", "URI").wire.count == 2 * 65_535)
        #expect(throws: RecordDataError.self) { try Data("1 1 \(String(repeating: "a", count: 65_532))", "URI") }
        #expect(try Data("\\# 65535 \(String(repeating: "ab", count: 65_535))", "TYPE65281").wire.count == 2 * 65_535)

        let label = String(repeating: "a", count: 63)
        let name = "\(label).\(label).\(label).\(String(repeating: "a", count: 61))."
        #expect(try Data(name, "CNAME").wire.count == 2 * 255)
        #expect(throws: RecordDataError.self) { try Data("a" + name, "CNAME") }
    }

    @Test("a refused record does not change how the next one is read")
    func readsAfterRefusal() throws {
        var reader = RecordDataReader()
        for refused in ["1 . alpn=h2 port=x", "1 . mandatory="] {
            #expect(throws: RecordDataError.self) { try read(refused, "SVCB", .relative(to: .root), &reader) }
            try read("1 . alpn=h3", "SVCB", .relative(to: .root), &reader)
            #expect(hex(reader.wire) == "0001000001000302" + "6833")
            #expect(String(decoding: reader.text, as: UTF8.self) == #"1 . alpn="h3""#)
        }
    }

    // MARK: - Names

    @Test("names must be absolute, or a single label in the zone")
    func unambiguousNames() throws {
        let zone = NameRule.unambiguous(in: try DomainName("example.com."))
        #expect(try Data("10 mail", "MX", names: zone).text == "10\tmail.example.com")
        #expect(try Data("10 @", "MX", names: zone).text == "10\texample.com")
        #expect(try Data("10 mail.example.net.", "MX", names: zone).text == "10\tmail.example.net")
        for name in ["mail.example.net", #"a\.b"#, #"mail\."#] {
            let error = #expect(throws: RecordDataError.self) { try Data("10 \(name)", "MX", names: zone) }
            #expect(error?.token == 1)
            #expect(
                error?.reason.description
                    == "'\(name)' has no final dot; write '\(name).', or '\(name).example.com.' for a name in the zone")
        }
        #expect(throws: RecordDataError.self) { try Data("10 mail", "MX", names: .unambiguous(in: nil)) }
    }

    // MARK: - Warnings

    /// Data that is served with a warning, in wire format and in the form of pdns.
    @Test(
        "data that is changed, or that clients ignore, gets a warning",
        arguments: [
            (
                "SVCB", "1 . no-default-alpn", "00010000020000", "1 . no-default-alpn",
                "2: no-default-alpn without alpn"
            ),
            (
                "HTTPS", #"1 . key2="" port=1"#, "000100000200000003000200" + "01", "1 . no-default-alpn port=1",
                "2: no-"
            ),
            (
                "SVCB", "\\# 7 00010000020000", "00010000020000", "1 . no-default-alpn",
                "0: no-default-alpn without alpn"
            ),
            (
                "SVCB", "1 . mandatory=port", "000100" + "000000020003", "1 . mandatory=port",
                "2: 'mandatory' lists port, which the record lacks"
            ),
            (
                "SVCB", "1 . alpn=h2 mandatory=key9", "000100" + "000000020009" + "00010003026832",
                #"1 . mandatory=key9 alpn="h2""#, "2: 'mandatory' lists tls-supported-groups, which"
            ),
            (
                "SVCB", "1 . mandatory=mandatory", "000100" + "000000020000", "1 . mandatory=mandatory",
                "2: 'mandatory' lists itself"
            ),
            (
                "SVCB", "0 svc. port=1", "00000373766300", "0 svc",
                "2: an alias record, of priority 0, has no parameters"
            ),
            ("HTTPS", "\\# 7 00000000080000", "000000", "0 .", "0: an alias record, of priority 0, has no parameters"),
        ])
    func warns(type: String, source: String, wire: String, text: String, warning: String) throws {
        let data = try Data(source, type)
        #expect(data.wire == wire)
        #expect(data.text == text)
        #expect(data.warnings.count == 1)
        #expect(data.warnings.first?.hasPrefix(warning) == true, "\(data.warnings)")
    }

    @Test("a text of more than 255 bytes is split", arguments: ["TXT", "SPF", "RESINFO", "WALLET", "NINFO"])
    func splits(type: String) throws {
        let lengths = [256, 510, 511, 1000]
        for length in lengths {
            let data = try Data(#""a" "\#(String(repeating: "b", count: length))" c"#, type)
            var pieces = Array(repeating: "ff" + String(repeating: "62", count: 255), count: length / 255).joined()
            let rest = UInt8(length % 255)
            if rest > 0 { pieces += hex([rest]) + String(repeating: "62", count: Int(rest)) }
            #expect(data.wire == "0161" + pieces + "0163")
            #expect(data.warnings.count == 1)
            #expect(
                data.warnings.first?.hasPrefix("1: a text of \(length) bytes is longer than 255") == true)
            let again = try Data("\\# \(data.wire.utf8.count / 2) \(data.wire)", type)
            #expect(again.text == data.text && again.warnings.isEmpty)
        }
        #expect(try Data(#""\#(String(repeating: "b", count: 255))""#, type).warnings.isEmpty)
    }

    /// Data for which no form suits all releases of pdns: in wire format, and in the forms of pdns up to 5.0 and from
    /// 5.1 on. With the wrong form pdns answers SERVFAIL or with wrong data.
    @Test(
        "data is written in the dialect of the pdns that asks",
        arguments: [
            ("WALLET", #""BTC" abc"#, "0342544303616263", "\\# 8 0342544303616263", #""BTC" "abc""#),
            ("TYPE262", #"BTC"#, "03425443", "\\# 4 03425443", #""BTC""#),
            (
                "RESINFO", "qnamemin exterr=15", "08716e616d656d696e096578746572723d3135", nil,
                #""qnamemin" "exterr=15""#
            ),
            ("TYPE261", "\\# 3 026162", "026162", "\\# 3 026162", #""ab""#),
            ("HHIT", "q80=", "abcd", "\\# 2 abcd", "q80="), ("BRID", "q8 0=", "abcd", "\\# 2 abcd", "q80="),
            ("HTTPS", "1 . ohttp", "00010000080000", #"1 . key8="""#, "1 . ohttp"),
            ("HTTPS", #"1 . key8="""#, "00010000080000", #"1 . key8="""#, "1 . ohttp"),
            ("HTTPS", "1 . key8", "00010000080000", #"1 . key8="""#, "1 . ohttp"),
            (
                "SVCB", "1 . tls-supported-groups=29,23", "00010000090004001d0017", #"1 . key9="\000\029\000\023""#,
                "1 . tls-supported-groups=29,23"
            ),
            (
                "SVCB", "1 . mandatory=ohttp ohttp", "000100" + "000000020008" + "00080000",
                #"1 . mandatory=key8 key8="""#, "1 . mandatory=key8 ohttp"
            ),
            ("SVCB", "1 . key65535", "000100" + "ffff0000", #"1 . key65535="""#, #"1 . key65535="""#),
            ("SVCB", "1 . key10=x", "000100" + "000a000178", #"1 . key10="x""#, #"1 . key10="x""#),
            ("SVCB", "1 . dohpath=/q", "000100" + "000700022f71", #"1 . key7="/q""#, #"1 . key7="/q""#),
            (
                "NSEC", "a A WALLET", "0161076578616d706c6503636f6d00" + "000140" + "010102", "a.example.com A TYPE262",
                "a.example.com A TYPE262"
            ),
        ])
    func dialects(type: String, source: String, wire: String, upTo5_0: String?, since5_1: String?) throws {
        let old = try Data(source, type, for: .upTo5_0)
        let new = try Data(source, type, for: .since5_1)
        #expect(old.wire == wire && new.wire == wire)
        #expect(old.text == upTo5_0 ?? "\\# \(wire.utf8.count / 2) \(wire)")
        #expect(new.text == since5_1 ?? "\\# \(wire.utf8.count / 2) \(wire)")
        #expect(old.warnings.isEmpty && new.warnings.isEmpty)
    }

    @Test("data that one dialect cannot express is left out in that dialect only")
    func unservable() throws {
        for (source, text) in [("1 . key8=x", #"1 . key8="x""#), (#"1 . key9="\001""#, #"1 . key9="\001""#)] {
            #expect(try Data(source, "SVCB", for: .upTo5_0).text == text)
            let error = #expect(throws: RecordDataError.self) { try Data(source, "SVCB", for: .since5_1) }
            #expect(error?.reason.description.hasPrefix("pdns 5.1 takes n") == true)
            #expect(error?.reason.description.hasSuffix("; the record is left out") == true)
        }
    }

    @Test("the dialect of a pdns_server is detected by a string that only 5.1 and later contain")
    func findsDialect() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "dialect-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(RecordDialect.ofProgram(at: path) == nil)
        for (text, dialect) in [("ipv6hint\0ech", RecordDialect.upTo5_0), ("ohttp\0tls-supported-groups\0", .since5_1)]
        {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(RecordDialect.ofProgram(at: path) == dialect)
        }
        #expect(RecordDialect.ofProgram(at: FileManager.default.temporaryDirectory.path) == nil)
    }

    // MARK: - Invalid data

    @Test("invalid data is refused at its position", arguments: refusals)
    func refuses(type: String, source: String, token: Int, reason: String) throws {
        let error = #expect(throws: RecordDataError.self) { try Data(source, type) }
        #expect(error?.token == token)
        #expect(error?.reason.description.hasPrefix(reason) == true, "\(error as Any)")
    }
}

/// A type, the data after it, the number of the wrong token, and the beginning of the message.
private let refusals: [(type: String, source: String, token: Int, reason: String)] = [
    ("A", "", 0, "expected an IPv4 address, such as 192.0.2.1"),
    ("A", "192.0.2.256", 0, "expected an IPv4 address, such as 192.0.2.1"),
    ("A", "192.0.2.1 192.0.2.2", 1, "expected no more fields, such as 192.0.2.1"),
    ("A", "192.0.2.01", 0, "expected an IPv4 address"), ("A", "::1", 0, "expected an IPv4 address"),
    ("AAAA", "192.0.2.1", 0, "expected an IPv6 address"), ("AAAA", "1:2:3:4:5:6:7:8:9", 0, "expected an IPv6"),
    ("CNAME", "a..b.", 0, "'a..b.' is not a valid domain name: a label is empty"),
    ("CNAME", #"a\256."#, 0, #"'a\256.' is not a valid domain name: an escape"#),
    ("CNAME", "a b", 1, "expected no more fields"),
    ("MX", "mail", 0, "expected a number up to 65535, as in 10 mail.example.com."),
    ("MX", "65536 mail", 0, "expected a number up to 65535"), ("MX", "-1 mail", 0, "expected a number"),
    ("MX", "10", 1, "expected a name, as in 10 mail.example.com."), ("SRV", "1 2 mail", 2, "expected a number"),
    ("SOA", "a b 1 2 3 4", 6, "expected a time in seconds"), ("SOA", "a b 1h 2 3 4 5", 2, "expected a number"),
    ("SOA", "a b 1 2 3 1y 5", 5, "expected a time"), ("SOA", "a b 1 2 3 h 5", 5, "expected a time"),
    ("SOA", "a b 1 2 3 7102w 5", 5, "expected a time of up to 4294967295 seconds, or"),
    ("TXT", "", 0, "expected a text"), ("TXT", #""a" \25"#, 1, "expected three digits up to 255"),
    ("HINFO", "PC", 1, "expected a text"), ("NAPTR", #"1 1 "" "" """#, 5, "expected a name"),
    ("CAA", "256 issue x", 0, "expected a number up to 255"), ("CAA", "0 is-sue x", 1, "expected a property"),
    ("CAA", "0 issue x y", 3, "expected no more fields"), ("URI", "1 1", 2, "expected a text"),
    ("TLSA", "3 1 1", 3, "expected hexadecimal digits"), ("TLSA", "3 1 1 abc", 3, "expected two hexadecimal"),
    ("TLSA", "3 1 1 ab xy", 4, "expected hexadecimal digits"), ("TLSA", "3 1 1 -", 3, "expected hexadecimal"),
    ("SSHFP", "1 1 ab", 2, "expected 20 bytes in a digest of kind 1, instead of 1"),
    ("DS", "1 NONE 2 ab", 1, "expected a number up to 255 or a name for it"),
    ("DS", "1 13 2 ab", 3, "expected 32 bytes in a digest of kind 2"),
    ("CDS", "1 13 SHA-384 ab", 3, "expected 48 bytes"), ("ZONEMD", "1 1 2 ab", 3, "expected 64 bytes"),
    ("DNSKEY", "257 3 13", 3, "expected base64 digits"), ("DNSKEY", "257 3 13 AwEAAQ=", 3, "expected base64"),
    ("DNSKEY", "257 3 13 AwEAAQ== AA", 4, "expected base64"), ("DNSKEY", "257 3 13 A", 3, "expected base64"),
    ("DNSKEY", "257 3 13 AwEAAR==", 3, "expected base64"), ("DNSKEY", "257 3 13 ====", 3, "expected base64"),
    ("DNSKEY", "257 3 13 AwE*", 3, "expected base64"), ("CERT", "0 1 8 AwEA", 0, "expected a kind"),
    ("RRSIG", "A 13 3 1 20260231000000 0 1 . AwEA", 4, "expected a time as YYYYMMDDHHmmSS"),
    ("RRSIG", "A 13 3 1 20260201 202602010000 1 . AwEA", 5, "expected a time as YYYYMMDDHHmmSS"),
    ("RRSIG", "B 13 3 1 0 0 1 . AwEA", 0, "expected a record type"),
    ("NSEC", "a A B", 2, "expected a record type"), ("NSEC", "a TYPE65536", 1, "expected a record type"),
    ("NSEC3", "1 0 0 abc VUTS", 3, "expected a salt"), ("NSEC3", "1 0 0 xy VUTS", 3, "expected a salt"),
    ("NSEC3", "1 0 0 - VUT", 4, "expected a whole hash"), ("NSEC3", "1 0 0 - VUTX", 4, "expected a hash"),
    ("NSEC3PARAM", "1 0 0", 3, "expected a salt"), ("EUI48", "00-00-5e-00-53", 0, "expected 6 bytes"),
    ("EUI48", "00:00:5e:00:53:a1", 0, "expected 6 bytes in hexadecimal digits with - between"),
    ("EUI64", "00-00-5e-00-53-a1", 0, "expected 8 bytes"), ("NID", "1 0:0:0", 1, "expected four numbers"),
    ("NID", "1 0:0:0:00000", 1, "expected four numbers"), ("L64", "1 ::1", 1, "expected four numbers"),
    ("LOC", "91 N 0 E 0m", 0, "expected degrees up to 90"),
    ("LOC", "90 0 1 N 0 E 0m", 3, "expected at most 90"),
    ("LOC", "1 60 N 0 E 0m", 1, "expected minutes"), ("LOC", "1 2 60 N 0 E 0m", 2, "expected minutes"),
    ("LOC", "1 2 3.1234 N 0 E 0m", 2, "expected minutes"), ("LOC", "1 N 0 N 0m", 3, "expected minutes"),
    ("LOC", "1 2 3 4 N 0 E 0m", 3, "expected minutes"), ("LOC", "1 N 1 E", 4, "expected an altitude"),
    ("LOC", "1 N 1 E -100000.01m", 4, "expected an altitude"), ("LOC", "1 N 1 E 0 -1m", 5, "expected a size"),
    ("LOC", "1 N 1 E 0 50000000m", 0, "pdns takes sizes up to 40000000m only"),
    ("LOC", "1 N 1 E 0 1m 1m 1m 1m", 8, "expected no more fields"),
    ("IPSECKEY", "10 4 2 . AwEA", 1, "expected a number up to 3"),
    ("IPSECKEY", "10 1 2 gw AwEA", 3, "expected an IPv4 address"),
    ("IPSECKEY", "10 1 3 192.0.2.1 AwEA", 0, "pdns takes algorithms up to 2 only"),
    ("IPSECKEY", "10 1 2 192.0.2.1", 0, "expected a key"), ("IPSECKEY", "10 0 0 . AwEA", 0, "expected no key"),
    ("APL", "", 0, "pdns takes no APL without a prefix"), ("APL", "1:192.0.2.0/24 3:00/0", 1, "expected a prefix"),
    ("APL", "1:192.0.2.0/33", 0, "expected a prefix length up to 32"), ("APL", "1:::/0", 0, "expected an IPv4"),
    ("APL", "1:192.0.2.0", 0, "expected a prefix"), ("APL", "!!1:192.0.2.0/24", 0, "expected a prefix"),
    ("SVCB", "1", 1, "expected a name"), ("SVCB", "1 . what=1", 2, "expected a parameter"),
    ("SVCB", "1 . port=1 port=2", 3, "expected each parameter once"),
    ("SVCB", "1 . port=", 2, "expected a port"),
    ("SVCB", "1 . alpn=h2,,h3", 2, "expected protocols of 1 to 255 bytes"),
    ("SVCB", "1 . alpn=h2 no-default-alpn=1", 3, "expected no value"),
    ("SVCB", "1 . ohttp=1", 2, "expected no value for ohttp"),
    ("SVCB", "1 . tls-supported-groups=29,x", 2, "expected a list of group numbers up to 65535"),
    ("SVCB", "1 . tls-supported-groups=65536", 2, "expected a list of group"),
    ("SVCB", "1 . tls-supported-groups", 2, "expected a list of group"),
    ("HHIT", "", 0, "expected base64 digits"), ("RESINFO", "", 0, "expected a text"),
    ("SVCB", "1 . mandatory=port,port port=1", 2, "expected data that has the form of its type"),
    ("SVCB", "1 . mandatory=what", 2, "expected a list of parameter names"),
    ("SVCB", "1 . ipv4hint=::1", 2, "expected an IPv4 address"), ("SVCB", "1 . ech=", 2, "expected base64"),
    ("SVCB", #"1 . key4="\001""#, 2, "expected data"), ("SVCB", #"1 . key667="a"b"#, 2, "expected a parameter"),
    ("SVCB", "1 . key65536=a", 2, "expected a parameter"),
    ("HTTPS", "1 . ipv6hint=auto", 2, "pdns replaces auto"),
    ("TYPE65281", "abcd", 0, "expected \\# and the data in hexadecimal digits, as in \\# 2 abcd"),
    ("TYPE65281", "\\# 2 ab", 2, "expected 2 bytes instead of 1"), ("WKS", "192.0.2.1 tcp", 0, "expected \\#"),
    ("TYPE65281", "\\#", 1, "expected the number of bytes"), ("A", "\\# 3 c00002", 2, "expected data that has"),
    ("A", "\\# 5 c000020100", 2, "expected data"), ("MX", "\\# 2 000a", 2, "expected data"),
    ("TXT", "\\# 0", 1, "expected data"), ("CNAME", "\\# 3 c00c00", 2, "expected data"),
    ("LOC", "\\# 16 01121613800000008000000000989680", 2, "expected data"),
    ("NSEC", "\\# 4 00000100", 2, "expected data"), ("SVCB", "\\# 11 00010000030002000100", 2, "expected 11"),
    ("TYPE65280", "\\# 0", 0, "TYPE65280 is used by geopipe itself"), ("LUA", #"A "x""#, 0, "LUA is code"),
    ("TYPE250", "\\# 0", 0, "TYPE250 is for messages, not for zones"), ("TYPE41", "\\# 0", 0, "TYPE41 is for"),
    ("TYPE0", "\\# 0", 0, "TYPE0 is for messages"), ("ANY", "\\# 0", 0, "TYPE255 is for messages"),
]

/// The result of reading data whose tokens are separated by spaces.
private struct Data {
    let wire: String
    let text: String

    let warnings: [String]

    init(_ source: String, _ type: String, names: NameRule? = nil, for dialect: RecordDialect = .upTo5_0) throws {
        var reader = RecordDataReader(dialect: dialect)
        try read(source, type, names ?? .relative(to: DomainName("example.com.")), &reader)
        wire = hex(reader.wire)
        text = String(decoding: reader.text, as: UTF8.self)
        warnings = reader.warnings.map { "\($0.token): \($0.message)" }
    }
}

private func read(_ source: String, _ type: String, _ names: NameRule, _ reader: inout RecordDataReader) throws {
    let bytes = Array(source.utf8)
    let tokens = try tokens(bytes)
    let type = try #require(RecordType(type))
    try bytes.withUnsafeBufferPointer { try reader.read(tokens[...], in: $0, type: type, names: names) }
}

private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in "\(String(byte >> 4, radix: 16))\(String(byte & 15, radix: 16))" }.joined()
}
