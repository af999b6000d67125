import Foundation
import Support
import Testing

/// Tests of the generator and of the comparison, without geopipe.
@Suite("The oracle")
struct OraclesOwnTests {
    @Test("BIND reads the same from both spellings of a zone", arguments: seeds(10))
    func spellings(seed: UInt64) throws {
        let world = try ZoneWorld(seed: seed)
        for (plain, file) in zip(world.plainFiles, world.files) {
            let readings = try [plain.1, file.1].map { name in
                try Program("named-compilezone").run(
                    ["-k", "ignore", "-i", "local", "-s", "full", "-o", "-", "\(plain.0)", name], in: world.folder)
            }
            let isSame = readings.allSatisfy { $0.status == 0 } && readings[0].output == readings[1].output
            if !isSame { world.folder.isKept = true }
            #expect(
                isSame,
                """
                GEOPIPE_SEED=\(seed), \(file.1) in \(world.folder.path)
                \(readings.map { "\($0.status) \($0.error)" }.joined(separator: "\n"))
                """)
        }
    }

    @Test("pdns serves all drawn records, and answers identically for identical zones", arguments: seeds(1))
    func equal(seed: UInt64) throws {
        let world = try ZoneWorld(seed: seed)
        let servers = try (0..<2).map { _ in try OracleServer(.bind, world.plainFiles, in: world.folder) }
        let questions = Questions(about: world.zones, count: 1_000, wantsProof: nil, seed: seed).all
        let differences = Difference.among(questions, servers[0].ask(questions), servers[1].ask(questions))
        #expect(differences.isEmpty, "\(differences)")
        for zone in world.zones {
            let drawn = try zone.records.map { try $0.received() }
            let differences = Difference.between(drawn + [drawn[0]], servers[0].transfer(zone.apex))
            #expect(differences.isEmpty, "GEOPIPE_SEED=\(seed): \(zone.apex)\n\(differences.joined(separator: "\n"))")
        }
    }

    @Test("finds a missing record")
    func damaged() throws {
        let world = try ZoneWorld(seed: Effort.seed)
        let oracle = try OracleServer(.bind, world.plainFiles, in: world.folder)
        var zones = world.zones
        let name = RandomZones.first(in: zones[0].apex)
        let lost = try #require(zones[0].records.firstIndex { $0.owner == name })
        let record = zones[0].records.remove(at: lost)
        let damaged = try ZoneWorld(zones, seed: Effort.seed)
        let server = try OracleServer(.bind, damaged.plainFiles, in: damaged.folder)
        let questions = [DNSQuestion(name: record.owner, type: record.data.type)]
        #expect(Difference.among(questions, oracle.ask(questions), server.ask(questions)).count == 1)
        #expect(
            Difference.between(oracle.transfer(zones[0].apex), server.transfer(zones[0].apex)).count == 1)
    }
}

extension ZoneRecord {
    /// The record as a message decodes it.
    fileprivate func received() throws -> ReceivedRecord {
        let data = data.wire
        let numbers =
            bigEndian(self.data.type) + bigEndian(1) + bigEndian(ttl, bytes: 4) + bigEndian(data.count, bytes: 2)
        var reader = MessageReader(owner.wire + numbers + data)
        return try reader.record()
    }
}

/// Returns consecutive seeds: `count` times GEOPIPE_ROUNDS.
func seeds(_ count: Int) -> [UInt64] {
    (0..<UInt64(count * Effort.rounds)).map { Effort.seed &+ $0 }
}
