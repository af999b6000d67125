import CLinux
import Glibc
import Synchronization

/// A running program.
///
/// It inherits only three descriptors of this process, even if other threads start programs at the same time, so that
/// pipes close when their holders end.
final class Child: Sendable {
    let identifier: pid_t
    private let status = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - words: a path, and the arguments.
    ///   - input, output, error: the standard files; the caller closes them.
    init(_ words: [String], input: CInt, output: CInt, error: CInt) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in [input, output, error].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, CInt(number))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Ctrl-C must reach only this process.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let failure = posix_spawn(&process, words[0], &actions, &attributes, &arguments, environ)
        guard failure == 0 else { throw Failure("cannot start \(words[0]): \(String(cString: strerror(failure)))") }
        identifier = process
    }

    var isRunning: Bool { end(WNOHANG) == nil }

    /// Waits until it ends.
    ///
    /// - Returns: its exit status, or 128 and the number of the signal that ended it.
    @discardableResult
    func wait() -> Int32 { end(0)! }

    func terminate() { kill(identifier, SIGTERM) }

    private func end(_ options: CInt) -> Int32? {
        status.withLock { status in
            if let status { return status }
            var word: CInt = 0
            var result = pid_t(-1)
            repeat { result = waitpid(identifier, &word, options) } while result < 0 && errno == EINTR
            guard result == identifier else { return nil }
            status = word & 0x7f == 0 ? word >> 8 & 0xff : 128 + (word & 0x7f)
            return status
        }
    }
}

/// Opens a file that started programs do not inherit.
func openPrivately(_ path: String, _ flags: CInt) throws -> CInt {
    let descriptor = open(path, flags | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure("cannot open \(path): \(String(cString: strerror(errno)))") }
    return descriptor
}
