import CLinux
import CProcess
import DNS
import Glibc
import Logging
import Platform

/// A compiler: this program in a separate process, so that its memory is freed when it ends, and a crash leaves the
/// coprocess alive.
package struct CompilerProcess {
    package let process: pid_t
    /// Becomes readable when the configuration has been found valid, and reaches its end when the process ends.
    let soundness: CInt
    /// The pidfd, which becomes readable when the process ends; -1 if the kernel has no pidfd.
    package let ending: CInt
    /// When the process is killed, in milliseconds of the monotonic clock.
    private let deadline: Int

    /// The seconds after which the process is killed.
    package static let timeout = 120
    /// The seconds after which a compilation that failed to end is tried again, even if no input has changed.
    package static let retryAfter = 60

    /// The numbers of the descriptors that a compiler inherits.
    enum Inherited {
        /// A pipe that the compiler writes a byte to when the configuration has been found valid.
        static let soundness: CInt = 3
        /// The file that holds the lock on the images.
        static let lock: CInt = 4
        /// The file for the image, if the state directory cannot hold it.
        static let image: CInt = 5
        /// The file for the report in the same case.
        static let report: CInt = 6
        /// The file with the image in force in the same case.
        static let previous: CInt = 7
    }

    /// How a compiler process ended.
    package enum Ending: Equatable {
        /// It finished, and its report has the result.
        case done
        /// It was killed or crashed; the reason, as a sentence.
        case failed(String)
    }

    /// Starts a compiler; `nil` with the reason in `errno` if that fails.
    ///
    /// - Parameters:
    ///   - isUrgent: whether the coprocess has no image to answer from until the compiler ends.
    ///   - lock: the descriptor of the lock that the compiler holds too; -1 for none.
    ///   - images: the state directory that the images are in; `nil` if image and report go to `files`.
    ///   - files: the files for the image and the report, and the file of the image in force.
    ///   - logLevel: the least severe level that the compiler logs.
    package init?(
        _ request: CompileRequest, isUrgent: Bool, lock: CInt, images: String?,
        files: (image: CInt, report: CInt, previous: CInt)? = nil, logLevel: Logger.Level = .info
    ) {
        var ends: [CInt] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { return nil }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        // A descriptor may already have a number that `dup2` assigns to another one: all are first copied to numbers
        // above.
        var moved: [CInt] = []
        defer { for descriptor in moved { close(descriptor) } }
        func hand(_ descriptor: CInt, as number: CInt) {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 16)
            guard copy >= 0 else { return }
            moved.append(copy)
            posix_spawn_file_actions_adddup2(&actions, copy, number)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        hand(ends[1], as: Inherited.soundness)
        if lock >= 0 { hand(lock, as: Inherited.lock) }
        if let files {
            hand(files.image, as: Inherited.image)
            hand(files.report, as: Inherited.report)
            if files.previous >= 0 { hand(files.previous, as: Inherited.previous) }
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, Inherited.previous + 1)
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A signal to the process group of pdns must not end the compiler: the next coprocess waits for its image.
        let newSession = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(Int(POSIX_SPAWN_SETSIGMASK) | Int(POSIX_SPAWN_SETSIGDEF) | newSession))
        let role: CoprocessRole =
            files.map { $0.previous >= 0 ? .descriptorsWithPrevious : .descriptors } ?? .folder
        var arguments = [processArguments.first ?? "geopipe", "compile", "--config", request.configuration]
        for database in request.databases { arguments += ["--database", database] }
        if let directory = request.stateDirectory { arguments += ["--state", directory] }
        arguments += ["--for-coprocess", role.rawValue]
        if let images { arguments += ["--images", images] }
        if isUrgent { arguments.append("--urgent") }
        if logLevel != .info { arguments += ["--log-level", "\(logLevel)"] }
        var argv = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var process = pid_t()
        var error = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &argv, environ)
        if error != 0, let program = processArguments.first, program.contains("/") {
            error = posix_spawn(&process, program, &actions, &attributes, &argv, environ)
        }
        guard error == 0 else {
            close(ends[0])
            errno = error
            return nil
        }
        self.process = process
        soundness = ends[0]
        ending = pidfd_open(process, 0)
        deadline = milliseconds() + Self.timeout * 1_000
    }

    /// Returns how the process ended; `nil` while it works. Kills a process whose deadline has passed.
    package func ended() -> Ending? {
        var status: CInt = 0
        let found = waitpid(process, &status, WNOHANG)
        if found == 0 || found < 0 && errno == EINTR {
            guard milliseconds() >= deadline else { return nil }
            kill(process, SIGKILL)
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            closeDescriptors()
            return .failed("the compiler took longer than \(Self.timeout) s, and was killed")
        }
        closeDescriptors()
        let signal = status & 0x7f
        if found > 0, signal != 0 {
            let reason = signal == SIGKILL ? "; there may have been too little memory" : ""
            return .failed(
                "the compiler was ended by signal \(signal) (\(String(cString: strsignal(signal))))\(reason)")
        }
        return .done
    }

    private func closeDescriptors() {
        close(soundness)
        if ending >= 0 { close(ending) }
    }

    /// Waits until the configuration has been found valid; `false` if the process ends before.
    package func waitForSoundness() -> Bool {
        var request = pollfd(fd: soundness, events: Int16(POLLIN), revents: 0)
        while poll(&request, 1, CInt(Self.timeout * 1_000)) < 0, errno == EINTR {}
        var byte: UInt8 = 0
        return read(soundness, &byte, 1) == 1
    }
}

extension CompilerProcess {
    /// Limits the priority, run time and memory of this compiler process.
    static func prepareSelf(isUrgent: Bool) {
        if !isUrgent { _ = nice(19) }
        // Other processes that wait for this core run first, and the timer ends the compiler even if the coprocess is
        // gone.
        interrupt_often(150, timeout + 10)
        var limit = rlimit()
        let pages = sysconf(CInt(_SC_PHYS_PAGES)) * sysconf(CInt(_SC_PAGESIZE))
        limit.rlim_cur = UInt(max(pages / 2, 1 << 31))
        limit.rlim_max = limit.rlim_cur
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        // If memory runs out nevertheless, the kernel ends this process first.
        let file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        if file >= 0 {
            _ = write(file, "1000", 4)
            close(file)
        }
    }
}
