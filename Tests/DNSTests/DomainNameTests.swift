import Testing

@testable import DNS

@Suite("Domain names")
struct DomainNameTests {
    private let origin = try! DomainName("geo.example.com.")

    @Test(
        "names are read relative to an origin",
        arguments: [
            ("www", "www.geo.example.com"), ("www.", "www"), ("@", "geo.example.com"), (".", "."),
            ("a.b", "a.b.geo.example.com"),
            (#"a\.b"#, #"a\.b.geo.example.com"#), (#"\097"#, "a.geo.example.com"), (#"a\032b."#, #"a\032b"#),
            ("a b.", #"a\032b"#),
            (#"\\."#, #"\\"#), ("WwW", "WwW.geo.example.com"), ("*", "*.geo.example.com"), (#"\009."#, #"\009"#),
        ])
    func reads(text: String, meaning: String) throws {
        #expect(try DomainName(text, relativeTo: origin).description == meaning)
    }

    @Test("names that differ only in case are equal, and keep their case")
    func caseless() throws {
        #expect(try DomainName("WWW.Example.COM.") == DomainName("www.example.com."))
        #expect(try DomainName("WWW.Example.COM.").description == "WWW.Example.COM")
    }

    @Test(
        "malformed names are refused",
        arguments: ["", "..", ".a.", "a..b.", #"a\"#, #"a\25"#, #"a\256."#, String(repeating: "a", count: 64) + "."])
    func refuses(text: String) {
        #expect(throws: NameError.self) { try DomainName(text) }
    }

    @Test("a name has at most 255 bytes in wire format")
    func length() throws {
        let label = String(repeating: "a", count: 62) + "."
        #expect(try DomainName(label + label + label + label).labelCount == 4)
        #expect(throws: NameError.self) { try DomainName(label + label + label + label + "aa.") }
    }

    @Test("a name is at or below a zone by whole labels")
    func below() throws {
        #expect(try DomainName("a.GEO.example.com.").isAtOrBelow(origin))
        #expect(origin.isAtOrBelow(origin))
        #expect(try !DomainName("ageo.example.com.").isAtOrBelow(origin))
        #expect(try !DomainName("example.com.").isAtOrBelow(origin))
    }

    @Test("different spellings of a name have one key")
    func keys() throws {
        for text in ["a b.Example.com", #"a\032b.example.com"#, #"\097\ b.example.com."#] {
            #expect(key(text) == (try DomainName("a b.example.com.")).key)
        }
        for text in ["", #"a\"#, #"a\999"#, String(repeating: "a.", count: 2000)] { #expect(key(text) == nil) }
    }

    private func key(_ text: String) -> [UInt8]? {
        var key = NameKey()
        let name = Array(text.utf8)
        guard key.set(name.span) else { return nil }
        return (0..<key.count).map { key.bytes[$0] }
    }
}
