import Configuration
import Foundation
import Routing
import Support
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
}
