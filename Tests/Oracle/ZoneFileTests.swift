import Foundation
import Support
import Testing

/// Compares geopipe with pdns's own backend: the same zones and the same questions.
@Suite("Zones are answered as by pdns's own backend")
struct ZoneFileTests {
    @Test("unsigned", arguments: seeds(3))
    func unsigned(seed: UInt64) throws { try compare(seed) }

    @Test("signed", arguments: seeds(2))
    func signed(seed: UInt64) throws { try compare(seed, isSigned: true) }

    @Test("through the caches of examples/pdns.conf, repeatedly and in any order", arguments: seeds(1))
    func cached(seed: UInt64) throws { try compare(seed, settings: .recommended) }

    /// In pdns 4.7, such a question left the dialogue out of step: each later answer was taken for that to the next
    /// question.
    @Test(
        "a name that a DNAME makes too long does not affect the next questions",
        arguments: [OracleServer.Settings.uncached, .recommended])
    func overflow(settings: OracleServer.Settings) throws {
        let apex = Name("example.org")
        let host = try #require(apex.child("host"))
        let owner = try #require(apex.child("alias"))
        let soa: [RecordData.Field] =
            [.name(host), .name(apex)] + [1, 7200, 600, 1_209_600, 60].map { .number($0, 4) }
        var zone = MasterZone(apex: apex, records: [])
        for (name, ttl, type, fields): (Name, Int, UInt16, [RecordData.Field]) in [
            (apex, 60, 6, soa), (apex, 60, 2, [.name(Name("ns.example.net"))]),
            (host, 60, 1, [.words(["192.0.2.1"], [192, 0, 2, 1])]),
            // With a TTL of 0 pdns does not cache the record, but it caches that the names below do not exist.
            (owner, 0, 39, [.name(Name("a.name.that.is.longer.example.net"))]),
        ] {
            zone.records.append(ZoneRecord(owner: name, ttl: ttl, data: RecordData(type: type, fields: fields)))
        }
        var long = owner
        while let longer = long.child(Array(repeating: UInt8(ascii: "x"), count: 9)) { long = longer }
        let world = try ZoneWorld([zone], seed: Effort.seed)
        let oracle = try OracleServer(.bind, world.plainFiles, in: world.folder)
        let geopipe = try OracleServer(.geopipe, world.files, in: world.folder, settings: settings)
        let tooLong = DNSQuestion(name: long, type: 1)
        for _ in 0..<5 {
            for type: UInt16 in [1, 2, 6, 16, 255] {
                let reply = geopipe.ask([tooLong])[0]
                #expect(reply?.code == 2, "SERVFAIL")
                let others = [host, apex, owner, try #require(owner.child("short"))]
                let questions = others.map { DNSQuestion(name: $0, type: type) }
                let differences = Difference.among(questions, oracle.ask(questions), geopipe.ask(questions))
                #expect(differences.isEmpty, "\(differences)")
            }
        }
    }

    private func compare(_ seed: UInt64, isSigned: Bool = false, settings: OracleServer.Settings = .uncached) throws {
        let world = try ZoneWorld(seed: seed)
        let folder = world.folder
        let key = isSigned ? OracleServer.drawKey() : nil
        let oracle = try OracleServer(.bind, world.plainFiles, in: folder, key: key)
        let geopipe = try OracleServer(.geopipe, world.files, in: folder, settings: settings, key: key)
        var questions = Questions(about: world.zones, count: 1_000, wantsProof: isSigned ? nil : false, seed: seed).all
        if settings == .recommended {
            var generator = SeededGenerator(seed: seed)
            questions = (questions + questions + questions).shuffled(using: &generator)
        }
        let differences = Difference.among(questions, oracle.ask(questions), geopipe.ask(questions))
        // pdns transfers no zone with narrow NSEC3.
        let transfers = (isSigned ? [] : world.zones).map { zone in
            (zone.apex, Difference.between(oracle.transfer(zone.apex), geopipe.transfer(zone.apex)))
        }.filter { !$0.1.isEmpty }
        let isSame = differences.isEmpty && transfers.isEmpty
        if !isSame { folder.isKept = true }
        #expect(
            isSame,
            """
            \(differences.count) of \(questions.count) with GEOPIPE_SEED=\(seed); the files are in \(folder.path)
            \(differences.prefix(5).map(\.description).joined(separator: "\n"))
            \(transfers.map { "AXFR of \($0.0)\n\($0.1.prefix(5).joined(separator: "\n"))" }.joined(separator: "\n"))
            """)
    }
}
