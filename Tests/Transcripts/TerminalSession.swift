import Foundation
import Support

/// The real geopipe on a pseudo-terminal, as made by sshd.
final class TerminalSession {
    let identifier: pid_t
    /// All output to the terminal.
    private(set) var output = ""
    private let master: CInt
    /// The descriptor stays open, so that no output is lost when the program closes its own.
    private let slave: CInt
    private var bytes: [UInt8] = []
    private var ending: Int32?

    struct Failure: Error {
        let call: String
        let reason = errno
    }

    init(
        _ arguments: [String], columns: Int = 80, lines: Int = 24,
        environment: [String] = ["TERM=xterm-256color", "LANG=C.UTF-8"]
    ) throws {
        var (master, slave): (CInt, CInt) = (-1, -1)
        var size = winsize(ws_row: UInt16(lines), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        var name = [CChar](repeating: 0, count: 128)
        guard openpty(&master, &slave, &name, nil, &size) == 0 else { throw Failure(call: "openpty") }
        (self.master, self.slave) = (master, slave)
        for descriptor in [master, slave] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        // The first terminal that a session leader opens becomes the controlling terminal.
        posix_spawn_file_actions_addopen(&actions, 0, &name, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setflags(&attributes, Int16(0x80 /* POSIX_SPAWN_SETSID */ | POSIX_SPAWN_SETSIGMASK))
        // Threads of tests block most signals.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var words: [UnsafeMutablePointer<CChar>?] = ([Coprocess.binary] + arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (words + variables).forEach { free($0) } }
        var identifier: pid_t = 0
        let result = posix_spawn(&identifier, Coprocess.binary, &actions, &attributes, &words, &variables)
        guard result == 0 else {
            errno = result
            throw Failure(call: "posix_spawn")
        }
        self.identifier = identifier
    }

    deinit {
        if ending == nil {
            kill(identifier, SIGKILL)
            waitpid(identifier, nil, 0)
        }
        close(master)
        close(slave)
    }

    /// Reads until a text appears after the first `start` characters of the output.
    func shows(_ text: String, after start: Int = 0) -> Bool {
        eventually(within: Coprocess.timeout) {
            read()
            return output.dropFirst(start).contains(text)
        }
    }

    func type(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = write(master, bytes, bytes.count)
    }

    func resize(columns: Int, lines: Int) {
        var size = winsize(ws_row: UInt16(lines), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Whether the terminal is in line mode with echo, as in a shell.
    var isAsBefore: Bool {
        var settings = termios()
        tcgetattr(master, &settings)
        return settings.c_lflag & tcflag_t(ICANON) != 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Waits until it has ended or stopped.
    ///
    /// - Returns: the status of waitpid(2); `nil` if it takes too long.
    func waitForChange() -> Int32? {
        var status: Int32 = 0
        let isOver = eventually(within: Coprocess.timeout) {
            // Read the terminal, so that the program does not block.
            read()
            return waitpid(identifier, &status, WNOHANG | WUNTRACED) == identifier
        }
        read()
        guard isOver else { return nil }
        if status & 0xff != 0x7f { ending = status }
        return status
    }

    /// Reads the pending output.
    private func read() {
        var polled = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var isNew = false
        while poll(&polled, 1, 0) > 0, case let count = Glibc.read(master, &chunk, chunk.count), count > 0 {
            bytes += chunk[..<count]
            isNew = true
        }
        if isNew { output = String(decoding: bytes, as: UTF8.self) }
    }
}
