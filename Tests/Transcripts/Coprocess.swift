import Foundation

/// The real geopipe, built beside the tests and spoken to over pipes, as pdns does.
///
/// Nothing here waits longer than `patience`, so that a hang is a failure that tells what was awaited.
final class Coprocess {
    /// How it ended.
    struct Ending: Equatable {
        var status: Int32 = 0
        /// Ended by a signal, which `status` then is.
        var killed = false
    }

    /// The time limit was reached, or the coprocess went away, while something else was awaited.
    struct Unanswered: Error, CustomStringConvertible {
        let description: String
    }

    static let binary = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "geopipe").path

    /// Long enough for a busy machine: it decides only how soon a hang is called one.
    static let patience: Duration = .seconds(60)

    /// What was written to standard output and not taken by `answer()` yet.
    private(set) var output: [UInt8] = []
    /// How many reads `output` took.
    private(set) var reads = 0
    private(set) var standardError: [UInt8] = []
    /// How many bytes are read and written at a time.
    var chunk = 65_536
    /// Whether standard output is read at all.
    var listening = true

    let identifier: pid_t
    /// A state directory that goes with it.
    private var ownState: String?
    /// Once it is known.
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
    ///   - folder: where it runs, and what the paths in `arguments` start from.
    ///   - terminal: stands in for the pipe to its standard input.
    ///   - packets: keeps its writes apart, so that each arrives by a read of its own.
    ///   - program: geopipe itself, or a copy of it.
    ///   - environment: what it has in its environment beside what is there, as `NAME=VALUE`.
    init(
        _ arguments: [String], in folder: URL, terminal: FileHandle? = nil, packets: Bool = false,
        program: String = Coprocess.binary, environment: [String] = []
    ) throws {
        // Where the configuration names no state directory, it has one of its own.
        var arguments = arguments
        if arguments.first == "--config", arguments.count > 1, !arguments.contains("--state") {
            let file = URL(filePath: arguments[1], relativeTo: folder.appending(path: "/"))
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            if !text.contains("state_directory") {
                ownState = FileManager.default.temporaryDirectory.appending(path: "geopipe-state-\(UUID())").path
                arguments += ["--state", ownState!]
            }
        }
        // A write to a coprocess that is gone shall give EPIPE here. The coprocess gets the default back through `env`:
        // a signal that is ignored stays so across exec, and would hide that geopipe forgot to.
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

    /// Leaves bytes to be written while something else is awaited.
    func queue(_ bytes: [UInt8]) {
        unsent += bytes
    }

    /// The next answer: its lines, up to and with the one that ends it (`OK`, `END` or `FAIL`).
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

    /// Drops what was written to standard error so far.
    func forgetError() { standardError = [] }

    /// Reads, and writes what is queued, for a while.
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

    /// Writes what is queued, ends its standard input and waits until it is gone.
    func finish() throws -> Ending {
        try pump("everything to be read") { unsent.isEmpty }
        closeInput()
        return try ending()
    }

    /// Waits until it is gone.
    func ending() throws -> Ending {
        try pump("the end of its output") { outputEnd < 0 && errorEnd < 0 }
        let deadline = ContinuousClock.now + Self.patience
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

    /// Moves bytes both ways until `done`.
    func pump(_ awaited: String, until done: () -> Bool) throws {
        let deadline = ContinuousClock.now + Self.patience
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

/// Starts a program with these standard files, and with no signal blocked: the threads that tests run on block most.
///
/// Foundation's Process takes a child that closes what was handed down to it for one that ends, and lets all others wait
/// until it does.
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
    // A process that another test starts at this very moment would keep them open.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

private func endsAnswer(_ line: [UInt8]) -> Bool {
    line.elementsEqual("END".utf8) || line.elementsEqual("FAIL".utf8) || line.starts(with: "OK".utf8)
}

/// Bytes of the protocol as a dialogue shows them: two spaces for a tab.
func legible(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self).replacing("\t", with: "  ")
}
