import Glibc
import Support
import Testing

@testable import Addresses

@Suite("IP addresses")
struct IPAddressTests {
    @Test(
        "addresses are read as inet_pton(3) reads them",
        arguments: [
            "0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8", "::ffff:192.0.2.1", "64:ff9b::192.0.2.33", "1:2:3:4:5:6:192.0.2.1", "ABCD:ef01::",
            // The following are not addresses.
            "", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", ".1.2.3", "1..2.3", "01.2.3.4", "1.2.3.04",
            "1.2.3.4 ",
            "a.b.c.d", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", ":1::", "1::2:",
            "1:2:3:4:5:6:7:192.0.2.1", "::192.0.2", "::192.0.2.1:1", "1:2:3:4:5:6:7:8::", "192.0.2.1::",
        ])
    func readsAsTheSystem(text: String) {
        #expect(IPAddress(text) == systemAddress(text))
    }

    @Test(
        "addresses with a character inserted, removed or replaced are read as inet_pton(3) reads them",
        arguments: [
            "0.0.0.0", "192.0.2.1", "25.254.255.99", "::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:192.0.2.1", "1:2:3:4:5:6:192.0.2.1",
            "ABCD:ef01:2345:6789:abcd:EF01:2345:6789",
        ])
    func changed(text: String) {
        let characters = "0123459abfgAFG:./ -\u{10}\u{1a}@`\u{e9}"
        for position in text.indices {
            var shorter = text
            shorter.remove(at: position)
            #expect(IPAddress(shorter) == systemAddress(shorter), "\(shorter)")
            for character in characters {
                var longer = text
                longer.insert(character, at: position)
                #expect(IPAddress(longer) == systemAddress(longer), "\(longer)")
                longer = shorter
                longer.insert(character, at: position)
                #expect(IPAddress(longer) == systemAddress(longer), "\(longer)")
            }
        }
    }

    /// Returns the address as inet_pton(3) reads it.
    private func systemAddress(_ text: String) -> IPAddress? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return .v4(bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }) }
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
        return .v6(bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    @Test("addresses are written as inet_ntop(3) writes them")
    func writesAsTheSystem() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            // Runs of zeros are the difficult part of writing IPv6 addresses.
            var address: UInt128 = 0
            for _ in 0..<8 {
                address = address << 16 | (Bool.random() ? 0 : UInt128(UInt16.random(in: 0...0x1ff, using: &random)))
            }
            // inet_ntop(3) writes these two with an IPv4 address; RFC 5952 leaves the choice.
            if address >> 32 == 0 || address >> 32 == 0xffff { continue }
            var bytes = (0..<16).map { UInt8(truncatingIfNeeded: address >> UInt128(120 - 8 * $0)) }
            var text = [CChar](repeating: 0, count: 64)
            inet_ntop(AF_INET6, &bytes, &text, 64)
            let expected = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            #expect(IPAddress.v6(address).description == expected)
            #expect(IPAddress(expected) == .v6(address))
        }
        #expect(IPAddress("192.0.2.1")?.description == "192.0.2.1")
        #expect(IPAddress("::ffff:192.0.2.1")?.description == "::ffff:192.0.2.1")
    }

    @Test("an IPv6 address may have a zone index, but not an empty one")
    func interface() {
        #expect(IPAddress("fe80::1%eth1") == IPAddress("fe80::1"))
        #expect(IPAddress("192.0.2.1%eth1") == nil)
        #expect(IPAddress("::%a") == IPAddress("::"))
        #expect(IPAddress("::ffff:192.0.2.1%a%b") == IPAddress("::ffff:192.0.2.1"))
        #expect(IPAddress("fe80::1%") == nil)
        #expect(IPAddress("fe80:%eth1") == nil)
        #expect(IPAddress("1:2:3:4:5:6:7%eth1") == nil)
        #expect(IPAddress("%eth1") == nil)
    }

    @Test(
        "mapped, compatible, 6to4, NAT64 and Teredo addresses embed an IPv4 address",
        arguments: [
            ("::ffff:192.0.2.1", 96), ("::192.0.2.1", 96), ("2002:c000:201::5", 16), ("64:ff9b::c000:201", 96),
            ("2001:0:1:2:3:4:3fff:fdfe", 96),
        ])
    func carries(text: String, offset: Int) throws {
        let embedded = try #require(IPAddress(text)?.embeddedIPv4)
        #expect(IPAddress.v4(embedded.address) == IPAddress("192.0.2.1"))
        #expect(embedded.offset == offset)
    }

    @Test(
        "other IPv6 addresses embed none",
        arguments: [
            "2001:db8::1", "2001:1::1", "64:ff9b:1::1", "::1:192.0.2.1", "::fffe:192.0.2.1", "2003::", "192.0.2.1",
        ])
    func carriesNone(text: String) {
        #expect(IPAddress(text) != nil)
        #expect(IPAddress(text)?.embeddedIPv4 == nil)
    }
}

@Suite("IP prefixes")
struct IPPrefixTests {
    @Test(
        "an address with or without a length is a prefix; host bits are cleared",
        arguments: [
            ("192.0.2.0/24", "192.0.2.0/24"), ("192.0.2.77/24", "192.0.2.0/24"), ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"), ("255.255.255.255/0", "0.0.0.0/0"), ("::/0", "::/0"),
            ("2001:db8:ffff::1/36", "2001:db8:f000::/36"), ("2001:db8::1", "2001:db8::1/128"),
            ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.0/024", "192.0.2.0/24"), ("192.0.2.0/32", "192.0.2.0/32"),
            ("fe80::1%eth1", "fe80::1/128"), ("fe80::1%eth1/64", "fe80::/64"), ("fe80::1%a/b/64", "fe80::/64"),
            ("::ffff:192.0.2.1/120", "::ffff:192.0.2.0/120"),
        ])
    func reads(text: String, meaning: String) {
        #expect(IPPrefix(text)?.description == meaning)
    }

    @Test(
        "malformed prefixes are refused",
        arguments: [
            "", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "::/129", "192.0.2.0/-1", "192.0.2.0/1000", "192.0.2.0/a",
            "192.0.2/24",
            "192.0.2.0/24/24", "192.0.2.0/ 4", "192.0.2.0%eth1/24", "192.0.2.0/2/4", "192.0.2.0x", "192.0.2.0/0024",
            "fe80::1%/64", "fe80::1%a/", "fe80::1%a/b", "::/", "::/0000", "::/-1",
        ])
    func refuses(text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test(
        "the fast path reads no byte past the end, and agrees with the general reader",
        arguments: [
            "192.0.2.0/24", "1.2.3.0/2", "0.0.0.0/0", "255.255.255.255/32", "10.20.0.1", "2001:db8::/56", "::1%a/b/64",
        ])
    func usual(text: String) {
        func compare(_ text: [UInt8]) {
            withBytesAtPageEnd(text) { #expect(IPPrefix($0) == IPPrefix(any: $0), "\(text)") }
        }
        let whole = Array(text.utf8)
        for length in 0...whole.count {
            compare(Array(whole[..<length]))
            for byte in UInt8.min...UInt8.max { compare(whole[..<length] + [byte] + whole[length...]) }
        }
        for position in whole.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = whole
                changed[position] = byte
                compare(changed)
            }
        }
    }
}
