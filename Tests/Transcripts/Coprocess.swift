import Foundation

/// The real geopipe, built with the tests, and driven over pipes like pdns does.
///
/// All waits have a limit, so that a hang is a failure that names the awaited event.
final class Coprocess {
    /// How it ended.
    struct Ending: Equatable {
        var status: Int32 = 0
        /// Whether a signal ended it; then `status` is the signal.
        var killed = false
    }

    /// The time limit was reached, or the coprocess ended, before the awaited event.
    struct Unanswered: Error, CustomStringConvertible {
        let description: String
    }

    static let binary = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "geopipe").path

    /// The time limit, in seconds. Long enough for a busy machine: it decides only how soon a hang is noticed.
    static let timeout: Duration = .seconds(60)

    /// The standard output that `answer()` has not consumed yet.
    private(set) var output: [UInt8] = []
    /// The number of reads of standard output.
    private(set) var reads = 0
    private(set) var standardError: [UInt8] = []
    /// The number of bytes per read and write.
    var chunk = 65_536
    /// Whether standard output is read.
    var listening = true

    let identifier: pid_t
    /// A temporary state directory, removed with it.
    private var ownState: String?
    /// `nil` until it has ended.
    private var exit: Ending?
    private var unsent: ArraySlice<UInt8> = []
    private var inputEnd: CInt = -1
    private var outputEnd: CInt = -1
    private var errorEnd: CInt = -1

    var hasUnsent: Bool { !unsent.isEmpty }
    var hasClosedOutput: Bool { outputEnd < 0 }

    /// Starts geopipe.
    ///
    /// - Parameters:
    ///   - folder: the working directory.
    ///   - terminal: used as its standard input instead of a pipe.
    ///   - packets: uses a socket that keeps writes apart, so that each arrives in a separate read.
    ///   - program: geopipe itself, or a copy of it.
    ///   - environment: additional environment variables, as `NAME=VALUE`.
    init(
        _ arguments: [String], in folder: URL, terminal: FileHandle? = nil, packets: Bool = false,
        program: String = Coprocess.binary, environment: [String] = []
    ) throws {
        // It has its own state directory, unless the configuration names one.
        var arguments = arguments
        if arguments.first == "--config", arguments.count > 1, !arguments.contains("--state") {
            let file = URL(filePath: arguments[1], relativeTo: folder.appending(path: "/"))
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            if !text.contains("state_directory") {
                ownState = FileManager.default.temporaryDirectory.appending(path: "geopipe-state-\(UUID())").path
                arguments += ["--state", ownState!]
            }
        }
        // Ignore SIGPIPE here, so that a write to an ended coprocess gives EPIPE. `env` restores the default for the
        // coprocess: an ignored signal stays ignored across exec, and would hide that geopipe forgot to ignore it.
        signal(SIGPIPE, SIG_IGN)
        let input = try connection()
        let output = try connection(packets: packets)
        let error = try connection()
        defer { for end in [input.read, output.write, error.write] { close(end) } }
        (inputEnd, outputEnd, errorEnd) = (input.write, output.read, error.read)
        for end in [inputEnd, outputEnd, errorEnd] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        identifier = try spawn(
            ["/usr/bin/env", "--default-signal=PIPE", "--chdir=\(folder.path)"] + environment + [program]
                + arguments,
            ends: [terminal?.fileDescriptor ?? input.read, output.write, error.write])
    }

    deinit {
        if !hasEnded() {
            kill(identifier, SIGKILL)
            waitpid(identifier, nil, 0)
        }
        closeInput()
        closeOutput()
        if errorEnd >= 0 { close(errorEnd) }
        if let ownState { try? FileManager.default.removeItem(atPath: ownState) }
    }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        queue(bytes)
        try pump("everything to be read") { unsent.isEmpty }
    }

    /// Queues bytes to write during the next wait.
    func queue(_ bytes: [UInt8]) {
        unsent += bytes
    }

    /// Returns the lines of the next answer, including the last one (`OK`, `END` or `FAIL`).
    func answer() throws -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = 0
        try pump("an answer") {
            while let end = output[start...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(output[start..<end])
                lines.append(line)
                start = end + 1
                if endsAnswer(line) { return true }
            }
            return false
        }
        output.removeFirst(start)
        return lines
    }

    /// Discards the standard error so far.
    func forgetError() { standardError = [] }

    /// Reads, and writes queued bytes, for a while.
    func wait(_ duration: Duration) throws {
        let end = ContinuousClock.now + duration
        try pump("time to pass") { ContinuousClock.now >= end }
    }

    func closeInput() {
        if inputEnd >= 0 { close(inputEnd) }
        inputEnd = -1
    }

    func closeOutput() {
        if outputEnd >= 0 { close(outputEnd) }
        outputEnd = -1
    }

    /// Writes the queued bytes, closes its standard input and waits until it ends.
    func finish() throws -> Ending {
        try pump("everything to be read") { unsent.isEmpty }
        closeInput()
        return try ending()
    }

    /// Waits until it ends.
    func ending() throws -> Ending {
        try pump("the end of its output") { outputEnd < 0 && errorEnd < 0 }
        let deadline = ContinuousClock.now + Self.timeout
        while !hasEnded() {
            guard ContinuousClock.now < deadline else { throw unanswered("it to exit") }
            usleep(1_000)
        }
        return exit!
    }

    private func hasEnded() -> Bool {
        var status: CInt = 0
        if exit == nil, waitpid(identifier, &status, WNOHANG) == identifier {
            let signal = status & 0x7f
            exit = signal == 0 ? Ending(status: status >> 8 & 0xff) : Ending(status: signal, killed: true)
        }
        return exit != nil
    }

    /// Reads and writes until `done`.
    func pump(_ awaited: String, until done: () -> Bool) throws {
        let deadline = ContinuousClock.now + Self.timeout
        while !done() {
            guard ContinuousClock.now < deadline else { throw unanswered(awaited) }
            guard outputEnd >= 0 || errorEnd >= 0 || !unsent.isEmpty else { throw unanswered(awaited) }
            var ends = [  // poll(2) passes over a negative one
                pollfd(fd: unsent.isEmpty ? -1 : inputEnd, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: listening ? outputEnd : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errorEnd, events: Int16(POLLIN), revents: 0),
            ]
            poll(&ends, nfds_t(ends.count), 10)
            if ends[0].revents != 0 { write() }
            if ends[1].revents != 0, read(&outputEnd, into: &output) { reads += 1 }
            if ends[2].revents != 0 { _ = read(&errorEnd, into: &standardError) }
        }
    }

    private func write() {
        let written = unsent.prefix(chunk).withUnsafeBytes { Foundation.write(inputEnd, $0.baseAddress, $0.count) }
        if written >= 0 {
            unsent = unsent.dropFirst(written)
        } else if errno == EPIPE {
            unsent = []
        }
    }

    private func read(_ end: inout CInt, into bytes: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: chunk)
        let count = Foundation.read(end, &buffer, chunk)
        if count > 0 {
            bytes += buffer[..<count]
        } else if count == 0 || errno != EAGAIN {
            close(end)
            end = -1
        }
        return count > 0
    }

    private func unanswered(_ awaited: String) -> Unanswered {
        let error = String(decoding: standardError, as: UTF8.self)
        return Unanswered(
            description: """
                waited for \(awaited); standard output so far: \(legible(output)); standard error: \(error)
                """)
    }
}

/// Starts a program with these standard files, and with no signal blocked: threads of tests block most signals.
///
/// Foundation's Process is unsuitable: it takes a child that closes inherited descriptors as ended, and blocks all
/// others until it does.
private func spawn(_ arguments: [String], ends: [CInt]) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
    }
    for (number, end) in ends.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, CInt(number)) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let status = posix_spawn(&process, arguments[0], &actions, &attributes, &words, environ)
    guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: status) ?? .EIO) }
    return process
}

/// Both ends of a pipe, or of a socket that keeps packets apart.
private func connection(packets: Bool = false) throws -> (read: CInt, write: CInt) {
    var ends: [CInt] = [-1, -1]
    let status = packets ? socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) : pipe(&ends)
    guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    // Without close-on-exec, a process that another test starts just now would keep them open.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

private func endsAnswer(_ line: [UInt8]) -> Bool {
    line.elementsEqual("END".utf8) || line.elementsEqual("FAIL".utf8) || line.starts(with: "OK".utf8)
}

/// Returns bytes of the protocol as in dialogues, with two spaces for a tab.
func legible(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self).replacing("\t", with: "  ")
}
