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
            They do so one after another, each between two answers, in the same processes. A program that does not \
            answer is refused. Root does it with the rights of the state directory's owner. Exits 1 if a coprocess did \
            not follow within a minute.
            """)

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    /// Seconds for which the coprocesses are waited for.
    private static let patience = 60

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
            throw Refusal(message: "no coprocess runs that has the state directory \(state.path)", code: .wrong)
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
            "\(outcome.current.count) of \(statuses.count + unreadable.count) coprocesses run what is installed already"
        )
        let refusalsBefore = Dictionary(
            statuses.map { ($0.process, $0.refusal?.count ?? 0) }, uniquingKeysWith: { first, _ in first })
        // One that has ended since needs no upgrade.
        waiting.removeAll { process in
            guard !process.signal(SIGUSR2) else { return false }
            if errno != ESRCH { fail(Int(process.number), String(cString: strerror(errno))) }
            return true
        }
        let end = milliseconds() + 1_000 * Self.patience
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
                Int(process.number), "after \(Self.patience) s; the log of pdns says why", after: "is not upgraded ")
        }
        return outcome
    }

    /// Tells people how it goes on.
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

/// What came of an upgrade.
private struct UpgradeOutcome {
    /// The processes that have run what is installed already.
    var current: [Int] = []
    /// The processes that have been upgraded.
    var upgraded: [Int] = []
    var failures: [Failure] = []
    /// Why nothing was done, if so.
    var notes: [String] = []

    struct Failure {
        var process: Int
        var reason: String
        /// For people.
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
    /// Gives up all rights but those of the folder's owner, if this is root and the folder is another user's: what that user has
    /// written then makes root do nothing that the user could not do.
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

/// A coprocess that was looked at, and is still the same process when it gets a signal.
private final class CoprocessProcess {
    let number: pid_t
    /// The `fileIdentity` of its program, as it tells itself.
    var program: String?
    private let descriptor: CInt

    /// Why a process gets no signal.
    struct Refusal: Error {
        let description: String
    }

    /// Takes hold of the process before it looks at it, so that its number cannot go to another one in between (pidfd_open(2)).
    ///
    /// - Returns: `nil` if it has ended.
    /// - Throws: if it is not a geopipe of the state directory's owner: a signal would end most other programs.
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
            throw Refusal(description: "cannot take hold of it: \(String(cString: strerror(errno)))")
        }
        guard status.isBirth(of: number) else { return nil }
        var owner = stat()
        guard stat(state.path, &owner) == 0, let user = userID(of: number), user == owner.st_uid else {
            throw Refusal(description: "the process does not belong to the owner of \(state.path)")
        }
        guard number.programNames.contains("geopipe") else { throw Refusal(description: "the process is not geopipe") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Returns: false with a reason in `errno`.
    func signal(_ number: CInt) -> Bool { pidfd_send_signal(descriptor, number, nil, 0) == 0 }

    var isAlive: Bool { signal(0) || errno != ESRCH }

    /// Whether the process runs what is now where its program was. That may be a link.
    var runsWhatIsInstalled: Bool {
        guard let path = number.arguments.first else { return false }
        let installed = fileIdentity(path.hasPrefix("/") ? path : "/proc/\(number)/cwd/\(path)")
        return installed != nil && (program ?? fileIdentity("/proc/\(number)/exe")) == installed
    }
}

/// The user whose rights a process has; `nil` unless its real, effective, saved and file system ids are one.
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

    /// What its program is called: by its file, and as it was called when it was started.
    fileprivate var programNames: Set<String> {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes {
            readlink("/proc/\(self)/exe", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        // A program that was replaced has that behind its name.
        let path = String(decoding: target.prefix(Swift.max(0, count)), as: UTF8.self)
        let file = path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
        return Set([file, arguments.first].compactMap { $0?.split(separator: "/").last.map(String.init) })
    }
}
