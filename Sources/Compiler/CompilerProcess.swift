import CLinux
import CProcess
import DNS
import Glibc
import Logging
import Platform

/// A compiler: this program in a process of its own, which takes its memory and its faults with it when it ends.
package struct CompilerProcess {
    package let process: pid_t
    /// Readable, or closed at its other end, when the configuration has been found sound, or the process has ended.
    let soundness: CInt
    /// Becomes readable when the process ends; -1 if the kernel has no such thing.
    package let ending: CInt
    /// In milliseconds on the monotonic clock.
    private let deadline: Int

    /// Seconds after which it is killed.
    static let patience = 120
    /// Seconds after which a compilation is tried again that did not come to its end, though nothing has changed.
    package static let retryAfter = 60

    /// The descriptors that a compiler has by these numbers.
    enum Inherited {
        /// Written to when the configuration has been found sound.
        static let soundness: CInt = 3
        /// Holds the lock on images.
        static let lock: CInt = 4
        /// Where the image goes, if there is no folder for it.
        static let image: CInt = 5
        /// Where the report goes then.
        static let report: CInt = 6
        /// The image in force then.
        static let previous: CInt = 7
    }

    /// How a compiler ended that did not come to its end.
    package enum Ending: Equatable {
        /// It ended by itself; the report says what came of it.
        case done
        /// Why it did not.
        case failed(String)
    }

    /// Starts one; `nil` if that is not possible, with a reason in `errno`.
    ///
    /// - Parameters:
    ///   - isUrgent: whether there is nothing to answer from as long as it works.
    ///   - lock: the lock that it is to hold, too; -1 for none.
    ///   - images: the state directory that the images are in; `nil` if they go to files.
    ///   - files: where the image and the report go, and the image in force, if there is no folder for them.
    ///   - logLevel: how much it is to log.
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
        // The numbers that descriptors are to get may be those that others have now.
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
        // What ends pdns and its process group must not end what the next coprocess waits for.
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
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        var error = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &words, environ)
        if error != 0, let program = processArguments.first, program.contains("/") {
            error = posix_spawn(&process, program, &actions, &attributes, &words, environ)
        }
        guard error == 0 else {
            close(ends[0])
            errno = error
            return nil
        }
        self.process = process
        soundness = ends[0]
        ending = pidfd_open(process, 0)
        deadline = milliseconds() + Self.patience * 1_000
    }

    /// How it ended; `nil` while it works. One that takes too long is killed.
    package func ended() -> Ending? {
        var status: CInt = 0
        let found = waitpid(process, &status, WNOHANG)
        if found == 0 || found < 0 && errno == EINTR {
            guard milliseconds() >= deadline else { return nil }
            kill(process, SIGKILL)
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            closeDescriptors()
            return .failed("the compiler took longer than \(Self.patience) s, and was killed")
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

    /// Waits until the configuration has been found sound; false if the process ends without that.
    package func waitForSoundness() -> Bool {
        var request = pollfd(fd: soundness, events: Int16(POLLIN), revents: 0)
        while poll(&request, 1, CInt(Self.patience * 1_000)) < 0, errno == EINTR {}
        var byte: UInt8 = 0
        return read(soundness, &byte, 1) == 1
    }
}

extension CompilerProcess {
    /// Limits the priority, run time and memory of this process, which a coprocess has started as a compiler.
    static func prepareSelf(isUrgent: Bool) {
        if !isUrgent { _ = nice(19) }
        // Lets processes that wait for this core run, and ends the compiler even if the coprocess is gone.
        interrupt_often(150, patience + 10)
        var limit = rlimit()
        let pages = sysconf(CInt(_SC_PHYS_PAGES)) * sysconf(CInt(_SC_PAGESIZE))
        limit.rlim_cur = UInt(max(pages / 2, 1 << 31))
        limit.rlim_max = limit.rlim_cur
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        // If memory runs out all the same, this process is the one to end.
        let file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        if file >= 0 {
            _ = write(file, "1000", 4)
            close(file)
        }
    }
}
