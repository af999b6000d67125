import Testing

/// The answers that clients get from pdns.
@Suite("Answers through pdns_server", .served)
struct AnswerTests {
    let server: NameServer

    init() throws {
        server = try #require(NameServer.shared)
    }

    @Test(
        "a client gets the datacenter of its place, and the reply has the scope",
        arguments: [
            ("129.240.0.0/16", "192.0.2.10", 16),  // Norway
            ("130.237.0.0/16", "192.0.2.10", 16),  // Sweden, by Europe's rule
            ("128.95.0.0/16", "198.51.100.10", 16),  // the United States
            ("133.11.0.0/16", "203.0.113.10", 16),  // Japan, by Asia's rule
            ("143.107.0.0/16", "203.0.113.99", 7),  // Brazil, by default
            ("129.240.7.0/24", "192.0.2.10", 16),  // a part of a network
            ("2001:700:100::/48", "192.0.2.10", 41),
            ("2001:200::/32", "203.0.113.10", 32),
        ])
    func place(subnet: String, address: String, scope: Int) throws {
        let reply = try server.dig("+subnet=\(subnet)", "my.geo.example.com", "A")
        #expect(reply.status == "NOERROR")
        #expect(reply.answer == ["my.geo.example.com. 60 IN A \(address)"])
        #expect(reply.clientSubnet == "\(subnet)/\(scope)")
    }

    @Test("the reply of a map with one destination still has a scope")
    func everyone() throws {
        let reply = try server.dig("+subnet=129.240.0.0/16", "everyone.geo.example.com", "A")
        #expect(reply.answer == ["everyone.geo.example.com. 60 IN A 192.0.2.10"])
        #expect(reply.clientSubnet == "129.240.0.0/16/1")
    }

    @Test("answers that are the same for all clients have scope 0")
    func scopeOfStaticRecords() throws {
        let reply = try server.dig("+subnet=129.240.0.0/16", "mail.geo.example.com", "A")
        #expect(reply.answer == ["mail.geo.example.com. 300 IN A 192.0.2.25"])
        #expect(reply.clientSubnet == "129.240.0.0/16/0")
    }

    @Test("a resolver that sends no subnet, or an empty one, is the client itself")
    func noSubnet() throws {
        #expect(
            try server.dig("my.geo.example.com", "A").answer == ["my.geo.example.com. 60 IN A 203.0.113.99"])
        #expect(
            try server.dig("+subnet=0/0", "my.geo.example.com", "A").answer
                == ["my.geo.example.com. 60 IN A 203.0.113.99"])
    }

    @Test("an alias by place")
    func alias() throws {
        let reply = try server.dig("+subnet=128.95.0.0/16", "alias.geo.example.com", "A")
        #expect(reply.answer == ["alias.geo.example.com. 60 IN CNAME ashburn.example.net."])
    }

    @Test("a name below a wildcard is sent by place, too")
    func wildcardByPlace() throws {
        for (subnet, address) in [("129.240.0.0/16", "192.0.2.10"), ("128.95.0.0/16", "198.51.100.10")] {
            let reply = try server.dig("+subnet=\(subnet)", "a.b.geo.geo.example.com", "A")
            #expect(reply.answer == ["a.b.geo.geo.example.com. 60 IN A \(address)"])
        }
    }

    @Test(
        "a client without a datacenter gets no data, and no other client gets that denial",
        arguments: ["none-first", "none-beside"])
    func none(name: String) throws {
        for _ in 0..<3 {
            let nowhere = try server.dig("+subnet=129.240.0.0/16", "\(name).geo.example.com", "A")
            #expect(nowhere.status == "NOERROR")
            #expect(nowhere.answer == [])
            let somewhere = try server.dig("+subnet=198.51.100.0/24", "\(name).geo.example.com", "A")
            #expect(somewhere.status == "NOERROR")
            #expect(
                Set(somewhere.answer) == [
                    "\(name).geo.example.com. 60 IN A 203.0.113.10", "\(name).geo.example.com. 60 IN A 192.0.2.10",
                ])
            #expect(somewhere.clientSubnet == "198.51.100.0/24/24")
        }
        if name == "none-beside" {
            let text = try server.dig("+subnet=129.240.0.0/16", "none-beside.geo.example.com", "TXT")
            #expect(text.answer == [#"none-beside.geo.example.com. 300 IN TXT "static""#])
        }
    }

    @Test("one address each of the first two datacenters")
    func spread() throws {
        let addresses = try (0..<20).map { _ in
            try Set(server.dig("+subnet=143.107.0.0/16", "some.geo.example.com", "A").answer.map { $0.suffix(13) })
        }
        #expect(addresses.allSatisfy { $0.count == 2 && $0.contains("198.51.100.10") })
    }

    @Test(
        "each client gets its own answer, whichever asked first",
        arguments: [
            ("norway-first", ["129.240.0.0/16", "128.95.0.0/16", "133.11.0.0/16", "143.107.0.0/16", nil]),
            ("states-first", ["128.95.0.0/16", "129.240.0.0/16"]),
            ("default-first", ["143.107.0.0/16", "129.240.0.0/16", "128.95.0.0/16"]),
            ("nobody-first", [nil, "129.240.0.0/16", nil, "128.95.0.0/16"]),
        ])
    func inARow(name: String, subnets: [String?]) throws {
        let datacenters = [
            "129.240.0.0/16": ("192.0.2.10", 1), "128.95.0.0/16": ("198.51.100.10", 2),
            "133.11.0.0/16": ("203.0.113.10", 3),
        ]
        for subnet in subnets + subnets + subnets.reversed() + subnets {
            let (address, number) = subnet.flatMap { datacenters[$0] } ?? ("203.0.113.99", 4)
            let option = subnet.map { "+subnet=\($0)" } ?? "+nosubnet"
            let name = "\(name).geo.example.com"
            #expect(try server.dig(option, name, "A").answer == ["\(name). 60 IN A \(address)"])
            #expect(try server.dig(option, name, "AAAA").answer == ["\(name). 60 IN AAAA 2001:db8:\(number)::10"])
        }
    }

    @Test("a type that exists only in some places is not given to clients elsewhere, and not kept from those there")
    func typeAtSomePlaces() throws {
        for _ in 0..<3 {
            #expect(try server.dig("+nosubnet", "partly.geo.example.com", "AAAA").answer == [])
            #expect(try server.dig("+subnet=128.95.0.0/16", "partly.geo.example.com", "AAAA").answer == [])
            #expect(
                try server.dig("+subnet=129.240.0.0/16", "partly.geo.example.com", "AAAA").answer
                    == ["partly.geo.example.com. 60 IN AAAA 2001:db8:1::10"])
        }
    }

    @Test("each of many clients at once gets its own answer")
    func load() throws {
        let oslo = ["192.0.2.10", "2001:db8:1::10"]
        let ashburn = ["198.51.100.10", "2001:db8:2::10"]
        let singapore = ["203.0.113.10", "2001:db8:3::10"]
        let elsewhere = ["203.0.113.99", "2001:db8:4::10"]
        let clients = [
            ("129.240.0.0/16", oslo, 16), ("141.20.0.0/16", oslo, 16),
            ("128.95.0.0/16", ashburn, 16), ("128.32.0.0/16", ashburn, 16),
            ("133.11.0.0/16", singapore, 16), ("137.132.0.0/16", singapore, 16),
            ("143.107.0.0/16", elsewhere, 7), ("198.18.0.0/24", elsewhere, 6),
        ]
        var expected: [(DNSClient.Question, DNSClient.Answer)] = []
        for (client, answers, scope) in clients {
            for (type, answer) in zip([DNSClient.RecordType.a, .aaaa], answers) {
                expected += ["my.geo.example.com", "some.geo.geo.example.com"].map {
                    (.init($0, type, from: client), .init(code: 0, addresses: [answer], scope: scope))
                }
            }
            expected += [
                (.init("mail.geo.example.com", .a, from: client), .init(code: 0, addresses: ["192.0.2.25"], scope: 0)),
                (.init("mail.geo.example.com", .mx, from: client), .init(code: 0, scope: 0)),
                (.init("nobody.geo.example.com", .a, from: client), .init(code: 3, scope: 0)),
            ]
        }
        expected = Array(repeatElement(expected, count: 20).joined()).shuffled()
        let answers = try DNSClient(port: server.port).ask(expected.map(\.0))
        for ((question, expected), answer) in zip(expected, answers) {
            #expect(answer == expected, "\(question)")
        }
    }

    @Test("a name that does not exist is denied", arguments: ["nobody", "nobody.mail", "nobody.my", "b.deep"])
    func noSuchName(name: String) throws {
        let reply = try server.dig("\(name).geo.example.com", "A")
        #expect(reply.status == "NXDOMAIN")
        #expect(reply.answer == [])
        #expect(reply.authority.map { $0.contains(" IN SOA ") } == [true])
    }

    @Test(
        "a missing type and an empty non-terminal are not errors",
        arguments: ["mail.geo.example.com", "my.geo.example.com", "deep.geo.example.com", "wild.geo.example.com"])
    func noData(name: String) throws {
        let reply = try server.dig(name, "MX")
        #expect(reply.status == "NOERROR")
        #expect(reply.answer == [])
        #expect(reply.authority.map { $0.contains(" IN SOA ") } == [true])
    }

    @Test("a name below an empty non-terminal is there")
    func belowEmptyNonTerminal() throws {
        #expect(
            try server.dig("a.deep.geo.example.com", "A").answer == ["a.deep.geo.example.com. 300 IN A 192.0.2.43"])
    }

    @Test("pdns expands a wildcard", arguments: ["some.wild", "some.other.wild"])
    func wildcard(name: String) throws {
        let reply = try server.dig("\(name).geo.example.com", "A")
        #expect(reply.answer == ["\(name).geo.example.com. 300 IN A 192.0.2.42"])
    }

    @Test("outside its zones, pdns refuses")
    func outside() throws {
        #expect(try server.dig("www.example.net", "A").status == "REFUSED")
    }

    @Test(
        "records of the apex",
        arguments: [
            ("MX", ["10 mail.geo.example.com.", "20 mail.example.net."]),
            ("TXT", [#""v=spf1 -all""#]),
            ("NS", ["ns1.geo.example.com."]),
        ])
    func apex(type: String, contents: [String]) throws {
        let reply = try server.dig("geo.example.com", type)
        #expect(reply.status == "NOERROR")
        #expect(Set(reply.answer) == Set(contents.map { "geo.example.com. 300 IN \(type) \($0)" }))
    }

    @Test("the SOA has the configured names and serial")
    func startOfAuthority() throws {
        let record = try #require(server.dig("geo.example.com", "SOA").answer.first)
        #expect(
            record.hasPrefix(
                "geo.example.com. 300 IN SOA ns1.geo.example.com. hostmaster.example.com. 2024010101 "))
    }

    @Test("ANY has all records of the name, by place")
    func any() throws {
        let reply = try server.dig("+subnet=128.95.0.0/16", "my.geo.example.com", "ANY")
        #expect(
            Set(reply.answer) == [
                "my.geo.example.com. 60 IN A 198.51.100.10", "my.geo.example.com. 60 IN AAAA 2001:db8:2::10",
            ])
    }

    @Test("answers repeat the case of the queried name")
    func letterCase() throws {
        let reply = try server.dig("+subnet=128.95.0.0/16", "MY.Geo.eXample.COM", "A")
        #expect(reply.answer == ["MY.Geo.eXample.COM. 60 IN A 198.51.100.10"])
    }

    @Test("a whole zone is transferred")
    func transfer() throws {
        let records = try server.dig("static.example.org", "AXFR").answer
        let soa = try #require(records.first)
        #expect(soa.hasPrefix("static.example.org. 300 IN SOA ns1.geo.example.com. hostmaster.example.com. 7 "))
        #expect(records.last == soa)
        #expect(
            Set(records) == [
                soa,
                "static.example.org. 300 IN NS ns1.geo.example.com.",
                "*.wild.static.example.org. 300 IN A 192.0.2.42",
                "www.static.example.org. 300 IN A 192.0.2.80",
                "www.static.example.org. 300 IN AAAA 2001:db8::80",
            ])
    }
}
