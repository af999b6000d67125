import Configuration
import Foundation
import Geography
import Platform
import Support
import Testing

@testable import State

private func drained(
    _ datacenter: String, service: String? = nil, share: Int = 100, until: Int? = nil, reason: String = ""
) -> Switch {
    Switch(
        datacenter: datacenter, service: service, share: share, until: until, who: "operator", since: 1_700_000_000,
        reason: reason)
}

@Suite("The switch file")
struct SwitchFileTests {
    private static let samples = [
        drained("oslo"),
        drained("ashburn", service: "web", share: 1, until: 1_800_000_000, reason: "kjøling svikter 🔥"),
        drained("far.west-1", share: 99, reason: "\u{301}, \u{fffd}, \\t and \"quotes\""),
    ]

    private static let placed = Switch(
        datacenter: "oslo", service: nil, areas: [Area("NO")!, Area("US-CA")!, Area("continent:AF")!], share: 100,
        until: nil, who: "operator", since: 1_700_000_000, reason: "")
    private static let forced = Switch(
        .force, datacenter: "ashburn", service: "web", share: 100, until: 1_800_000_000, who: "operator",
        since: 1_700_000_000, reason: "checks are wrong")

    /// Reads these bytes as a switch file.
    private func switches(_ bytes: some Sequence<UInt8>) throws -> [Switch] {
        try SwitchFile.switches(String(decoding: Array(bytes), as: UTF8.self))
    }

    @Test(
        "gives back what was put into it",
        arguments: [[], Array(samples.prefix(1)), samples, samples + [placed], [forced]])
    func roundTrip(samples: [Switch]) throws {
        #expect(try switches(SwitchFile.text(samples).utf8) == samples)
    }

    @Test("keeps the format of older versions, unless it has switches that they do not know")
    func versions() throws {
        #expect(SwitchFile.text(Self.samples).hasPrefix("geopipe switches 1\noslo\t\t100\t\toperator\t1700000000\t\n"))
        for entry in [Self.placed, Self.forced] {
            #expect(SwitchFile.text(Self.samples + [entry]).hasPrefix("geopipe switches 2\noslo\t"))
        }
        let bad = SwitchFile.text([Self.placed]).replacing("NO,US-CA", with: "NO,,CA").split(separator: "\n").dropLast()
        #expect(throws: StateFile.Untrusted.self) {
            try SwitchFile.switches(
                StateFile.text("geopipe switches 2", [bad[1].split(separator: "\t").map(String.init)]))
        }
    }

    @Test("replaces tabs and newlines in fields with spaces")
    func controlCharacters() throws {
        let entry = drained("oslo", reason: "a\tb\nc\r\nd\u{0}e")
        #expect(try switches(SwitchFile.text([entry]).utf8).map(\.reason) == ["a b c d e"])
    }

    @Test("is refused if it is truncated anywhere")
    func torn() {
        let bytes = Array(SwitchFile.text(Self.samples).utf8)
        for end in 0..<bytes.count {
            #expect(throws: StateFile.Untrusted.self, "torn after \(end) bytes") { try switches(bytes[..<end]) }
        }
    }

    @Test("is refused if any bit is flipped")
    func flipped() {
        let bytes = Array(SwitchFile.text(Self.samples).utf8)
        for position in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[position] ^= 1 << bit
                #expect(throws: StateFile.Untrusted.self, "bit \(bit) of byte \(position)") { try switches(flipped) }
            }
        }
    }

    @Test("is refused if anything is added to it")
    func longer() {
        let text = SwitchFile.text(Self.samples)
        for addition in ["x", "\n", " ", text] {
            #expect(throws: StateFile.Untrusted.self) { try switches((text + addition).utf8) }
        }
    }
}

@Suite("The state directory")
struct StateDirectoryTests {
    private let folder: Folder
    private let state: StateDirectory

    init() throws {
        folder = try Folder()
        state = StateDirectory(path: "\(folder.path)/state")
    }

    @Test("has no switches at first, and is made with the first one")
    func empty() throws {
        #expect(try state.switches().value == nil)
        #expect(try state.change { $0 = [drained("oslo")] } == nil)
        #expect(try state.switches().value == [drained("oslo")])
    }

    @Test("loses nothing with concurrent changes, and readers never see half of a change")
    func manyAtOnce() throws {
        let (writers, changes) = (8, 10)
        try state.change { _ in }
        let (working, failures) = (Counter(), Counter())
        working.add(writers)
        inThreads(writers + 1) { [state] thread in
            var last = 0
            if thread == writers {
                while working.now > 0 {
                    let count = (try? state.switches().value?.count) ?? -1
                    if count < last { failures.add(1) }
                    last = count
                }
            } else {
                for change in 0..<changes {
                    do {
                        if try state.change({ $0.append(drained("dc-\(thread)-\(change)")) }) != nil { failures.add(1) }
                    } catch {
                        failures.add(1)
                    }
                }
                working.add(-1)
            }
        }
        #expect(failures.now == 0)
        let names = try #require(try state.switches().value).map(\.datacenter)
        #expect(Set(names) == Set((0..<writers).flatMap { w in (0..<changes).map { "dc-\(w)-\($0)" } }))
        #expect(names.count == writers * changes)
        // It leaves no temporary files.
        #expect(
            try Set(FileManager.default.contentsOfDirectory(atPath: state.path))
                == ["switches", "switches.copy", "switches.lock"])
    }

    private static let torn = String(SwitchFile.text([drained("oslo")]).dropLast(3))

    @Test("uses the backup copy of a corrupt or missing file, and says so", arguments: [torn, nil])
    func copy(bad: String?) throws {
        try state.change { $0 = [drained("oslo")] }
        if let bad { try folder.write(bad.utf8, to: "state/switches") } else { unlink(state.switchFile) }
        #expect(try state.switches().value == [drained("oslo")])
        #expect(try state.switches().diagnostic?.contains(state.switchFile) == true)
        let diagnostic = try #require(try state.change { $0.append(drained("ashburn")) })
        #expect(diagnostic.contains(state.switchFile))
        #expect(try state.switches().value == [drained("oslo"), drained("ashburn")])
        #expect(try state.switches().diagnostic == nil)
        if bad != nil { #expect(folder.text(of: "state/switches.untrusted") == bad) }
    }

    @Test("renames a folder in the place of the file")
    func folderInPlace() throws {
        try state.change { $0 = [drained("oslo")] }
        unlink(state.switchFile)
        mkdir(state.switchFile, 0o755)
        #expect(try state.switches().value == [drained("oslo")])
        try state.change { $0.append(drained("ashburn")) }
        #expect(try state.switches().value == [drained("oslo"), drained("ashburn")])
        #expect(try state.switches().diagnostic == nil)
    }

    @Test("rebuilds the switches from the history if file and copy are corrupt, and says so")
    func rebuilt() throws {
        let (oslo, other) = (drained("oslo"), drained("ashburn"))
        let entries = [HistoryEntry(oslo), HistoryEntry(other)]
        try state.change(recording: { _ in entries }) { $0 = [oslo, other] }
        for file in ["switches", "switches.copy"] { try folder.write(Self.torn.utf8, to: "state/\(file)") }
        #expect(throws: StateDirectory.Failure.self) { try state.switches() }
        var found: [Switch] = []
        let diagnostic = try #require(
            try state.change(recording: { $0 ? nil : [] }) {
                found = $0
                $0.append(drained("tokyo"))
            })
        #expect(found == [oslo, other])
        #expect(diagnostic.contains("using the history, in which the switches are: drained: oslo by "), "\(diagnostic)")
        #expect(try state.switches().value == [oslo, other, drained("tokyo")])
        #expect(folder.text(of: "state/switches.untrusted") == Self.torn)
        #expect(try state.change { _ in } == nil)
    }

    @Test("does not bring back switches whose files were both removed, even when rebuilt from the history")
    func removed() throws {
        var placed = drained("ashburn", share: 30)
        placed.areas = [Area("SE")!]
        let forced = Switch(
            .force, datacenter: "tokyo", service: "web", share: 100, until: nil, who: "operator",
            since: 1_700_000_000, reason: "")
        let before = [placed, drained("ashburn", service: "web"), forced]
        try state.change(recording: { _ in before.map(HistoryEntry.init) }) { $0 = before }
        unlink(state.switchFile)
        unlink(state.switchFile + ".copy")
        let oslo = drained("oslo")
        let diagnostic = try #require(try state.change(recording: { _ in [HistoryEntry(oslo)] }) { $0.append(oslo) })
        #expect(diagnostic.contains("which has ended: 30% of ashburn in SE; ashburn for service web; tokyo"), "\(diagnostic)")
        #expect(try state.switches().value == [oslo])
        let ends = try state.history().entries.dropFirst(before.count)
        #expect(ends.map(\.action) == [.undrain, .undrain, .forceAuto, .drain])
        #expect(ends.first?.reason == "the switch files were removed")
        for file in ["switches", "switches.copy"] { try folder.write(Self.torn.utf8, to: "state/\(file)") }
        let other = drained("singapore")
        try state.change(recording: { _ in [HistoryEntry(other)] }) { $0.append(other) }
        #expect(try state.switches().value == [oslo, other])
        #expect(try state.change(recording: { _ in [] }) { _ in } == nil)
    }

    @Test("changes nothing if file, copy and history are all incomplete", arguments: [true, false])
    func unknown(hasHistory: Bool) throws {
        try state.change(recording: { _ in hasHistory ? [HistoryEntry(drained("oslo"))] : [] }) {
            $0 = [drained("oslo")]
        }
        if hasHistory {
            try folder.write(Array(folder.text(of: "state/history").utf8.dropLast(9)), to: "state/history")
        }
        for file in ["switches", "switches.copy"] { try folder.write(Self.torn.utf8, to: "state/\(file)") }
        let failure = #expect(throws: StateDirectory.Failure.self) {
            try state.change { $0.append(drained("ashburn")) }
        }
        #expect(failure?.description.hasPrefix("the switches cannot be read: ") == true)
        for file in ["switches", "switches.copy"] { #expect(folder.text(of: "state/\(file)") == Self.torn) }
        #expect(!FileManager.default.fileExists(atPath: state.switchFile + ".untrusted"))
    }

    @Test("changes nothing if there is nothing to record, even if the file is corrupt")
    func unchanged() throws {
        try state.change(recording: { _ in [HistoryEntry(drained("oslo"))] }) { $0 = [drained("oslo")] }
        for file in ["switches", "switches.copy"] { try folder.write(Self.torn.utf8, to: "state/\(file)") }
        let diagnostic = try #require(try state.change(recording: { _ in nil }) { $0 = [] })
        #expect(diagnostic.contains("neither the files nor the switches in force are changed"))
        for file in ["switches", "switches.copy"] { #expect(folder.text(of: "state/\(file)") == Self.torn) }
        #expect(!FileManager.default.fileExists(atPath: state.switchFile + ".untrusted"))
    }

    @Test("applies and records a switch if only the backup copy cannot be written")
    func uncopied() throws {
        try state.make()
        mkdir("\(state.switchFile).copy.\(getpid()).new", 0o755)
        let entry = HistoryEntry(time: 1, who: "operator", .drain, datacenter: "oslo")
        let diagnostic = try #require(try state.change(recording: { _ in [entry] }) { $0 = [drained("oslo")] })
        #expect(diagnostic.hasPrefix("the switch is in force, but the backup copy could not be written: "))
        #expect(try state.switches().value == [drained("oslo")])
        #expect(try state.history().entries == [entry])
    }

    @Test(
        "has switches for all clients of an area, or not",
        arguments: [
            ([], ["NO"], true), (["NO"], [], false), (["continent:EU"], ["NO", "SE"], true),
            (["NO"], ["NO", "SE"], false),
            (["US"], ["US-CA"], true), (["US-CA"], ["US"], false), (["continent:NA"], ["US-CA"], true),
            (["continent:EU"], ["US-CA", "NO"], false),
        ] as [([String], [String], Bool)])
    func covers(areas: [String], others: [String], expected: Bool) {
        var entry = drained("oslo")
        entry.areas = areas.map { Area($0)! }
        #expect(entry.covers(others.map { Area($0)! }) == expected)
    }

    @Test("never writes what it could not read again")
    func unreadableAreas() throws {
        try state.change { $0 = [drained("oslo")] }
        var named = drained("ashburn")
        named.areas = [.subdivision(SubdivisionCode("US/California")!)]
        #expect(throws: StateDirectory.Failure.self) { try state.change { $0.append(named) } }
        #expect(try state.switches().value == [drained("oslo")])
        let regions = ["west": named.areas, "north": named.areas + [Area("NO")!]]
        #expect(try Configuration.areas(named: "north", regions: regions, known: nil) == [Area("NO")!])
        #expect(throws: UnknownArea.self) { try Configuration.areas(named: "west", regions: regions, known: nil) }
    }

    @Test("accepts no number that is negative or too large", arguments: [Int.min, -1, 1 << 41, Int.max])
    func numbers(number: Int) throws {
        var entry = drained("oslo")
        entry.since = number
        #expect(throws: StateFile.Untrusted.self) { try SwitchFile.switches(SwitchFile.text([entry])) }
        let up = HealthReport.State(isUp: true, since: 1, told: number, reason: "")
        let report = HealthReport(time: 1, process: 1, states: ["tcp://192.0.2.1:80": up])
        #expect(throws: StateFile.Untrusted.self) { try HealthReport(report.text) }
        let line = HistoryEntry(time: number, who: "operator", .drain, datacenter: "oslo").line
        #expect(HistoryEntry(line: line.dropLast()) == nil)
    }

    @Test("changes nothing if it cannot read the switches, which may be valid")
    func unreadable() throws {
        try state.change { $0 = [drained("oslo")] }
        rename(state.switchFile, state.path + "/kept")
        try FileManager.default.createSymbolicLink(atPath: state.switchFile, withDestinationPath: "switches")
        #expect(throws: StateDirectory.Failure.self) { try state.change { $0 = [] } }
        #expect(try state.switches().value == [drained("oslo")])
        #expect(state.wayOutOfTornSwitches == nil)
        try FileManager.default.removeItem(atPath: state.switchFile)
        rename(state.path + "/kept", state.switchFile)
        #expect(try state.switches().value == [drained("oslo")])
    }

    @Test("follows no link in the place of a file to write or lock")
    func links() throws {
        try state.change { $0 = [drained("oslo")] }
        let victim = try folder.write("precious".utf8, to: "victim")
        try link("switches.\(getpid()).new", to: victim)
        try state.change { $0.append(drained("ashburn")) }
        #expect(folder.text(of: "victim") == "precious")
        #expect(try state.switches().value == [drained("oslo"), drained("ashburn")])
        unlink(state.path + "/switches.lock")
        try link("switches.lock", to: "\(folder.path)/new")
        #expect(throws: StateDirectory.Failure.self) { try state.change { $0 = [] } }
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/new"))
    }

    @Test("forgets coprocesses whose number was reused, and ignores a status with another process's number")
    func foreignStatus() throws {
        var status = CoprocessStatus(configuration: "geopipe.yaml")
        try state.tell(status)
        #expect(state.coprocesses().map(\.process) == [Int(getpid())])
        let startTicks = try #require(status.startTicks, "there is no /proc")
        status.startTicks = startTicks - 1
        try state.tell(status)
        #expect(state.coprocesses().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: "\(state.path)/coprocesses/\(getpid())"))
        status.startTicks = nil
        try state.tell(status)
        #expect(state.coprocesses().map(\.process) == [Int(getpid())])
        status.process = -1
        try folder.write(status.text.utf8, to: "state/coprocesses/\(getpid())")
        try folder.write(status.text.utf8, to: "state/coprocesses/-1")
        #expect(state.coprocesses().isEmpty)
    }

    @Test(
        "keeps a coprocess of another PID namespace until its reports stop"
    )
    func otherNamespace() throws {
        // No process has such a large number.
        let process = 1 << 30
        var status = CoprocessStatus(configuration: "geopipe.yaml")
        status.process = process
        try state.tell(status)
        #expect(state.coprocesses().isEmpty, "it would be of this namespace")
        status.namespace = "pid:[1]"
        try state.tell(status)
        #expect(state.coprocesses().map(\.process) == [process])
        #expect(state.coprocesses().first?.isInOwnNamespace == false)
        let file = "\(state.path)/coprocesses/\(process)"
        var times = [timespec(tv_sec: time(nil) - 3_600, tv_nsec: 0), timespec(tv_sec: time(nil) - 3_600, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, file, &times, 0) == 0)
        #expect(state.coprocesses().isEmpty)
        #expect(FileManager.default.fileExists(atPath: file), "it is for those in that namespace to remove it")
    }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(state.path)/\(name)", withDestinationPath: target)
    }

    @Test(
        "of somebody else's gets files of its owner's from root, with no more rights than the owner has",
        .enabled(if: geteuid() == 0, "only root can give a folder away"))
    func owner() throws {
        let owner: uid_t = 65_534
        try state.make()
        try #require(chown(state.path, owner, owner) == 0)
        try state.change { $0 = [drained("oslo")] }
        try state.tell(CoprocessStatus(configuration: "geopipe.yaml"))
        let names = try FileManager.default.subpathsOfDirectory(atPath: state.path)
        #expect(Set(names) == ["switches", "switches.copy", "switches.lock", "coprocesses", "coprocesses/\(getpid())"])
        for name in names {
            var status = stat()
            #expect(lstat("\(state.path)/\(name)", &status) == 0)
            #expect((status.st_uid, status.st_gid) == (owner, owner), "\(name)")
        }
        // Root does not write where the owner may not.
        try FileManager.default.removeItem(atPath: state.path + "/coprocesses")
        try FileManager.default.createDirectory(atPath: folder.path + "/roots", withIntermediateDirectories: true)
        try link("coprocesses", to: folder.path + "/roots")
        #expect(throws: StateDirectory.Failure.self) { try state.tell(CoprocessStatus(configuration: "geopipe.yaml")) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/roots") == [])
        // Root keeps its rights elsewhere.
        _ = try folder.write("".utf8, to: "roots/file")
        var status = stat()
        #expect(lstat(folder.path + "/roots/file", &status) == 0 && status.st_uid == 0)
    }

    @Test(
        "below a folder of another user's is used with no more rights than that user has, who could put a link there",
        .enabled(if: geteuid() == 0, "only root can give a folder away"))
    func ownerAbove() throws {
        for name in ["home", "roots", "links"] { try #require(mkdir("\(folder.path)/\(name)", 0o755) == 0) }
        try #require(chmod(folder.path, 0o755) == 0 && chown(folder.path + "/home", 65_534, 65_534) == 0)
        try #require(symlink(folder.path + "/roots", folder.path + "/home/state") == 0)
        try #require(symlink(folder.path + "/home", folder.path + "/links/home") == 0)
        for path in ["/home/state", "/links/home/state"] {
            let trap = StateDirectory(path: folder.path + path)
            #expect(throws: StateDirectory.Failure.self) { try trap.change { $0 = [drained("oslo")] } }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/roots") == [])
        }
        let new = StateDirectory(path: folder.path + "/home/new")
        try new.change { $0 = [drained("oslo")] }
        var status = stat()
        #expect(lstat(new.path, &status) == 0 && status.st_uid == 65_534 && status.st_mode & 0o777 == 0o755)
    }

    @Test(
        "of another user's lets root read nothing that only root's group may read",
        .enabled(if: geteuid() == 0, "only root can give a folder away"))
    func groups() throws {
        try state.change { $0 = [drained("oslo")] }
        let secret = folder.path + "/secret"
        try #require(rename(state.switchFile, secret) == 0 && unlink(state.switchFile + ".copy") == 0)
        try #require(chmod(secret, 0o640) == 0 && chmod(folder.path, 0o755) == 0)
        try link("switches", to: secret)
        #expect(try state.switches().value == [drained("oslo")])
        try #require(chown(state.path, 65_534, 65_534) == 0)
        #expect(throws: StateDirectory.Failure.self) { try state.switches() }
    }

    @Test("that cannot be made is an error")
    func impossible() throws {
        try folder.write("a file".utf8, to: "state")
        #expect(throws: StateDirectory.Failure.self) { try state.change { _ in } }
        #expect(folder.text(of: "state") == "a file")
    }
}

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
            time: time, who: "operator", .drain, datacenter: "oslo", service: "web", areas: [Area("NO")!], share: 25,
            until: 2_000, overridden: ["in_use", "capacity"], reason: reason)
    }

    private func record(_ entries: HistoryEntry...) throws -> String? {
        try state.change(recording: { _ in entries }) { _ in }
    }

    @Test("has all commands, the oldest first, and is empty at first")
    func roundTrip() throws {
        #expect(try state.history().entries.isEmpty)
        let second = HistoryEntry(time: 2, who: "", .undrain, datacenter: "oslo")
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
            time: 5, who: "operator", .drain, datacenter: "oslo", areas: [Area("NO")!, Area("SE")!], reason: "fire")
        let part = HistoryEntry(time: 6, who: "operator", .undrain, datacenter: "oslo", areas: [Area("SE")!])
        let ended = HistoryEntry(time: 7, who: "operator", .forceUp, datacenter: "ashburn", until: 8)
        let other = (0..<2 * (StateDirectory.historyLimit / 100)).map {
            HistoryEntry(time: 10 + $0, who: "operator", $0 % 2 == 0 ? .drain : .undrain, datacenter: "tokyo")
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
        { HistoryEntry(time: time, who: "operator", action, datacenter: datacenter, until: until, reason: "why") }
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

@Suite("Safety rules")
struct SafetyTests {
    /// Three datacenters for web, two of them also for api.
    private func configuration(_ safety: String) throws -> Configuration {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            datacenters: { oslo: { capacity: 30 }, ashburn: { capacity: 60 }, tokyo: { capacity: 10 }, unused: {} }
            safety: \(safety)
            maps: { all: { default: [oslo, ashburn, tokyo] }, two: { default: [oslo, ashburn] } }
            services:
              web: { map: all, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, tokyo: 192.0.2.3 } }
              api: { map: two, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """.utf8, to: "geopipe.yaml")
        return try Configuration.load(file)
    }

    private func breaches(_ safety: String, _ before: [Switch] = [], then entry: Switch) throws -> [String] {
        try configuration(safety).breaches(from: before, to: before + [entry]).map(\.words)
    }

    @Test("count the datacenters that are not fully drained")
    func inUse() throws {
        let rule = "{ in_use: 2 }"
        #expect(try breaches(rule, then: drained("oslo")) == [])
        #expect(
            try breaches(rule, [drained("ashburn")], then: drained("oslo"))
                == ["safety rule in_use: 2: 1 of 3 datacenters would stay in use (tokyo)"])
        #expect(try breaches(rule, [drained("ashburn")], then: drained("oslo", share: 99)) == [])
        #expect(try breaches(rule, [drained("ashburn", share: 99)], then: drained("oslo")) == [])
        #expect(try breaches("{}", [drained("ashburn")], then: drained("oslo")) == [])
        #expect(try breaches(rule, [drained("ashburn"), drained("tokyo")], then: drained("ashburn")) == [], "no worse")
    }

    @Test("count the datacenters that clients are spread over")
    func spread() throws {
        let folder = try Folder()
        defer { withExtendedLifetime(folder) {} }
        let file = try folder.write(
            """
            datacenters: { oslo: {}, ashburn: {}, tokyo: {} }
            safety: { in_use: 2 }
            maps: { all: { default: { list: [oslo], then: spread } } }
            services: { web: { map: all, answers: { oslo: 192.0.2.1, ashburn: 192.0.2.2, tokyo: 192.0.2.3 } } }
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            """.utf8, to: "geopipe.yaml")
        let configuration = try Configuration.load(file)
        #expect(configuration.datacentersInUse(byService: nil) == [0, 1, 2])
        #expect(configuration.datacentersInUse(byService: "web") == [0, 1, 2])
        #expect(configuration.breaches(from: [], to: [drained("oslo")]).isEmpty)
    }

    @Test("count the capacity, also for each service with a drain of its own")
    func capacity() throws {
        let rule = "{ capacity: 60% }"
        #expect(try breaches(rule, then: drained("oslo")) == [])
        #expect(
            try breaches(rule, then: drained("ashburn"))
                == ["safety rule capacity: 60%: 40% of the capacity would stay in use"])
        #expect(try breaches(rule, then: drained("ashburn", share: 66)) == [])
        #expect(try breaches(rule, then: drained("ashburn", share: 67)).count == 1)
        #expect(
            try breaches(rule, then: drained("ashburn", service: "api"))
                == ["safety rule capacity: 60% for service api: 33% of the capacity would stay in use"])
        #expect(try breaches(rule, then: drained("oslo", service: "api")) == [])
        #expect(
            try breaches("{ in_use: 1 }", [drained("oslo", service: "api")], then: drained("ashburn"))
                == ["safety rule in_use: 1 for service api: 0 of 2 datacenters would stay in use"])
        var placed = drained("ashburn")
        placed.areas = [Area("NO")!]
        #expect(try breaches(rule, then: placed) == [], "it is in use elsewhere")
    }

    @Test(
        "are refused if they make no sense",
        arguments: [
            ("{ in_use: 5 }", "in_use of safety is 5, and there are 4 datacenters"),
            ("{ in_use: 0 }", "in_use of safety is '0'"), ("{ capacity: 60 }", "capacity of safety is '60'"),
            ("{ capacity: 101% }", "capacity of safety is '101%'"), ("{ inuse: 2 }", "did you mean 'in_use'?"),
        ])
    func refused(safety: String, diagnostic: String) {
        let error = #expect(throws: ConfigurationError.self) { try configuration(safety) }
        #expect(error?.diagnostics.contains { $0.message.contains(diagnostic) } == true, "\(error?.diagnostics ?? [])")
    }
}
