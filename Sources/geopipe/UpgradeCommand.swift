import ArgumentParser
import CLinux
import Glibc
import Platform
import State

struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Switch running coprocesses to the installed program, without restarting pdns.",
        discussion: """
            Coprocesses switch one after another, each between two answers, in the same processes. A program that does not \
            answer is rejected. Root acts with the rights of the state directory's owner. Exits 1 if a coprocess did \
            not switch within a minute.
            """)

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    /// The maximum wait for the coprocesses, in seconds.
    private static let timeout = 60

    func run() throws {
        do throws(Refusal) {
            let state = try options.requiredState()
            try state.becomeOwner()
            let outcome = try upgrade(state)
            if json { print(outcome.json.pretty) }
            guard !outcome.failures.isEmpty else { return }
            for failure in outcome.failures { printError(visible(failure.words)) }
        } catch {
            printError(visible(error.message))
            if json { print(UpgradeOutcome(notes: [visible(error.message)]).json.pretty) }
            throw error.code
        }
        throw ExitCode.wrong
    }

    private func upgrade(_ state: StateDirectory) throws(Refusal) -> UpgradeOutcome {
        let (statuses, unreadable) = try known(state)
        guard !statuses.isEmpty || !unreadable.isEmpty else {
            throw Refusal(message: "no running coprocess has the state directory \(state.path)", code: .wrong)
        }
        var outcome = UpgradeOutcome()
        func fail(_ process: Int, _ reason: String, after words: String = "is not upgraded: ") {
            outcome.failures.append(.init(process: process, reason: reason, words: "\(process) \(words)\(reason)"))
        }
        for process in unreadable { fail(process, "its status cannot be read") }
        var processes: [CoprocessProcess] = []
        for status in statuses {
            do throws(CoprocessProcess.Refusal) {
                if let process = try CoprocessProcess(status, ownerOf: state) { processes.append(process) }
            } catch {
                fail(status.process, error.description)
            }
        }
        var waiting = processes.filter { !$0.runsWhatIsInstalled }
        let waited = Set(waiting.map(\.number))
        outcome.current = processes.map { Int($0.number) }.filter { !waited.contains(pid_t($0)) }
        say(
            "\(outcome.current.count) of \(statuses.count + unreadable.count) coprocesses already run the installed program"
        )
        let refusalsBefore = Dictionary(
            statuses.map { ($0.process, $0.refusal?.count ?? 0) }, uniquingKeysWith: { first, _ in first })
        // A coprocess that has ended since needs no upgrade.
        waiting.removeAll { process in
            guard !process.signal(SIGUSR2) else { return false }
            if errno != ESRCH { fail(Int(process.number), String(cString: strerror(errno))) }
            return true
        }
        let end = milliseconds() + 1_000 * Self.timeout
        while !waiting.isEmpty, milliseconds() < end {
            usleep(100_000)
            let now = try known(state).statuses
            for process in waiting {
                if let status = now.first(where: { $0.process == process.number }) { process.program = status.program }
            }
            waiting.removeAll { process in
                guard process.runsWhatIsInstalled else { return !process.isAlive }
                outcome.upgraded.append(Int(process.number))
                say("\(process.number) upgraded")
                return true
            }
            for status in now {
                guard let refusal = status.refusal, refusal.count > refusalsBefore[status.process] ?? 0,
                    let place = waiting.firstIndex(where: { $0.number == status.process })
                else { continue }
                fail(status.process, refusal.reason)
                waiting.remove(at: place)
            }
        }
        for process in waiting {
            fail(
                Int(process.number), "after \(Self.timeout) s; the log of pdns says why", after: "is not upgraded ")
        }
        return outcome
    }

    /// Prints progress.
    private func say(_ line: String) {
        if !json { print(line) }
    }

    private func known(
        _ state: StateDirectory
    ) throws(Refusal) -> (statuses: [CoprocessStatus], unreadable: [Int]) {
        do throws(StateDirectory.Failure) {
            return try state.knownCoprocesses()
        } catch {
            throw Refusal(message: "\(error)", code: .unusable)
        }
    }
}

/// The outcome of an upgrade.
private struct UpgradeOutcome {
    /// The processes that already ran the installed program.
    var current: [Int] = []
    /// The processes that were upgraded.
    var upgraded: [Int] = []
    var failures: [Failure] = []
    /// The reason why nothing was done, if so.
    var notes: [String] = []

    struct Failure {
        var process: Int
        var reason: String
        var words: String
    }

    var json: JSON {
        .object([
            "current": .list(current.map(JSON.integer)), "upgraded": .list(upgraded.map(JSON.integer)),
            "failures": .list(
                failures.map { .object(["pid": .integer($0.process), "reason": .text(visible($0.reason))]) }),
            "notes": .list(notes.map(JSON.text)),
        ])
    }
}

extension StateDirectory {
    /// Drops all rights except those of the folder's owner, if this is root and the folder belongs to another user:
    /// files of that user must not make root do what the user could not do.
    fileprivate func becomeOwner() throws(Refusal) {
        var status = stat()
        guard geteuid() == 0, stat(path, &status) == 0, status.st_uid != 0 else { return }
        guard setgroups(0, nil) == 0, setresgid(status.st_gid, status.st_gid, status.st_gid) == 0,
            setresuid(status.st_uid, status.st_uid, status.st_uid) == 0
        else {
            throw Refusal(
                message: "cannot become the owner of \(path): \(String(cString: strerror(errno)))", code: .unusable)
        }
    }
}

/// A coprocess that was inspected, and is certainly the same process when it gets a signal.
private final class CoprocessProcess {
    let number: pid_t
    /// The `fileIdentity` of its program, as its status says.
    var program: String?
    private let descriptor: CInt

    /// The reason why a process gets no signal.
    struct Refusal: Error {
        let description: String
    }

    /// Opens the process before inspecting it, so that its number cannot pass to another process in between
    /// (pidfd_open(2)).
    ///
    /// - Returns: `nil` if it has ended.
    /// - Throws: if it is not a geopipe of the state directory's owner: the signal would end most other programs.
    init?(_ status: CoprocessStatus, ownerOf state: StateDirectory) throws(Refusal) {
        number = pid_t(status.process)
        program = status.program
        guard status.isInOwnNamespace else {
            throw Refusal(description: "it is in a container; run geopipe upgrade there")
        }
        let descriptor = pidfd_open(number, 0)
        self.descriptor = descriptor
        guard descriptor >= 0 else {
            if errno == ESRCH { return nil }
            throw Refusal(description: "cannot open the process: \(String(cString: strerror(errno)))")
        }
        guard status.isBirth(of: number) else { return nil }
        var owner = stat()
        guard stat(state.path, &owner) == 0, let user = userID(of: number), user == owner.st_uid else {
            throw Refusal(description: "the process does not belong to the owner of \(state.path)")
        }
        // A process that has ended, and that its parent has not waited for yet, has no program.
        let names = number.programNames
        guard !names.isEmpty else { return nil }
        guard names.contains("geopipe") else { throw Refusal(description: "the process is not geopipe") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Returns: false with a reason in `errno`.
    func signal(_ number: CInt) -> Bool { pidfd_send_signal(descriptor, number, nil, 0) == 0 }

    var isAlive: Bool { signal(0) || errno != ESRCH }

    /// Whether the process runs the file that is now at its program's path, which may be a link.
    var runsWhatIsInstalled: Bool {
        guard let path = number.arguments.first else { return false }
        let installed = fileIdentity(path.hasPrefix("/") ? path : "/proc/\(number)/cwd/\(path)")
        return installed != nil && (program ?? fileIdentity("/proc/\(number)/exe")) == installed
    }
}

/// Returns the user of a process; `nil` unless its real, effective, saved and file system ids are equal.
private func userID(of process: pid_t) -> uid_t? {
    guard let status = contents(ofSmallFile: "/proc/\(process)/status") else { return nil }
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("Uid:") }
    let users = Set(line?.split(whereSeparator: \.isWhitespace).dropFirst().compactMap { uid_t($0) } ?? [])
    return users.count == 1 ? users.first : nil
}

extension pid_t {
    fileprivate var arguments: [String] {
        (contents(ofSmallFile: "/proc/\(self)/cmdline") ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The names of its program: the file's, and the one it was started by.
    fileprivate var programNames: Set<String> {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes {
            readlink("/proc/\(self)/exe", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        // The kernel appends a mark to the path of a replaced program.
        let path = String(decoding: target.prefix(Swift.max(0, count)), as: UTF8.self)
        let file = path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
        return Set([file, arguments.first].compactMap { $0?.split(separator: "/").last.map(String.init) })
    }
}
