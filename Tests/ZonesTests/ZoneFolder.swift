import Foundation
import Testing

@testable import DNS
@testable import Zones

/// A folder with the file `zone` of the zone example.com, and the files that it includes.
final class ZoneFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "geopipe-\(UUID().uuidString)")

    private let loader = ZoneLoader()

    /// The beginning of a valid zone.
    static let head = """
        $TTL 1h
        @ SOA ns1 hostmaster 1 2 3 4 60
        @ NS ns1
        ns1 A 192.0.2.1

        """

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// The zone example.com with this file.
    var source: ZoneSource {
        var source = ZoneSource(apex: try! DomainName("example.com."))
        source.file = url.appending(path: "zone").path
        return source
    }

    /// Writes a file of this name into the folder.
    func write(_ text: String, _ file: String) throws {
        try text.write(to: url.appending(path: file), atomically: true, encoding: .utf8)
    }

    /// Returns a record of the configuration.
    func record(_ owner: String, _ type: RecordType, _ content: String) throws -> Record {
        Record(
            owner: try DomainName(owner, relativeTo: source.apex), type: type, ttl: nil,
            content: try RecordContent(content, type: type, origin: nil))
    }

    /// The zone, unless it has errors, and its diagnostics.
    struct Compiled {
        var zone: Zone?
        var problems: [ZoneDiagnostic]

        func complains(of part: String) -> Bool { diagnostics.contains { $0.contains(part) } }

        /// The diagnostics as `line:column: message`, or the message alone.
        var diagnostics: [String] {
            problems.map { ($0.position.map { "\($0.line):\($0.column): " } ?? "") + $0.message }
        }
    }

    /// Writes `head` and `text` as the zone file, and loads the zone.
    func compile(_ text: String, head: String = head) -> Compiled {
        do { try write(head + text, "zone") } catch { Issue.record(error) }
        let outcome = zones([source])
        return Compiled(zone: outcome.zones.first, problems: outcome.problems.map(\.problem))
    }

    func zones(_ sources: [ZoneSource]) -> ZoneLoader.Outcome { loader.zones(sources) }

    /// Returns `name type TTL content` of each record that is not in the head, with names relative to the zone.
    func lines(_ zone: Zone) -> [String] {
        all(zone).filter { !$0.hasPrefix("@ SOA") && !$0.hasPrefix("@ NS") && !$0.hasPrefix("ns1 ") }
    }

    /// Returns `name type TTL content` of each record, also of the head.
    func all(_ zone: Zone) -> [String] {
        func string(_ bytes: Span<UInt8>) -> String {
            String(decoding: bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
        }
        var lines: [String] = []
        zone.image?.forEachNode { node in
            let name = node.withName(string)
            let relative = name == "example.com" ? "@" : String(name.dropLast(".example.com".count))
            if node.service >= 0 { lines.append("\(relative) service \(node.service)") }
            node.forEachRecord(type: .any) { head, text, type, _ in
                guard type != .marker else { return }
                let fields = string(head).split(separator: "\t")
                lines.append("\(relative) \(fields[1]) \(fields[2]) \(string(text).dropLast())")
            }
        }
        return lines
    }
}
