import Foundation
import Support
import Testing

/// Zone files in which something was altered at random: what BIND and geopipe both take must mean the same to both.
@Suite("As BIND reads what was altered")
struct AlteredZoneTests {
    @Test("and pdns's own backend serves", arguments: seeds(2))
    func altered(seed: UInt64) throws {
        let world = try ZoneWorld(seed: seed)
        let folder = world.folder
        var generator = SeededGenerator(seed: seed)
        for (number, zone) in world.zones.enumerated() {
            try alter(
                zone.apex, ZoneWorld.file(number), plain: ZoneWorld.plainFile(number), in: folder, using: &generator)
        }
        let oracle = try OracleServer(.bind, world.plainFiles, in: folder)
        let geopipe = try OracleServer(.geopipe, world.files, in: folder)
        let transfers = world.zones.map { (oracle.transfer($0.apex), geopipe.transfer($0.apex)) }
        var questions = Questions(about: world.zones, count: 500, wantsProof: false, seed: seed).all
        for record in transfers.flatMap({ ($0.0 ?? []) + ($0.1 ?? []) }) {
            for type in [record.type, 255] { questions.append(DNSQuestion(name: record.owner, type: type)) }
        }
        // pdns does not read all that BIND writes, such as IPKIX in CERT records, and fails then: that says nothing of geopipe.
        let differences = Difference.among(questions, oracle.ask(questions), geopipe.ask(questions))
            .filter { $0.expected?.code != 2 }
        let records = transfers.filter { $0.0 != nil }.flatMap { Difference.between($0.0, $0.1) }
        if !differences.isEmpty || !records.isEmpty { folder.isKept = true }
        #expect(
            differences.isEmpty && records.isEmpty,
            """
            \(differences.count) of \(questions.count) with GEOPIPE_SEED=\(seed); the files are in \(folder.path)
            \(differences.prefix(5).map(\.description).joined(separator: "\n"))
            \(records.prefix(5).joined(separator: "\n"))
            """)
    }

    /// Alters the file of a zone so that BIND and geopipe still take it, if they take one of some tries, and writes plainly what BIND
    /// reads from it.
    private func alter(
        _ apex: Name, _ file: String, plain: String, in folder: Folder, using generator: inout SeededGenerator
    ) throws {
        let original = Array(try Data(contentsOf: URL(filePath: "\(folder.path)/\(file)")))
        try folder.write("zones:\n  \(quoted(Array("\(apex)".utf8))): { file: \(file) }\n".utf8, to: "check.yaml")
        for trial in 0...10 {
            var text = original
            // The last is the file as it was.
            if trial < 10 { for _ in 0..<generator.number(1...3) { alter(&text, using: &generator) } }
            try folder.write(text, to: file)
            let reading = try Program("named-compilezone").run(
                ["-k", "ignore", "-i", "local", "-s", "full", "-o", "-", "\(apex)", file], in: folder, seconds: 20)
            guard reading.status == 0, !reading.isKilled else { continue }
            let check = try Program.geopipe.run(["check", "check.yaml"], in: folder, seconds: 20)
            if check.isKilled || check.status > 1 {
                folder.isKept = true
                Issue.record("geopipe check ends with \(check.status); the files are in \(folder.path): \(check.error)")
            }
            guard check.status == 0, !check.isKilled else { continue }
            try folder.write(withDataInOneWord(reading.output), to: plain)
            return
        }
        Issue.record("neither takes \(file) of \(folder.path) as it was drawn")
    }

    /// BIND writes data of unknown types (RFC 3597) in several words, of which pdns reads the first only.
    private func withDataInOneWord(_ text: [UInt8]) -> [UInt8] {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map { line in
            guard let start = line.firstRange(of: "\\# ") else { return String(line) }
            let words = line[start.upperBound...].split(separator: " ")
            return line[..<start.upperBound] + words[0] + " " + words.dropFirst().joined()
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    private func alter(_ text: inout [UInt8], using generator: inout SeededGenerator) {
        guard !text.isEmpty else { return }
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        let place = generator.number(0...lines.count - 1)
        let other = generator.number(0...lines.count - 1)
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        switch generator.number(0...7) {
        case 0: lines.remove(at: place)
        case 1: lines.insert(lines[other], at: place)
        case 2: lines.swapAt(place, other)
        case 3...5:
            // A word of a line takes the place of one of another, comes beside it, or goes.
            let words = lines[other].split(whereSeparator: isBlank)
            var own = lines[place].split(omittingEmptySubsequences: false, whereSeparator: isBlank)
            guard let word = words.randomElement(using: &generator), !own.isEmpty else { return }
            let position = generator.number(0...own.count - 1)
            switch generator.number(0...3) {
            case 0: own.insert(word, at: position)
            case 1: own.remove(at: position)
            default: own[position] = word
            }
            lines[place] = Array(own.joined(separator: [0x20]))
        default:
            let strange = Array("\"();\\$@. \t*09aA\n-#'%,=".utf8)
            let position = generator.number(0...text.count - 1)
            switch generator.number(0...2) {
            case 0: text[position] = generator.one(of: strange)
            case 1: text.insert(generator.one(of: strange), at: position)
            default: text.remove(at: position)
            }
            return
        }
        text = Array(lines.joined(separator: [0x0a]))
    }
}
