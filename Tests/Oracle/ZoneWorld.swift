import Foundation
import Support

/// Drawn zones with their files: each zone in plain form for the oracle, and with random spellings for geopipe.
struct ZoneWorld {
    let folder: Folder
    let zones: [MasterZone]

    /// - Parameter seed: the seed; the same one gives the same zones.
    init(seed: UInt64) throws {
        try self.init(RandomZones(seed: seed).zones, seed: seed)
    }

    init(_ zones: [MasterZone], seed: UInt64) throws {
        self.zones = zones
        folder = try Folder()
        var generator = SeededGenerator(seed: seed)
        for (number, zone) in zones.enumerated() {
            try folder.write(zone.plain.utf8, to: Self.plainFile(number))
            for (name, text) in MasterFileWriter(zone, name: Self.file(number), using: &generator).files {
                try folder.write(text.utf8, to: name)
            }
        }
    }

    static func plainFile(_ number: Int) -> String { "\(number).plain" }
    static func file(_ number: Int) -> String { "\(number).zone" }

    var plainFiles: [(Name, String)] { zones.enumerated().map { ($1.apex, Self.plainFile($0)) } }
    var files: [(Name, String)] { zones.enumerated().map { ($1.apex, Self.file($0)) } }
}
