import Configuration
import Foundation
import Logging
import Platform
import Routing
import Support
import Testing

@testable import Compiler
@testable import Coprocess
@testable import State

@Suite("The follower")
struct FollowerTests {
    private let folder: Folder
    private let request: CompileRequest
    private let state: StateDirectory

    init() throws {
        folder = try Folder()
        let file = try folder.write(Self.text(address: "192.0.2.1").utf8, to: "geopipe.yaml")
        request = CompileRequest(configuration: file)
        state = StateDirectory(path: "\(folder.path)/state")
    }

    private static func text(address: String) -> String {
        """
        datacenters: { oslo: {}, ashburn: {} }
        state_directory: state
        zones:
          example.com:
            soa: { primary: ns.example.com., contact: a@b.com }
            ns: [ns.example.com.]
            records: { ns: { A: \(address) } }

        """
    }

    /// Compiles the files on disk and puts the image in force, as a compiler does.
    @discardableResult
    private func compile() throws -> CompileReport {
        // A file that was written just now counts as still being written.
        usleep(50_000)
        let store = ImageStore(of: request.configuration, overrides: [], in: state)
        let outcome = Compilation(
            request, previous: store.current().snapshot, previousReport: store.report()
        ).run()
        if let image = outcome.image { try store.publish(image) }
        try store.write(outcome.report)
        return outcome.report
    }

    private func follower() -> Follower {
        Follower(request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test("adopts the image in force, and the next one that another process puts in force")
    func adopts() throws {
        try compile()
        var follower = follower()
        let isAdopted = follower.adoptCurrent()
        #expect(isAdopted)
        let started = follower.start()
        let first = try #require(started)
        _ = follower.step()
        try folder.write(Self.text(address: "192.0.2.2").utf8, to: "geopipe.yaml")
        try compile()
        var news = follower.step()
        if news.serving == nil { news = follower.step() }
        #expect(news.isSnapshotNew)
        #expect(news.serving?.snapshot.image.id != first.snapshot.image.id)
        let diagnostics = follower.diagnostics
        #expect(diagnostics.isEmpty)
    }

    @Test("keeps the snapshot while the files on disk have errors, and reports them")
    func keeps() throws {
        try compile()
        var follower = follower()
        let isAdopted = follower.adoptCurrent()
        #expect(isAdopted)
        _ = follower.start()
        _ = follower.step()
        try folder.write("zones: [".utf8, to: "geopipe.yaml")
        #expect(try compile().image == nil)
        for _ in 0..<3 {
            let news = follower.step()
            #expect(!news.isSnapshotNew)
        }
        let (snapshot, diagnostics) = (follower.snapshot, follower.diagnostics)
        #expect(snapshot != nil)
        #expect(diagnostics.first?.contains("geopipe.yaml:") == true)
    }

    @Test("applies drains as soon as they are written, and keeps them if the file is lost")
    func drained() throws {
        try compile()
        var follower = follower()
        let isAdopted = follower.adoptCurrent()
        #expect(isAdopted)
        let served = follower.start()
        #expect(served?.switches.isEmpty == true)
        let drained = Switch(
            datacenter: "oslo", service: nil, share: 100, until: nil, user: "a test", since: time(nil), reason: "")
        try state.change { $0 = [drained] }
        let news = follower.step()
        #expect(news.serving?.switches.map(\.datacenter) == ["oslo"])
        for file in ["switches", "switches.copy"] { unlink("\(state.path)/\(file)") }
        _ = follower.step()
        let switches = follower.switches.all
        #expect(switches.map(\.datacenter) == ["oslo"])
    }

    @Test("uses the previous image if the one in force is damaged")
    func damaged() throws {
        try compile()
        let store = ImageStore(of: request.configuration, overrides: [], in: state)
        let first = try #require(store.current().snapshot?.image.id)
        try folder.write(Self.text(address: "192.0.2.2").utf8, to: "geopipe.yaml")
        try compile()
        let name = try #require(store.currentName)
        chmod("\(store.folder)/\(name)", 0o644)
        #expect(truncate("\(store.folder)/\(name)", 1_000) == 0)
        var follower = follower()
        let isAdopted = follower.adoptCurrent()
        #expect(isAdopted)
        let adopted = follower.snapshot?.image.id
        #expect(adopted == first)
    }

    @Test("trusts no image that other users may write to")
    func writable() throws {
        try compile()
        let store = ImageStore(of: request.configuration, overrides: [], in: state)
        chmod("\(store.folder)/\(try #require(store.currentName))", 0o664)
        let found = store.current()
        #expect(found.snapshot == nil)
        #expect(found.diagnostics.first?.contains("can be written to by others") == true)
    }
}
