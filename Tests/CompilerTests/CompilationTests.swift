import Addresses
import Configuration
import DNS
import Foundation
import Image
import Platform
import Support
import Synchronization
import Testing

@testable import Answering
@testable import Compiler
@testable import Inspection
@testable import State

@Suite("Compilation")
struct CompilationTests {
    private let folder: Folder
    private var request: CompileRequest { CompileRequest(configuration: "\(folder.path)/geopipe.yaml") }

    init() throws {
        folder = try Folder()
        try folder.write(
            """
            databases: [{ path: places.mmdb, optional: true }]
            datacenters: { oslo: {} }
            maps: { m: { countries: { NO: oslo }, default: oslo } }
            services: { web: { map: m, check: { tcp: 80 }, answers: { oslo: [192.0.2.1, "2001:db8::1"] } } }
            zones:
              example.com:
                soa: { primary: ns.example.com., contact: hostmaster.example.com. }
                ns: [ns.example.com.]
                records: { ns: { A: 192.0.2.53 }, www: { service: web } }
              example.org: { file: zone }

            """.utf8, to: "geopipe.yaml")
        try folder.write("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.1\n".utf8, to: "zone")
    }

    private func plan(hasDatabase: Bool) throws -> SnapshotPlan {
        let database = "\(folder.path)/places.mmdb"
        try? FileManager.default.removeItem(atPath: database)
        if hasDatabase { try FileManager.default.copyItem(atPath: Project.demonstration, toPath: database) }
        return try SnapshotPlan(Configuration.load(request.configuration))
    }

    @Test("waits a minute for an optional database that was there")
    func optionalDatabase() throws {
        let with = try plan(hasDatabase: true)
        let (before, _) = try Snapshot.compiled(with)
        let without = try plan(hasDatabase: false)
        let (beforeWithout, _) = try Snapshot.compiled(without)
        var report: CompileReport?
        func retry(of plan: SnapshotPlan, after snapshot: Snapshot, at now: Int) -> Int? {
            var newer = CompileReport()
            let compilation = Compilation(request, previous: snapshot, previousReport: report)
            let isRefused = (try? compilation.refuseLoss(in: plan, at: now, &newer)) == nil
            report = newer
            #expect(isRefused == (newer.retryAt != nil))
            return newer.retryAt.map { $0 - now }
        }
        #expect(retry(of: without, after: beforeWithout, at: 1_000) == nil, "it never was there")
        #expect(retry(of: without, after: before, at: 1_000) == 60)
        #expect(retry(of: without, after: before, at: 1_059) == 1)
        #expect(retry(of: without, after: before, at: 1_060) == nil)
        #expect(retry(of: with, after: before, at: 1_060) == nil)
        #expect(retry(of: without, after: before, at: 2_000) == 60, "what comes back is waited for once more")
    }

    @Test("reuses address tables that were made before, but not those of other rules or databases")
    func tables() throws {
        _ = try plan(hasDatabase: true)
        let alone = try #require(
            Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false).image)
        let tables = try #require(AddressTables.made(for: request))
        func compiled() throws -> (image: Image, isReading: Bool) {
            let steps = Mutex<[String]>([])
            let compilation = Compilation(request, previous: nil, previousReport: nil, tables: tables)
            let outcome = compilation.run(
                keepsSerials: false, progress: { step in steps.withLock { $0.append(step) } })
            return (try #require(outcome.image), steps.withLock { $0.contains { $0.hasSuffix("places.mmdb") } })
        }
        let same = try compiled()
        #expect(same.image.id == alone.id)
        #expect(!same.isReading)
        let text = folder.text(of: "geopipe.yaml").replacing("NO: oslo", with: "SE: oslo")
        try folder.write(text.utf8, to: "geopipe.yaml")
        #expect(try compiled().isReading)
        try folder.write("zones: [".utf8, to: "geopipe.yaml")
        #expect(AddressTables.made(for: request) == nil)
    }

    @Test("makes an image that names all its inputs, and is identical for identical content")
    func image() throws {
        _ = try plan(hasDatabase: true)
        let first = Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false)
        let image = try #require(first.image)
        let snapshot = try Snapshot(image)
        #expect(snapshot.manifest.configuration == request.configuration)
        #expect(
            Set(snapshot.manifest.inputs.map { URL(filePath: $0.path).lastPathComponent })
                == ["geopipe.yaml", "places.mmdb", "zone"])
        #expect(snapshot.healthTargets.map(\.identity) == ["tcp://192.0.2.1:80", "tcp://[2001:db8::1]:80"])
        #expect(snapshot.zoneCount == 2)
        let again = Compilation(request, previous: snapshot, previousReport: first.report).run(keepsSerials: false)
        #expect(again.image?.id == image.id)
        let other = Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false)
        #expect(other.image?.id == image.id)
    }

    @Test("leaves out a zone with errors, and nothing else")
    func brokenZone() throws {
        _ = try plan(hasDatabase: true)
        try folder.write("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.256\n".utf8, to: "zone")
        let outcome = Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false)
        let snapshot = try Snapshot(try #require(outcome.image))
        #expect(snapshot.manifest.unusableZones.map(\.apex) == ["example.org"])
        #expect(outcome.report.diagnostics.first?.contains("zone:4:6: ") == true)
        #expect(snapshot.zones.isBroken(1))
        #expect(!snapshot.zones.isBroken(0))
    }

    @Test("a changed section with a correct checksum is refused, or read without a crash")
    func hostile() throws {
        _ = try plan(hasDatabase: false)
        let image = try #require(
            Compilation(request, previous: nil, previousReport: nil).run(keepsSerials: false).image)
        var random = SeededGenerator(seed: Effort.seed)
        for _ in 0..<(120 * Effort.rounds) {
            // The image takes ownership of the copy.
            let copy = PageMemory.allocate(image.bytes.count)
            copy.copyMemory(from: image.bytes)
            // Address tables are most of the image. Half of the changes go near the starts of sections, so that these
            // are covered too.
            let position =
                random.once(in: 2) ? random.number(448...(copy.count - 1)) : try self.position(image, &random)
            copy[position] ^= random.one(of: [0x01, 0x10, 0x80, 0xff])
            guard let snapshot = try? Snapshot(Image(owning: copy)) else { continue }
            let serving = Serving(snapshot, switches: [], at: 0)
            for client in ["192.0.2.0/24", "2001:db8::/32"] {
                for name in ["www.example.com", "www.example.org", "example.com"] {
                    _ = try? LocalQuery(serving, seed: 1).ask(name, type: "ANY", client: #require(IPPrefix(client)))
                }
            }
        }
    }

    /// Draws a position in the first kilobyte of a section.
    private func position(_ image: Image, _ random: inout SeededGenerator) throws -> Int {
        let section = try image.section(random.one(of: SectionKind.allCases))
        return section.start - image.bytes.baseAddress! + random.number(0...min(1_000, section.count - 1))
    }
}
