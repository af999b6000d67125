import Foundation
import Support
import Testing

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
    static var signed: Self { Self(makeBackend: makeSignedBackend) }
}

extension Backend {
    func signZones(_ zones: String...) throws -> (output: String, status: Int32) {
        try signZones(zones)
    }

    func signZones(_ zones: [String]) throws -> (output: String, status: Int32) {
        let program = NameServer.project.appending(path: "examples/dnssec/sign-zones").path
        // pdns, and the schema of its database, may be in another root.
        let shell = ProcessInfo.processInfo.environment["GEOPIPE_PDNS_SHELL"].map { Tool(path: $0) }
        return try (shell ?? Tool("bash")).run([program, "--config-dir", folder.path] + zones)
    }

    /// Runs a command of sqlite3 or SQL, and returns its output.
    @discardableResult
    func database(_ command: String) throws -> String {
        let result = try Tool("sqlite3").run(
            ["-batch", "-bail", "-cmd", ".timeout 5000", "\(folder.path)/dnssec.sqlite3", command])
        try #require(result.status == 0, "\(result.output)")
        return result.output
    }
}
