import CLinux
import Glibc
import Platform

/// A `geopipe-agent replay` that serves one terminal, on a socket in a temporary folder.
///
/// It ends when this process ends for any reason, because this process holds the other end of a pipe. Signals that ask
/// this process to end wait until they are polled, so that none leaves the folder behind.
final class ReplayProcess {
    private let folder: String
    private let process: pid_t
    /// The log of the process, because the terminal is in use.
    private let journal: CInt
    /// The process ends when this is closed.
    private let lifeline: CInt
    private var signals = sigset_t()
    private var signalsBefore = sigset_t()
    private var hasEnded = false

    /// The socket of its live traffic.
    var socket: String { folder + "/live.sock" }

    /// The number of the pipe's descriptor in the process.
    private static let descriptor: CInt = 3

    /// Starts the process.
    ///
    /// - Parameter arguments: the arguments of the program, except the socket.
    init(_ program: String, _ arguments: [String]) throws(Refusal) {
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, &signalsBefore)
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(parent)/geopipe-replay.XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else {
            let reason = String(cString: strerror(errno))
            pthread_sigmask(SIG_SETMASK, &signalsBefore, nil)
            throw Refusal(message: "cannot make a folder in \(parent): \(reason)", code: .unusable)
        }
        folder = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        var pipe: [CInt] = [-1, -1]
        let isPipe = pipe2(&pipe, O_CLOEXEC) == 0
        (journal, lifeline) = (AnonymousFile.make("journal"), pipe[1])
        defer { if isPipe { close(pipe[0]) } }
        let at = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let own = ["--socket", folder + "/live.sock", "--lifeline", "\(Self.descriptor)"]
        let words = [program] + arguments[..<at] + own + arguments[at...]
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_adddup2(&actions, journal, descriptor)
        }
        posix_spawn_file_actions_adddup2(&actions, pipe[0], Self.descriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        // If this process is killed, the kernel sends SIGHUP to all on the terminal, maybe before the agent can ignore it.
        var mask = signalsBefore
        sigaddset(&mask, SIGHUP)
        posix_spawnattr_setsigmask(&attributes, &mask)
        // In the same process group: Ctrl-C and Ctrl-Z reach both programs.
        var process = pid_t()
        let failure =
            isPipe && journal >= 0 ? posix_spawn(&process, program, &actions, &attributes, &pointers, environ) : errno
        self.process = process
        guard failure == 0 else {
            hasEnded = true
            end()
            throw Refusal(
                message: "cannot run \(visible(program)): \(String(cString: strerror(failure)))", code: .unusable)
        }
    }

    /// Waits until it listens. Reading a long log takes time.
    ///
    /// - Returns: false if a signal such as Ctrl-C asks this process to end.
    /// - Throws: its last messages, if it has ended.
    func waitUntilReady() throws(Refusal) -> Bool {
        var status = stat()
        while stat(socket, &status) != 0 {
            // Ctrl-C ends both, so check first whether that was the reason.
            var pause = timespec(tv_sec: 0, tv_nsec: 20_000_000)
            if sigtimedwait(&signals, nil, &pause) > 0 { return false }
            guard waitpid(process, nil, WNOHANG) == 0 else {
                hasEnded = true
                var none = timespec()
                if sigtimedwait(&signals, nil, &none) > 0 { return false }
                let words = said.split(separator: "\n").last ?? ""
                throw Refusal(message: "the replay has ended: \(words)", code: .unusable)
            }
        }
        return true
    }

    /// The end of its log.
    private var said: String {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let size = lseek(journal, 0, SEEK_END)
        let count = pread(journal, &bytes, bytes.count, max(0, size - off_t(bytes.count)))
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Ends the process, and removes its folder.
    func end() {
        if lifeline >= 0 { close(lifeline) }
        if journal >= 0 { close(journal) }
        if !hasEnded {
            hasEnded = true
            kill(process, SIGTERM)
            // It may be stopped, for example by Ctrl-Z.
            kill(process, SIGCONT)
            while waitpid(process, nil, 0) < 0, errno == EINTR {}
        }
        unlink(socket)
        rmdir(folder)
        pthread_sigmask(SIG_SETMASK, &signalsBefore, nil)
    }
}
