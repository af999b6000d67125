import Foundation
import Support
import Testing

/// Signed answers, set up by examples/dnssec, checked by a validator.
@Suite("Signed answers", .signed)
struct SigningTests {
    let server: NameServer

    init() throws {
        server = try #require(NameServer.shared)
    }

    @Test(
        "each client's records are validated",
        arguments: [
            ("my", "A", Client.oslo, ["A 192.0.2.10"]),
            ("my", "A", .ashburn, ["A 198.51.100.10"]),
            ("my", "AAAA", .oslo, ["AAAA 2001:db8:1::10"]),
            ("my", "AAAA", .ashburn, ["AAAA 2001:db8:2::10"]),
            ("six-in-oslo", "AAAA", .oslo, ["AAAA 2001:db8:1::10"]),
            ("six-in-ashburn", "AAAA", .ashburn, ["AAAA 2001:db8:2::10"]),
            ("a.wild", "A", .oslo, ["A 192.0.2.10"]),
            ("b.wild", "A", .ashburn, ["A 198.51.100.10"]),
            ("alias", "CNAME", .oslo, ["CNAME my.geo.example.com."]),
            ("alias", "A", .oslo, ["CNAME my.geo.example.com.", "A 192.0.2.10"]),
            ("alias", "A", .ashburn, ["CNAME static.geo.example.com.", "A 192.0.2.41"]),
            ("alias-in-oslo", "A", .oslo, ["CNAME my.geo.example.com.", "A 192.0.2.10"]),
            ("alias-in-oslo", "A", .ashburn, ["A 198.51.100.10"]),
            ("static", "TXT", .oslo, [#"TXT "the same for all""#]),
            ("static", "TXT", .ashburn, [#"TXT "the same for all""#]),
            ("c.static-wild", "A", .oslo, ["A 192.0.2.42"]),
            ("@", "A", .ashburn, ["A 198.51.100.10"]),
        ])
    func records(name: String, type: String, client: Client, records: [String]) throws {
        let verdict = try server.validate(name, type, from: client)
        #expect(verdict.isSecure, "\(verdict)")
        #expect(verdict.denial == nil)
        #expect(verdict.records == records)
    }

    @Test("a denial of a name is validated", arguments: ["nobody", "nobody.my", "nobody.static", "b.deep"])
    func noSuchName(name: String) throws {
        for client in [Client.oslo, .ashburn, .nowhere] {
            let verdict = try server.validate(name, "A", from: client)
            #expect(verdict.isSecure, "\(verdict)")
            #expect(verdict.denial == "nxdomain")
        }
    }

    @Test(
        "a denial of a type is validated, and lists the types that this client would get",
        arguments: [
            ("my", "MX", Client.oslo, ["A", "AAAA"]),
            ("my", "MX", .ashburn, ["A", "AAAA"]),
            ("my", "A", .nowhere, []),
            ("six-in-oslo", "MX", .oslo, ["A", "AAAA"]),
            ("six-in-oslo", "AAAA", .ashburn, ["A"]),
            ("six-in-oslo", "AAAA", .nowhere, []),
            ("six-in-ashburn", "AAAA", .oslo, ["A"]),
            ("six-in-ashburn", "MX", .ashburn, ["A", "AAAA"]),
            ("six-beside", "AAAA", .ashburn, ["A", "TXT"]),
            ("six-beside", "AAAA", .nowhere, ["TXT"]),
            ("a.wild", "MX", .oslo, ["A", "AAAA"]),
            ("a.wild", "A", .nowhere, []),
            ("a.wild-six-in-oslo", "AAAA", .ashburn, ["A"]),
            ("alias-in-oslo", "AAAA", .ashburn, ["A"]),
            ("alias-in-oslo", "A", .nowhere, []),
            ("static", "AAAA", .oslo, ["A", "TXT"]),
            ("a.static-wild", "MX", .ashburn, ["A"]),
            // Empty non-terminals.
            ("deep", "A", .oslo, []),
            ("deep", "A", .ashburn, []),
            ("wild", "A", .ashburn, []),
            ("@", "MX", .ashburn, ["A", "AAAA", "DNSKEY", "NS", "NSEC3PARAM", "SOA"]),
        ])
    func noSuchType(name: String, type: String, client: Client, types: [String]) throws {
        for _ in 0..<2 {  // with pdns's caches cold and warm
            let verdict = try server.validate(name, type, from: client)
            #expect(verdict.isSecure, "\(verdict)")
            #expect(verdict.denial == "nxrrset")
            #expect(verdict.records == [])
            #expect(verdict.listsOfTypes.contains(types.sorted()), "\(verdict)")
        }
    }

    @Test("after an alias by place, too, a denial of the type is validated")
    func noSuchTypeBehindAlias() throws {
        for (client, target) in [(Client.oslo, "my"), (.ashburn, "static")] {
            let verdict = try server.validate("alias", "MX", from: client)
            #expect(verdict.isSecure, "\(verdict)")
            #expect(verdict.denial == "nxrrset")
            #expect(verdict.records == ["CNAME \(target).geo.example.com."])
        }
    }

    @Test("a draw between datacenters of which one has no IPv6 address is validated, whichever is drawn")
    func draw() throws {
        for _ in 0..<8 {
            let verdict = try server.validate("dice", "AAAA", from: .oslo)
            #expect(verdict.isSecure, "\(verdict)")
            #expect(verdict.denial == nil ? verdict.records == ["AAAA 2001:db8:1::10"] : verdict.denial == "nxrrset")
        }
    }

    @Test("denials stay valid while others query the same name")
    func load() async throws {
        let port = server.port
        let others = Task.detached {
            // Their source is 127.0.0.1, as Oslo's.
            let questions = ["six-in-oslo", "six-in-ashburn", "my", "deep"].flatMap { name in
                [.a, .aaaa, .mx].map { DNSClient.Question("\(name).geo.example.com", $0) }
            }
            while !Task.isCancelled {
                _ = try DNSClient(port: port).ask(Array(repeatElement(questions, count: 20).joined()))
            }
        }
        for _ in 0..<10 {
            for (name, client) in [("six-in-oslo", Client.ashburn), ("six-in-oslo", .nowhere), ("deep", .ashburn)] {
                let verdict = try server.validate(name, "AAAA", from: client)
                #expect(verdict.isSecure && verdict.denial == "nxrrset", "\(verdict)")
            }
        }
        others.cancel()
        try await others.value
    }

    @Test("below a delegation without DS nothing is signed, and the proof of that is validated")
    func insecureDelegation() throws {
        for client in [Client.oslo, .ashburn] {
            let ds = try server.validate("insecure", "DS", from: client)
            #expect(ds.isSecure && ds.denial == "nxrrset", "\(ds)")
            #expect(ds.listsOfTypes == [["NS"]])
            for name in ["insecure", "www.insecure"] {
                let verdict = try server.validate(name, "A", from: client)
                #expect(verdict.isInsecure, "\(verdict)")
                #expect(verdict.records == [client == .oslo ? "A 192.0.2.10" : "A 198.51.100.10"])
            }
        }
    }

    @Test("a delegation with DS is followed to the keys of the zone below")
    func secureDelegation() throws {
        for client in [Client.oslo, .ashburn] {
            let ds = try server.validate("secure", "DS", from: client)
            #expect(ds.isSecure && ds.denial == nil, "\(ds)")
            for name in ["secure", "www.secure"] {
                let verdict = try server.validate(name, "A", from: client)
                #expect(verdict.isSecure, "\(verdict)")
                #expect(verdict.records == [client == .oslo ? "A 192.0.2.10" : "A 198.51.100.10"])
                let denial = try server.validate(name, "MX", from: client)
                #expect(denial.isSecure && denial.denial == "nxrrset", "\(denial)")
            }
        }
    }

    @Test("of a delegation only DS and its denial are signed")
    func referral() throws {
        let reply = try server.dig("+dnssec", "+norecurse", "ns.delegated.geo.example.com", "A")
        #expect(reply.answer == [])
        let signed = reply.authority.compactMap { $0.firstMatch(of: /\ RRSIG (\w+)/).map { String($0.1) } }
        #expect(signed == ["NSEC3"])
        #expect(reply.authority.contains("delegated.geo.example.com. 300 IN NS ns.delegated.geo.example.com."))
    }

    @Test("with another key as its anchor, the validator rejects everything")
    func wrongAnchor() throws {
        for (name, type) in [("my", "A"), ("my", "MX"), ("nobody", "A"), ("insecure", "DS"), ("www.insecure", "A")] {
            let verdict = try server.validate(name, type, from: .oslo, anchor: "wrong.anchor")
            #expect(!verdict.isSecure && !verdict.isInsecure, "\(verdict)")
            #expect(verdict.records == [])
        }
    }

    @Test("an unsigned zone that should be signed is rejected")
    func unsigned() throws {
        let verdict = try server.validate("www.unsigned", "A", from: .oslo)
        #expect(!verdict.isSecure && !verdict.isInsecure, "\(verdict)")
    }

    @Test("signing again changes nothing, and says so")
    func signAgain() throws {
        let before = try server.backend.database(".dump")
        let (output, status) = try server.backend.signZones("geo.example.com")
        #expect(status == 0)
        #expect(output.contains("geo.example.com is signed already; nothing was changed"))
        #expect(output.contains("geo.example.com. IN DS "))
        #expect(try server.backend.database(".dump") == before)
    }

    @Test(
        "zones that geopipe does not serve are not changed",
        arguments: [
            ["example.com"], ["my.geo.example.com"], ["geo.example.com", "example.net"], ["com"],
            ["geo.example.com'; drop table cryptokeys; --"],
        ])
    func signOther(zones: [String]) throws {
        let before = try server.backend.database(".dump")
        let (output, status) = try server.backend.signZones(zones)
        #expect(status == 1)
        #expect(output.contains("geopipe serves no zone") || output.contains("is no name of a zone"))
        #expect(try server.backend.database(".dump") == before)
    }

    @Test("without its settings, nothing is signed")
    func signWithoutSettings() throws {
        let backend = try Backend()
        defer { backend.remove() }
        let (output, status) = try backend.signZones("geo.example.com")
        #expect(status == 1)
        #expect(output.contains("add the lines of dnssec.conf"))
    }
}
