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
        "that there is no such type is validated, and lists those that this client would get",
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
        "what geopipe does not serve is not touched",
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


/// The places of clients, by the network rules of the signed zone.
enum Client: String {
    case oslo = "127.0.0.1"
    case ashburn = "127.0.0.2"
    case nowhere = "127.0.0.3"
}

/// - Parameter ds: the DS records of the secure delegation.
private func signedConfiguration(ds: String) -> String {
    """
    databases: ["\(NameServer.project.path)/examples/demo/demo.mmdb"]
    datacenters: { oslo: {}, ashburn: {} }
    maps:
      here: { networks: { 127.0.0.2/32: ashburn, 127.0.0.3/32: none }, default: oslo }
      dice: { default: { random: [oslo, ashburn] } }
    services:
      my:
        map: here
        ttl: 60
        answers: { oslo: [192.0.2.10, "2001:db8:1::10"], ashburn: [198.51.100.10, "2001:db8:2::10"] }
      six-in-oslo:
        map: here
        answers: { oslo: [192.0.2.10, "2001:db8:1::10"], ashburn: 198.51.100.10 }
      six-in-ashburn:
        map: here
        answers: { oslo: 192.0.2.10, ashburn: [198.51.100.10, "2001:db8:2::10"] }
      dice:
        map: dice
        answers: { oslo: [192.0.2.10, "2001:db8:1::10"], ashburn: 198.51.100.10 }
      alias:
        map: here
        answers: { oslo: { CNAME: my.geo.example.com. }, ashburn: { CNAME: static.geo.example.com. } }
      alias-in-oslo:
        map: here
        answers: { oslo: { CNAME: my.geo.example.com. }, ashburn: 198.51.100.10 }
    zones:
      geo.example.com:
        soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 7 }
        ns: [ns1.geo.example.com.]
        ttl: 300
        records:
          "@":            { service: my }
          ns1:            { A: 127.0.0.1 }
          my:             { service: my }
          six-in-oslo:    { service: six-in-oslo }
          six-in-ashburn: { service: six-in-ashburn }
          six-beside:     { service: six-in-oslo, TXT: beside }
          dice:           { service: dice }
          alias:          { service: alias }
          alias-in-oslo:  { service: alias-in-oslo }
          "*.wild":       { service: my }
          "*.wild-six-in-oslo": { service: six-in-oslo }
          static:         { A: 192.0.2.41, TXT: the same for all }
          "*.static-wild": { A: 192.0.2.42 }
          a.deep:         { A: 192.0.2.43 }
          delegated:      { NS: ns.delegated.geo.example.com. }
          ns.delegated:   { A: 192.0.2.53 }
          insecure:       { NS: ns1.geo.example.com. }
          secure:         { NS: ns1.geo.example.com., DS: "\(ds)" }
          unsigned:       { NS: ns1.geo.example.com., DS: "\(ds)" }
      insecure.geo.example.com: &below
        soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 7 }
        ns: [ns1.geo.example.com.]
        records: { "@": { service: my }, www: { service: my } }
      secure.geo.example.com: *below
      unsigned.geo.example.com: *below
    """
}

/// Signs the zone and one of the three below it, and stores its key as the validator's anchor.
private func makeSignedBackend() throws -> Backend {
    let backend = try Backend(
        signedConfiguration(ds: "1 13 2 \(String(repeating: "00", count: 32))"),
        configurationFiles: ["pdns.conf", "dnssec/dnssec.conf"])
    let anchor = try delegationSigner(in: backend.signZones("geo.example.com"))
    let ds = try delegationSigner(in: backend.signZones("secure.geo.example.com"))
    try backend.write(signedConfiguration(ds: ds.joined(separator: " ")), to: "geopipe.yaml")

    for (file, digest) in [("anchor", anchor[3]), ("wrong.anchor", String(anchor[3].reversed()))] {
        let key = anchor[..<3].joined(separator: " ")
        try backend.write("trust-anchors { geo.example.com static-ds \(key) \"\(digest)\"; };", to: file)
    }
    return backend
}

/// The fields of the first DS record in a program's output: key tag, algorithm, digest type and digest.
private func delegationSigner(in result: (output: String, status: Int32)) throws -> [String] {
    try #require(result.status == 0, "\(result.output)")
    let fields = try #require(result.output.firstMatch(of: /\ IN DS (\d+) (\d+) (\d+) ([0-9a-f]+)/), "\(result.output)")
    return [fields.1, fields.2, fields.3, fields.4].map(String.init)
}

extension Trait where Self == Served {
    fileprivate static var signed: Self { Self(makeBackend: makeSignedBackend) }
}

extension Backend {
    fileprivate func signZones(_ zones: String...) throws -> (output: String, status: Int32) {
        try signZones(zones)
    }

    fileprivate func signZones(_ zones: [String]) throws -> (output: String, status: Int32) {
        let program = NameServer.project.appending(path: "examples/dnssec/sign-zones").path
        // pdns, and the schema of its database, may be in another root.
        let shell = ProcessInfo.processInfo.environment["GEOPIPE_PDNS_SHELL"].map { Tool(path: $0) }
        return try (shell ?? Tool("bash")).run([program, "--config-dir", folder.path] + zones)
    }

    /// Runs a command of sqlite3 or SQL, and returns its output.
    @discardableResult
    fileprivate func database(_ command: String) throws -> String {
        let result = try Tool("sqlite3").run(
            ["-batch", "-bail", "-cmd", ".timeout 5000", "\(folder.path)/dnssec.sqlite3", command])
        try #require(result.status == 0, "\(result.output)")
        return result.output
    }
}


/// The result of delv(1) for an answer.
struct Verdict: CustomStringConvertible {
    /// The whole output.
    let description: String
    /// Type and content, without signatures.
    var records: [String] = []
    /// `nxdomain`, `nxrrset`, or empty if there are records.
    var denial: String?
    /// The types in each NSEC3 record, in alphabetical order, without RRSIG, which always accompanies another type.
    var listsOfTypes: [[String]] = []
    private var isValidated = false
    private var isUnsigned = false
    private var isRefused = false

    /// Whether the answer is validated up to the trust anchor.
    var isSecure: Bool { isValidated && !isUnsigned && !isRefused }
    /// Whether there is proof that the answer need not be signed.
    var isInsecure: Bool { isUnsigned && !isValidated && !isRefused }

    init(_ output: String) {
        description = output
        for line in output.split(separator: "\n") {
            if let reason = line.wholeMatch(of: /;; resolution failed: (.*)/) {
                if let denied = reason.1.wholeMatch(of: /ncache (\w+)/) {
                    denial = String(denied.1)
                } else {
                    isRefused = true
                }
            } else if line.hasPrefix(";") {
                isValidated = isValidated || line.hasSuffix("fully validated")
                isUnsigned = isUnsigned || line.hasSuffix("unsigned answer")
                if let proof = line.firstMatch(of: /\. NSEC3 \S+ \S+ \S+ \S+ \S+(.*)/) {
                    listsOfTypes.append(
                        proof.1.split(separator: " ").map(String.init).filter { $0 != "RRSIG" }.sorted())
                }
            } else {
                let fields = line.split(maxSplits: 4, whereSeparator: \.isWhitespace)
                if fields.count == 5 { records.append("\(fields[3]) \(fields[4])") }
            }
        }
        // For an alias without a target, delv says so only in the denial that it lists.
        if denial == nil, output.contains("-$NXRRSET") { denial = "nxrrset" }
        if denial == nil, output.contains("-$NXDOMAIN") { denial = "nxdomain" }
    }
}

extension NameServer {
    /// Queries from the address `client`, and validates the signatures with the zone's key in `anchor`.
    fileprivate func validate(
        _ name: String, _ type: String, from client: Client, anchor: String = "anchor"
    ) throws -> Verdict {
        let name = name == "@" ? "geo.example.com" : "\(name).geo.example.com"
        return Verdict(
            try Tool("delv").run([
                "@127.0.0.1", "-p", "\(port)", "-b", client.rawValue, "-a", backend.folder.appending(path: anchor).path,
                "+root=geo.example.com", "+nodnssec", name, type,
            ]).output)
    }
}
