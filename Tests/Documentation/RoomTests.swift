import Foundation
import Support
import Testing

/// The order of the rooms in docs/architecture.md: a room imports only rooms above it in that table.
@Suite("The rooms of the sources")
struct RoomTests {
    /// The rooms from the bottom up. Rooms in one row have the same place.
    private let rows: [[String]]

    init() throws {
        let page = try #require(Page("docs/architecture.md"))
        let start = try #require(page.lines.firstIndex { $0.hasPrefix("| room | what it has |") })
        rows = page.lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            let cell = line.split(separator: "|")[0]
            return cell.matches(of: #/`([^`]+)`/#).map { String($0.output.1) }
        }
    }

    private var places: [String: Int] {
        Dictionary(uniqueKeysWithValues: rows.enumerated().flatMap { place, names in names.map { ($0, place) } })
    }

    @Test("are all in the table of docs/architecture.md")
    func table() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: "\(Project.root)/Sources")
        #expect(Set(folders) == Set(rows.joined()))
    }

    @Test("import only rooms above them")
    func imports() throws {
        let places = places
        var count = 0
        for (room, place) in places {
            let folder = "\(Project.root)/Sources/\(room)"
            for case let path as String in try #require(FileManager.default.enumerator(atPath: folder)) {
                guard path.hasSuffix(".swift") else { continue }
                let text = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
                for match in text.matches(of: #/(?m)^(?:@\w+ |public |package |internal )*import (?:\w+ )?(\w+)/#) {
                    let imported = String(match.output.1)
                    guard let other = places[imported] else { continue }
                    count += 1
                    #expect(other < place, "Sources/\(room)/\(path) imports \(imported), which is not above \(room)")
                }
            }
        }
        #expect(count > 300, "only \(count) imports were found")
    }

    @Test("depend in Package.swift only on rooms above them")
    func dependencies() throws {
        let places = places
        let package = try String(contentsOfFile: "\(Project.root)/Package.swift", encoding: .utf8)
        var found: Set<String> = []
        for match in package.matches(
            of: #/\.(?:target|executableTarget)\(\s*name: "([\w-]+)",\s*dependencies: \[([^\]]*)\]/#)
        {
            let name = match.output.1 == "geopipe-agent" ? "GeopipeAgent" : String(match.output.1)
            guard let place = places[name] else { continue }
            found.insert(name)
            let products = String(match.output.2).replacing(#/\.product\([^)]*\)/#, with: "")
            for dependency in products.matches(of: #/"(\w+)"/#).map({ String($0.output.1) }) {
                let other = try #require(places[dependency], "\(dependency) is in no row of the table")
                #expect(other < place, "Package.swift: \(name) depends on \(dependency), which is not above it")
            }
        }
        let withoutDependencies = Set(rows[0] + ["CPage", "CMaxMindDB"])
        #expect(found.union(withoutDependencies) == Set(places.keys))
    }
}
