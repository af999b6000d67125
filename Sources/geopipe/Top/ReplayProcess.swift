import CLinux
import Glibc
import Platform

/// A `geopipe-agent replay` that serves one terminal: at a socket in a folder of its own, which goes with it.
final class ReplayProcess {
    private let folder: String
    private let process: pid_t
    private var hasEnded = false

    /// Where it tells of the traffic.
    var socket: String { folder + "/live.sock" }
    /// What it has to say: the terminal is drawn on.
    private var journal: String { folder + "/log" }

    /// Starts it.
    ///
    /// - Parameter arguments: those of the program, without the socket.
    init(_ program: String, _ arguments: [String]) throws(Refusal) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(parent)/geopipe-replay.XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else {
            throw Refusal(message: "cannot make a folder in \(parent): \(String(cString: strerror(errno)))", code: .unusable)
        }
        folder = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let at = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let words = [program] + arguments[..<at] + ["--socket", folder + "/live.sock"] + arguments[at...]
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, folder + "/log", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        // Of the same process group: Ctrl-C and Ctrl-Z mean both programs.
        var process = pid_t()
        let failure = posix_spawn(&process, program, &actions, nil, &pointers, environ)
        self.process = process
        guard failure == 0 else {
            hasEnded = true
            end()
            throw Refusal(
                message: "cannot run \(visible(program)): \(String(cString: strerror(failure)))", code: .unusable)
        }
    }

    /// Waits until it listens. Reading a long log takes it some time.
    ///
    /// - Throws: what it said, if it has ended.
    func waitUntilReady() throws(Refusal) {
        var status = stat()
        while stat(socket, &status) != 0 {
            guard waitpid(process, nil, WNOHANG) == 0 else {
                hasEnded = true
                let words = contents(ofSmallFile: journal).map { String(decoding: $0, as: UTF8.self) } ?? ""
                throw Refusal(
                    message: "the replay has ended: \(words.split(separator: "\n").last ?? "")", code: .unusable)
            }
            usleep(20_000)
        }
    }

    /// Ends it, and removes its folder.
    func end() {
        if !hasEnded {
            hasEnded = true
            kill(process, SIGTERM)
            waitpid(process, nil, 0)
        }
        for file in [socket, journal] { unlink(file) }
        rmdir(folder)
    }
}
