import Configuration
import Foundation
import Geography
import Platform
import Support
import Testing

@testable import State

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
            .force, datacenter: "tokyo", service: "web", share: 100, until: nil, user: "operator",
            since: 1_700_000_000, reason: "")
        let before = [placed, drained("ashburn", service: "web"), forced]
        try state.change(recording: { _ in before.map(HistoryEntry.init) }) { $0 = before }
        unlink(state.switchFile)
        unlink(state.switchFile + ".copy")
        let oslo = drained("oslo")
        let diagnostic = try #require(try state.change(recording: { _ in [HistoryEntry(oslo)] }) { $0.append(oslo) })
        #expect(
            diagnostic.contains("which has ended: 30% of ashburn in SE; ashburn for service web; tokyo"),
            "\(diagnostic)")
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
        let entry = HistoryEntry(time: 1, user: "operator", .drain, datacenter: "oslo")
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
        let up = HealthReport.State(isUp: true, since: 1, reportedAt: number, reason: "")
        let report = HealthReport(time: 1, process: 1, states: ["tcp://192.0.2.1:80": up])
        #expect(throws: StateFile.Untrusted.self) { try HealthReport(report.text) }
        let line = HistoryEntry(time: number, user: "operator", .drain, datacenter: "oslo").line
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
        "of another user gets files that root makes as its owner, with no more rights than the owner has",
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
            let failure = try #require(throws: StateDirectory.Failure.self) {
                try trap.change { $0 = [drained("oslo")] }
            }
            #expect(failure.description.contains("give that folder to root (chown)"), "\(failure)")
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
