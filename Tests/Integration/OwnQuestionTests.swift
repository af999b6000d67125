import Foundation
import Testing

/// Questions that pdns asks the backend in addition to the client's, with both settings of consistent-backends.
@Suite("Questions that pdns asks of its own")
struct OwnQuestionTests {
    private static let configuration = """
        datacenters: { oslo: {}, ashburn: {} }
        maps:
          m: { networks: { 10.1.0.0/16: oslo, 10.2.0.0/16: ashburn, 10.3.0.0/16: none }, default: ashburn }
        services:
          www:
            map: m
            ttl: 60
            answers:
              oslo: { A: 192.0.2.10, AAAA: "2001:db8::10", HTTPS: "1 . alpn=oslo" }
              ashburn: { A: 198.51.100.10, HTTPS: "1 . alpn=ashburn" }
        zones:
          geo.example.com:
            soa: { primary: ns1.geo.example.com., contact: hostmaster.example.com., serial: 1 }
            ns: [ns1.geo.example.com.]
            records:
              ns1: { A: 192.0.2.53 }
              www: { service: www }
              alias: { HTTPS: "0 www.geo.example.com." }
              _8443._https.www: { HTTPS: "0 www.geo.example.com." }
              same: { HTTPS: "1 www.geo.example.com. alpn=h2" }
              short: { DNAME: a.name.that.is.longer.example.net. }
              static: { A: 192.0.2.80 }
              sub: { NS: ns.example.net. }
        """

    @Test(
        "after an alias of type HTTPS, no client gets a record of the previous client",
        arguments: ["no", "yes"], ["alias", "same", "_8443._https.www"])
    func aliasMode(consistentBackends: String, name: String) async throws {
        try await serve(consistentBackends) { server in
            // Twice, because the second time pdns answers from its caches what is the same for every client.
            for _ in 1...2 {
                for (subnet, mine, others) in [
                    ("10.1.0.0/16", "192.0.2.10", "ashburn"), ("10.2.0.0/16", "198.51.100.10", "oslo"),
                ] {
                    let reply = try server.dig("\(name).geo.example.com", "HTTPS", "+norecurse", "+subnet=\(subnet)")
                    #expect(reply.status == "NOERROR")
                    #expect(reply.answer.contains { $0.contains(" HTTPS ") })
                    let records = (reply.answer + reply.additional).joined(separator: "\n")
                    #expect(!records.contains("alpn=\"\(others)\""), "\(records)")
                    let addresses = reply.additional.filter { $0.contains(" A ") }
                    #expect(addresses.allSatisfy { $0.hasSuffix(" \(mine)") }, "\(records)")
                    // The client's own question is answered as usual.
                    let own = try server.dig("www.geo.example.com", "A", "+norecurse", "+subnet=\(subnet)")
                    #expect(own.answer.map { $0.split(separator: " ").last.map(String.init) } == [mine])
                }
                let unknown = try server.dig("www.geo.example.com", "A", "+norecurse", "+subnet=10.3.0.0/16")
                #expect(unknown.status == "NOERROR" && unknown.answer.isEmpty)
            }
        }
    }

    @Test(
        "a name that a DNAME makes too long is refused, and later answers are not affected", arguments: ["no", "yes"])
    func tooLong(consistentBackends: String) async throws {
        let label = String(repeating: "l", count: 63)
        let long = "\(label).\(label).\(label).\(String(repeating: "x", count: 28)).short.geo.example.com"
        try await serve(consistentBackends) { server in
            for type in ["A", "TXT", "DNAME", "CNAME", "DS", "ANY"] {
                let refused = try server.dig(long, type, "+norecurse", "+tcp")
                #expect(refused.status == "SERVFAIL", "\(type)")
                let none = try server.dig("geo.example.com", "DS", "+norecurse")
                #expect(none.status == "NOERROR" && none.answer.isEmpty && none.authority.count == 1, "\(type)")
                let own = try server.dig("static.geo.example.com", "A", "+norecurse")
                #expect(own.answer == ["static.geo.example.com. 3600 IN A 192.0.2.80"], "\(type)")
                let referral = try server.dig("x.sub.geo.example.com", "A", "+norecurse")
                #expect(referral.authority == ["sub.geo.example.com. 3600 IN NS ns.example.net."], "\(type)")
                let denied = try server.dig("nope.geo.example.com", "A", "+norecurse")
                #expect(denied.status == "NXDOMAIN", "\(type)")
            }
            let short = try server.dig("a.short.geo.example.com", "A", "+norecurse")
            #expect(
                short.answer.contains("a.short.geo.example.com. 3600 IN CNAME a.a.name.that.is.longer.example.net."))
        }
    }

    private func serve(_ consistentBackends: String, _ body: (NameServer) throws -> Void) async throws {
        let backend = try Backend(Self.configuration, defaults: ["consistent-backends"])
        let settings = try String(contentsOf: backend.folder.appending(path: "pdns.conf"), encoding: .utf8)
        // One coprocess for all clients.
        try backend.write(
            settings + "\nconsistent-backends=\(consistentBackends)\nreceiver-threads=1\ndistributor-threads=1\n",
            to: "pdns.conf")
        try await NameServer.run(backend) { try body($0) }
    }
}
