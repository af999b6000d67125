import Configuration
import Foundation
import Geography
import Platform
import Support
import Testing

@testable import State

@Suite("The history of switches")
struct HistoryTests {
    private let folder: Folder
    private let state: StateDirectory

    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
    }

    private func entry(_ time: Int, reason: String = "") -> HistoryEntry {
        HistoryEntry(
            time: time, user: "operator", .drain, datacenter: "oslo", service: "web", areas: [Area("NO")!], share: 25,
            until: 2_000, overridden: ["in_use", "capacity"], reason: reason)
    }

    private func record(_ entries: HistoryEntry...) throws -> String? {
        try state.change(recording: { _ in entries }) { _ in }
    }

    @Test("has all commands, the oldest first, and is empty at first")
    func roundTrip() throws {
        #expect(try state.history().entries.isEmpty)
        let second = HistoryEntry(time: 2, user: "", .undrain, datacenter: "oslo")
        #expect(try record(entry(1, reason: "kjøling\tsvikter\n🔥")) == nil)
        #expect(try record(second) == nil)
        #expect(try state.history().entries == [entry(1, reason: "kjøling svikter 🔥"), second])
        #expect(try state.history().unreadable == 0)
    }

    @Test("loses only truncated lines, and continues after them")
    func torn() throws {
        for time in 1...3 { _ = try record(entry(time)) }
        let text = folder.text(of: "state/history")
        for end in [text.utf8.count - 1, text.utf8.count - 7, text.utf8.count - 60] {
            try folder.write(text.utf8.prefix(end), to: "state/history")
            _ = try record(entry(4))
            let isWhole = end == text.utf8.count - 1
            #expect(try state.history().entries.map(\.time) == (isWhole ? [1, 2, 3, 4] : [1, 2, 4]), "\(end)")
            #expect(try state.history().unreadable == (isWhole ? 0 : 1))
        }
        var bytes = Array(folder.text(of: "state/history").utf8)
        bytes[30] ^= 1
        try folder.write(bytes, to: "state/history")
        #expect(try state.history().entries.map(\.time) == [2, 4])
    }

    @Test("a FIFO in place of the history is an error, and does not block")
    func fifo() throws {
        _ = try record(entry(1))
        try #require(unlink("\(state.path)/history") == 0 && mkfifo("\(state.path)/history", 0o600) == 0)
        #expect(throws: StateDirectory.Failure.self) { try state.history() }
    }

    @Test("a FIFO in place of the switches is replaced, and the backup copy is used")
    func fifoOfSwitches() throws {
        try state.change { $0 = [drained("oslo")] }
        try #require(unlink(state.switchFile) == 0 && mkfifo(state.switchFile, 0o600) == 0)
        let found = try state.switches()
        #expect(found.value?.map(\.datacenter) == ["oslo"] && found.diagnostic?.contains("backup copy") == true)
        #expect(try state.change { $0.append(drained("ashburn")) }?.contains("is not a regular file") == true)
        #expect(try state.switches().value?.map(\.datacenter) == ["oslo", "ashburn"])
        #expect(try state.switches().diagnostic == nil)
    }

    @Test("a lock that another process holds is an error that names the lock")
    func heldLock() throws {
        try state.change { _ in }
        let lock = open("\(state.path)/switches.lock", O_RDWR | O_CLOEXEC)
        try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
        defer { close(lock) }
        let error = #expect(throws: StateDirectory.Failure.self) { try state.change { _ in } }
        #expect(error?.description.contains("held the lock \(state.path)/switches.lock for 10 s") == true)
    }

    @Test("drops its older half when it is full")
    func bounded() throws {
        let line = entry(1_000_000, reason: String(repeating: "x", count: 2_000)).line
        #expect(line.utf8.count < 1_200, "a reason is cut")
        let count = StateDirectory.historyLimit / line.utf8.count + 1
        try state.make()
        try folder.write(
            (0..<count).map { entry(1_000_000 + $0, reason: String(repeating: "x", count: 2_000)).line }.joined().utf8,
            to: "state/history")
        _ = try record(entry(2_000_000))
        let history = try state.history()
        #expect(history.unreadable == 0)
        #expect(history.entries.last == entry(2_000_000))
        #expect(count / 2 - 2...count / 2 + 2 ~= history.entries.count)
        #expect(history.entries.dropLast().last?.time == 1_000_000 + count - 1)
    }

    @Test("keeps switches in force when it drops its older half")
    func boundedInForce() throws {
        let lasting = HistoryEntry(
            time: 5, user: "operator", .drain, datacenter: "oslo", areas: [Area("NO")!, Area("SE")!], reason: "fire")
        let part = HistoryEntry(time: 6, user: "operator", .undrain, datacenter: "oslo", areas: [Area("SE")!])
        let ended = HistoryEntry(time: 7, user: "operator", .forceUp, datacenter: "ashburn", until: 8)
        let other = (0..<2 * (StateDirectory.historyLimit / 100)).map {
            HistoryEntry(time: 10 + $0, user: "operator", $0 % 2 == 0 ? .drain : .undrain, datacenter: "tokyo")
        }
        try state.change { _ in }
        try folder.write(([lasting, part, ended] + other).map(\.line).joined().utf8, to: "state/history")
        _ = try record(entry(2_000_000))
        let entries = try state.history().entries
        #expect(entries.count < other.count)
        var rest = lasting
        rest.areas = [Area("NO")!]
        #expect(entries.first == rest)
        #expect(state.switchesOfHistory(at: 3_000_000)?.map(\.extent) == ["oslo in NO"])
    }

    @Test("has the ends of switches that end by themselves, unless they were ended or replaced before")
    func ends() {
        func entry(_ time: Int, _ action: HistoryEntry.Action, _ datacenter: String, until: Int? = nil) -> HistoryEntry
        { HistoryEntry(time: time, user: "operator", action, datacenter: datacenter, until: until, reason: "why") }
        let history = [
            entry(10, .drain, "oslo", until: 20), entry(12, .forceUp, "oslo", until: 18),
            entry(14, .drain, "ashburn", until: 30), entry(25, .undrain, "ashburn"),
            entry(26, .drain, "tokyo", until: 40), entry(27, .drain, "tokyo", until: 50),
            entry(60, .drain, "oslo", until: 90),
        ]
        let ends = history.withEnds(until: 70).filter { !history.contains($0) }
        #expect(
            ends == [
                entry(18, .forceEnded, "oslo"), entry(20, .drainEnded, "oslo"), entry(50, .drainEnded, "tokyo"),
            ])
        #expect(history.withEnds(until: 70).map(\.time) == [10, 12, 14, 18, 20, 25, 26, 27, 50, 60])
        #expect(history.withEnds(until: 90).last == entry(90, .drainEnded, "oslo"))
        #expect(history.switches(at: 70).map(\.extent) == ["oslo"])
        #expect(HistoryEntry(line: entry(90, .drainEnded, "oslo").line.dropLast()) == nil, "no file has it")
    }

    @Test("does not prevent switches if it cannot be written, and follows no link")
    func unwritable() throws {
        try state.make()
        let victim = try folder.write("precious".utf8, to: "victim")
        try FileManager.default.createSymbolicLink(atPath: state.historyFile, withDestinationPath: victim)
        let diagnostic = try state.change(recording: { _ in [entry(1)] }) { $0 = [drained("oslo")] }
        #expect(diagnostic?.contains("cannot write \(state.historyFile)") == true, "\(diagnostic ?? "")")
        #expect(try state.switches().value == [drained("oslo")])
        #expect(folder.text(of: "victim") == "precious")
    }
}
