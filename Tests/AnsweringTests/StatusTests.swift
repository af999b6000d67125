import Answering
import Compiler
import Foundation
import Inspection
import State
import Support
import Testing

/// Problems that appear with time.
@Suite("Problems of the status")
struct StatusProblemTests {
    private let folder: Folder
    private let state: StateDirectory

    /// A compiled configuration, and this process as a coprocess that serves it.
    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
        try folder.write(
            """
            state_directory: state
            datacenters: { oslo: {} }
            maps: { m: { default: oslo } }
            services: { web: { map: m, answers: { oslo: 192.0.2.1 } } }
            zones: { example.org: { file: zone, records: { www: { service: web } } } }

            """.utf8, to: "geopipe.yaml")
        try folder.write(Self.zone(1), to: "zone")
        // A file that changed in the clock tick in which it was read counts as changed.
        usleep(50_000)
        let store = ImageStore(of: file, overrides: [], in: state)
        let outcome = Compilation(CompileRequest(configuration: file), previous: nil, previousReport: nil).run()
        let image = try #require(outcome.image)
        try store.publish(image)
        try store.write(outcome.report)
        var status = CoprocessStatus(configuration: file)
        status.image = image.id
        status.loaded = status.started
        try state.tell(status)
    }

    private static func zone(_ serial: Int) -> [UInt8] {
        Array("$TTL 60\n@ SOA ns h \(serial) 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n".utf8)
    }

    private var file: String { "\(folder.path)/geopipe.yaml" }

    /// The errors of a kind some seconds from now.
    private func errors(_ kind: Status.Problem.Kind, after seconds: Int = 0) throws -> [String] {
        try Status(of: file, overrides: [], in: state, at: time(nil) + seconds).problems.filter {
            $0.severity == .error && $0.kind == kind
        }.map(\.message)
    }

    @Test("a file that changed long ago and was not compiled is an error; a recent change is not")
    func uncompiled() throws {
        #expect(try errors(.configuration, after: 3_600) == [])
        try folder.write(Self.zone(2), to: "zone")
        #expect(try errors(.configuration) == [])
        #expect(
            try errors(.configuration, after: 3_600)
                == ["\(folder.path)/zone changed long ago, and no coprocess has compiled it"])
    }

    @Test("only the small sections of the image are read: damaged zones do not matter")
    func smallParts() throws {
        let store = ImageStore(of: file, overrides: [], in: state)
        let summary = try #require(try store.currentSummary()).summary
        #expect(summary.datacenterNames == ["oslo"] && summary.serviceNames == ["web"])
        let images = try FileManager.default.contentsOfDirectory(atPath: store.folder)
        let path = "\(store.folder)/\(try #require(images.first { $0.hasSuffix(".image") }))"
        var bytes = Array(try Data(contentsOf: URL(filePath: path)))
        // The name of the primary server, in the zone's records.
        let place = try #require(bytes.ranges(of: Array("192.0.2.53".utf8)).last)
        bytes[place.lowerBound] ^= 1
        try #require(chmod(path, 0o644) == 0)
        try Data(bytes).write(to: URL(filePath: path))
        #expect(store.current().snapshot == nil)
        #expect(try store.currentSummary()?.summary.id == summary.id)
    }

    @Test("a coprocess without a heartbeat is an error")
    func silent() throws {
        #expect(try errors(.coprocess) == [])
        let later = try errors(.coprocess, after: 60)
        #expect(later.count == 1 && later[0].contains("no heartbeat for 6"), "\(later)")
    }
}
