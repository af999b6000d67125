import Foundation
import Support
import Testing

/// geopipe against pdns's own backend: the same zones and the same questions.
@Suite("As pdns's own backend answers")
struct ZoneFileTests {
    @Test("unsigned", arguments: seeds(3))
    func unsigned(seed: UInt64) throws { try compare(seed) }

    @Test("signed", arguments: seeds(2))
    func signed(seed: UInt64) throws { try compare(seed, isSigned: true) }

    @Test("through the caches of examples/pdns.conf, several times in any order", arguments: seeds(1))
    func cached(seed: UInt64) throws { try compare(seed, settings: .recommended) }

    private func compare(_ seed: UInt64, isSigned: Bool = false, settings: Server.Settings = .uncached) throws {
        let world = try World(seed: seed)
        let folder = world.folder
        let key = isSigned ? try Server.generateKey() : nil
        let oracle = try Server(.bind, world.plainFiles, in: folder, key: key)
        let geopipe = try Server(.geopipe, world.files, in: folder, settings: settings, key: key)
        var questions = Questions(about: world.zones, count: 1_000, wantsProof: isSigned ? nil : false, seed: seed).all
        if settings == .recommended {
            var generator = SeededGenerator(seed: seed)
            questions = (questions + questions + questions).shuffled(using: &generator)
        }
        let differences = Difference.among(questions, oracle.ask(questions), geopipe.ask(questions))
        // pdns transfers no zone in which it denies narrowly.
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
