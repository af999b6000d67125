import Foundation

import Support
import Testing

@testable import Coprocess
@testable import State

@Suite("A takeover")
struct TakeoverTests {
    @Test("gives up with a reason while another one holds the lock")
    func takeoverLock() throws {
        let folder = try Folder()
        let state = StateDirectory(path: "\(folder.path)/state")
        try state.make()
        let lock = state.openLock("takeover.lock")
        defer { close(lock) }
        try #require(flock(lock, LOCK_EX) == 0)
        let takeover = try #require(Takeover(arguments: ["/bin/false"]))
        #expect(
            takeover.begin(state: state, timeout: 1_000)
                == "/bin/false does not take over: others have held \(state.path)/takeover.lock for 1 s")
        flock(lock, LOCK_UN)
        #expect(
            takeover.begin(state: state, timeout: 100) == "/bin/false does not take over: there is no dialogue yet")
    }
}
