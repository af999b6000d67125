import Answering
import Compiler
import Configuration
import Geography

@testable import State

/// A small configuration with some of everything, and its image.
struct Sample {
    /// - Parameters:
    ///   - norway: the destination of clients in Norway.
    ///   - hasPlaces: whether answers depend on the client's address.
    static func text(norway: String = "oslo", hasPlaces: Bool = true) -> String {
        """
        databases: [\(hasPlaces ? "\(Scratch.project)/examples/demo/demo.mmdb" : "")]
        datacenters: { oslo: { location: [59.9, 10.7] }, ashburn: { location: [39, -77.5] }, tokyo: { location: [35.7, 139.7] } }
        maps:
          m: { \(hasPlaces ? "countries: { NO: \(norway), US: [ashburn, oslo] }, continents: { AS: tokyo }, default: nearest" : "default: [tokyo, oslo]") }
          n: { \(hasPlaces ? "networks: { 10.0.0.0/8: oslo, '2001:db8::/32': [tokyo, oslo] }, " : "")default: { random: [oslo, ashburn] } }
        services:
          web: { map: m, check: { tcp: 80 }, answers: { oslo: 192.0.2.1, ashburn: [192.0.2.2, 192.0.2.3], tokyo: 192.0.2.4 } }
          any: { map: n, answers: { oslo: { A: 192.0.2.1, AAAA: "2001:db8::1" }, ashburn: { A: 192.0.2.2, AAAA: "2001:db8::2" }, tokyo: { A: 192.0.2.3, AAAA: "2001:db8::3" } } }
        zones:
          example.com:
            soa: { primary: ns1.example.com., contact: h.example.com., serial: 1 }
            ns: [ns1.example.com.]
            records:
              "@": { MX: 10 mail.example.com., TXT: "v=spf1 -all" }
              ns1: { A: 192.0.2.53 }
              www: { service: web }
              any: { service: any }
              "*.wild": { service: web }
              a.deep: { A: 192.0.2.30 }
              sub: { NS: ns.sub.example.com. }
              ns.sub: { A: 192.0.2.54 }
              alias: { CNAME: www.example.com. }
          example.org:
            soa: { primary: ns1.example.com., contact: h.example.com., serial: 1 }
            ns: [ns1.example.com.]

        """
    }

    static func configuration(norway: String = "oslo", hasPlaces: Bool = true) -> Configuration {
        let file = ScratchFile("sample.yaml", text(norway: norway, hasPlaces: hasPlaces))
        do { return try Configuration.load(file.path) } catch { fatalError("\(error.diagnostics)") }
    }

    static func snapshot(norway: String = "oslo", hasPlaces: Bool = true) -> Snapshot {
        do { return try Snapshot(configuration(norway: norway, hasPlaces: hasPlaces)) } catch {
            fatalError("\(error.diagnostics)")
        }
    }

    static func rollout(_ part: Rollout.Part) -> Rollout {
        var rollout = Rollout(
            id: "20260102T030405Z", owner: "ada", since: 0, images: "", old: "", new: "", source: "",
            isConfiguration: true, configuration: "", configurationState: "")
        rollout.part = part
        return rollout
    }

    /// Questions for all names of the sample, partly for clients of one place and for transfers.
    static let questions: [[UInt8]] = {
        let names = [
            "example.com", "www.example.com", "any.example.com", "x.wild.example.com", "deep.example.com",
            "a.deep.example.com", "x.sub.example.com", "alias.example.com", "none.example.com", "example.org", "org",
        ]
        let clients = [
            ("ANY", "129.240.1.1/32"), ("SOA", "0.0.0.0/0"), ("A", "2001:db8::/48"), ("AAAA", "18.9.0.0/16"),
        ]
        let parts = clients.map { type, client in
            names.map { "Q\t\($0)\tIN\t\(type)\t-1\t10.1.2.3\t127.0.0.1\t\(client)\n" }.joined()
        }
        return (parts + ["AXFR\t0\nAXFR\t1\nAXFR\t2\n"]).map { Array("HELO\t3\n\($0)".utf8) }
    }()
}
