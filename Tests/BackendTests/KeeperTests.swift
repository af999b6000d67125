import Configuration
import Foundation
import Routing
import Support
import Synchronization
import Testing

@testable import Backend

@Suite("Keeping up to date")
struct KeeperTests {
    @Test("begins with the switches that were there before something was loaded, if they are lost meanwhile")
    func lostMeanwhile() throws {
        let folder = try Folder()
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {} }
            zones: { example.com: { soa: { primary: ns.example.com., contact: a@b.com }, ns: [ns.example.com.] } }
            """.utf8, to: "geopipe.yaml")
        let state = StateDirectory(path: "\(folder.path)/state")
        let drained = Switch(
            datacenter: "oslo", service: nil, share: 100, until: nil, who: "somebody", since: time(nil), reason: "")
        try state.change { $0 = [drained] }
        let keeper = Keeper(Supply(), configuration: file) {
            Keeper.Outcome(snapshot: nil, files: [], state: nil)
        } complain: { _ in
        }
        let snapshot = try Snapshot(SnapshotPlan(Configuration.load(file)))
        let serving = keeper.start(state: state, since: time(nil)) {
            #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: state.path) }
            return Keeper.Outcome(snapshot: snapshot, files: [file], state: state)
        }
        #expect(serving?.switches.map(\.datacenter) == ["oslo"])
    }

    @Test("loads once more when a load says when, though nothing changes")
    func retry() throws {
        let folder = try Folder()
        let file = try folder.write(
            "zones: { example.com: { soa: { primary: ns.example.com., contact: a@b.com }, ns: [ns.example.com.] } }\n"
                .utf8,
            to: "geopipe.yaml")
        let loads = Atomic<Int>(0)
        let plan = try SnapshotPlan(Configuration.load(file))
        let first = try Snapshot(plan)
        let keeper = Keeper(Supply(), configuration: file) {
            loads.add(1, ordering: .relaxed)
            return Keeper.Outcome(snapshot: try? Snapshot(plan), files: [file], state: nil)
        } complain: { _ in
        }
        _ = keeper.start(state: nil, since: time(nil)) {
            var outcome = Keeper.Outcome(snapshot: first, files: [file], state: nil)
            outcome.retryIn = 1
            return outcome
        }
        #expect(eventually { loads.load(ordering: .relaxed) == 1 })
    }
}
