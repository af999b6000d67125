import CLinux
import Glibc
import Platform
import Synchronization

/// Runs a program to check an address.
///
/// The program gets the given input, no open files of this process, and a process group of its own. The group is killed
/// when the program ends or times out.
struct CommandProbe {
    /// The process groups of running programs; `nil` once no further one may start.
    private static let groups = Mutex<Set<pid_t>?>([])

    /// Kills all running programs with their groups, and prevents further ones.
    static func killAll() {
        groups.withLock { groups in
            for group in groups ?? [] { kill(-group, SIGKILL) }
            groups = nil
        }
    }

    /// Runs a program and waits for its end, which may be late if it hangs in the kernel, where no signal ends it.
    ///
    /// - Parameters:
    ///   - words: the absolute path, and the arguments.
    ///   - timeout: seconds.
    ///   - input: the standard input.
    static func run(_ words: [String], timeout: UInt32, input: String? = nil) -> Outcome {
        guard groups.withLock({ $0 != nil }) else { return .error(ending) }
        // Writing to a file does not wait for its reader.
        let inputFile = input.map { file(with: $0) }
        defer { if let inputFile, inputFile >= 0 { close(inputFile) } }
        if let inputFile, inputFile < 0 { return .error(systemError()) }
        var output: [CInt] = [-1, -1]
        guard pipe2(&output, O_CLOEXEC) == 0 else { return .error(systemError()) }
        defer { close(output[0]) }
        // Nonblocking here only, because the program may not expect that of its end.
        _ = fcntl(output[0], F_SETFL, O_NONBLOCK)
        let started = start(words, input: inputFile, output: output[1])
        close(output[1])
        let process: pid_t
        switch started {
        case .success(let id): process = id
        case .failure(let error) where error.isOwn: return .error(error.reason)
        case .failure(let error): return .failure("cannot run \(words[0]): \(error.reason)")
        }
        // Without pidfd_open (an old kernel, or a filter of system calls), the end of the process cannot be polled.
        let handle = pidfd_open(process, 0)
        guard handle >= 0 else {
            let reason = systemError()
            end(process)
            return .error("cannot wait for a command (pidfd_open): \(reason)")
        }
        defer { close(handle) }
        let status = wait(for: process, handle, reading: output[0], until: monotonicTime() + Double(timeout))
        let line = status.line.isEmpty ? "" : ": \(status.line)"
        // A program that `killAll` killed says nothing about the address.
        if groups.withLock({ $0 == nil }) { return .error(ending) }
        guard let status = status.status else { return .failure("timed out after \(timeout) s\(line)") }
        let signal = status & 0x7f
        if signal != 0 { return .failure("killed by signal \(signal)\(line)") }
        let code = status >> 8 & 0xff
        return code == 0 ? .success("exit status 0\(line)") : .failure("exit status \(code)\(line)")
    }

    /// Creates an unnamed file with the text, positioned at its start.
    ///
    /// - Returns: -1 on failure, with the reason in errno.
    private static func file(with text: String) -> CInt {
        let descriptor = AnonymousFile.make("geopipe-input")
        guard descriptor >= 0 else { return -1 }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                errno = code
                return -1
            }
            written += count
        }
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    /// The reason why programs no longer start.
    static let ending = "the agent ends"

    private struct StartError: Error {
        var code: CInt
        var reason: String { systemError(code) }
        /// Whether this machine lacks a resource.
        var isOwn: Bool { [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(code) }
    }

    private static func start(_ words: [String], input: CInt?, output: CInt) -> Result<pid_t, StartError> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        // posix_spawn waits until the program is read from disk, so hold no lock.
        let error = posix_spawn(&process, words[0], &actions, &attributes, &arguments, environ)
        guard error == 0 else { return .failure(StartError(code: error)) }
        groups.withLock { groups in
            // `killAll` may have run in between.
            if groups?.insert(process) == nil { kill(-process, SIGKILL) }
        }
        return .success(process)
    }

    /// Waits until the process ends, kills it after the timeout, and kills what is left of its group.
    ///
    /// - Returns: its status as of wait(2), `nil` after a timeout, and the first line of its output.
    private static func wait(
        for process: pid_t, _ handle: CInt, reading output: CInt, until deadline: Double
    ) -> (status: CInt?, line: String) {
        var head: [UInt8] = []
        var watched = [
            pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
        ]
        var isOver = false
        while case let left = deadline - monotonicTime(), left > 0, !isOver {
            guard poll(&watched, 2, CInt(left * 1_000) + 1) > 0 else { continue }
            isOver = watched[0].revents != 0
            if watched[1].revents != 0, !drain(output, &head) { watched[1].fd = -1 }
        }
        let status = end(process)
        if isOver, watched[1].fd >= 0 { _ = drain(output, &head) }
        let line = head.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false).first ?? []
        return (isOver ? status : nil, String(decoding: line.prefix(lineLimit), as: UTF8.self))
    }

    /// Kills what is left of a process and its group.
    ///
    /// - Returns: its status as of wait(2).
    @discardableResult
    private static func end(_ process: pid_t) -> CInt {
        var status: CInt = 0
        groups.withLock { groups in
            // The number cannot be reused until the process is reaped.
            kill(-process, SIGKILL)
            groups?.remove(process)
        }
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status
    }

    private static let lineLimit = 200

    /// Reads available output, and keeps the beginning.
    ///
    /// - Returns: whether more may come.
    private static func drain(_ output: CInt, _ head: inout [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { chunk in
            // Endless output must not keep the reader from checking the clock.
            for _ in 0..<64 {
                let count = read(output, chunk.baseAddress, chunk.count)
                guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
                head += chunk.prefix(min(count, max(0, lineLimit - head.count)))
            }
            return true
        }
    }
}
