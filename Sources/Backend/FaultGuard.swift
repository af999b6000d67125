import Glibc
import PipeProtocol

/// Keeps a coprocess alive whatever signals it gets, but for SIGKILL and SIGTERM, and when the program itself is at fault: a
/// coprocess that dies makes pdns tell the next client that the name does not exist.
///
/// A fault in the thread that answers refuses the question at hand, and the program begins anew in the same process, as it does
/// when it is taken over. If it comes to grief again and again, questions are refused until it does not. A fault while something
/// is loaded ends that alone. A thread with less to do just stops.
///
/// All that the handler of a fault touches has been made before: it may not allocate (signal-safety(7)).
public enum FaultGuard {
    private static let variable = "GEOPIPE_FAULTS"
    /// So many faults in a row, without an answer in between, and questions are only refused.
    private static let patience = 3
    /// Seconds after which it is tried again.
    private static let pause = 10

    /// What the handler needs.
    private struct State {
        var answering = pthread_self()
        var input: CInt
        var output: CInt
        /// Whether a question has been read and not been answered.
        var isAnswering = false
        /// The thread that loads, and whether it has come to grief.
        var loading: pthread_t?
        var hasLoadFailed = false
        /// The version that the dialogue has settled on; 0 before that.
        var version = 0
        /// How many faults there were since the last answer.
        var faults: Int
        var program: UnsafeMutablePointer<CChar>
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        /// With two places at its beginning for what the next program is to know.
        var environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        /// By the version of the dialogue.
        var takeovers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        /// By the number of faults.
        var counts: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    }

    nonisolated(unsafe) private static var state: UnsafeMutablePointer<State>?

    /// To be called by the thread that answers, before there are others.
    ///
    /// - Parameters:
    ///   - input: where questions come from.
    ///   - output: where answers go.
    ///   - isTerminal: whether somebody sits there who may want to end it with keys.
    public static func install(input: CInt, output: CInt, isTerminal: Bool) {
        let faults = getenv(variable).flatMap { Int(String(cString: $0)) } ?? 0
        unsetenv(variable)
        let made = UnsafeMutablePointer<State>.allocate(capacity: 1)
        made.initialize(
            to: State(
                input: input, output: output, faults: min(faults, patience), program: strdup("/proc/self/exe"),
                arguments: table(CommandLine.arguments), environment: table(["", ""] + environmentWords()),
                takeovers: table((0...5).map { "\(Takeover.Inheritance.variable)=\($0),-1" }),
                counts: table((0...patience).map { "\(variable)=\($0)" })))
        state = made
        // The thread that answers ends with the process.
        _ = prepareThread()
        keepName()
        var action = sigaction()
        sigemptyset(&action.sa_mask)
        action.sa_flags = CInt(SA_SIGINFO | SA_ONSTACK | SA_NODEFER)
        action.__sigaction_handler.sa_sigaction = { signal, info, _ in FaultGuard.handle(signal, info!.pointee) }
        var handled = sigset_t()
        sigemptyset(&handled)
        for signal in [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS] {
            sigaction(signal, &action, nil)
            sigaddset(&handled, signal)
        }
        // The program before this one may have been in the middle of handling them.
        pthread_sigmask(SIG_UNBLOCK, &handled, nil)
        let keys = [SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU]
        let others = [
            SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXCPU, SIGXFSZ,
        ]
        // The C library has the first two that come behind for itself.
        for signal in others + (isTerminal ? [] : keys) + Array(34...64) { Glibc.signal(signal, SIG_IGN) }
    }

    /// Has the process called as the program is, and not `exe`, as which a fault or a takeover has started it.
    private static func keepName() {
        let file = open("/proc/self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0, let program = CommandLine.arguments.first?.split(separator: "/").last else { return }
        _ = Glibc.write(file, Array(program.utf8), program.utf8.count)
        close(file)
    }

    /// Gives this thread a stack to handle faults on: its own may be used up.
    ///
    /// - Returns: the stack, for `endThread`.
    static func prepareThread() -> UnsafeMutableRawPointer? {
        let size = 65_536
        var stack = stack_t(ss_sp: malloc(size), ss_flags: 0, ss_size: size)
        sigaltstack(&stack, nil)
        return stack.ss_sp
    }

    /// Takes that from a thread that ends.
    static func endThread(_ memory: UnsafeMutableRawPointer?) {
        var none = stack_t(ss_sp: nil, ss_flags: CInt(SS_DISABLE), ss_size: 0)
        sigaltstack(&none, nil)
        free(memory)
    }

    /// Tells that a line has been read that needs an answer.
    @inline(__always)
    static func beginAnswer() { state?.pointee.isAnswering = true }

    /// Tells that all lines that were read have their answers.
    @inline(__always)
    static func endAnswers() {
        guard let state, state.pointee.isAnswering else { return }
        state.pointee.isAnswering = false
        state.pointee.faults = 0
    }

    /// The version of the dialogue, if there is one.
    static var version: ABIVersion? { state.flatMap { ABIVersion($0.pointee.version) } }

    /// Tells that there is a dialogue which can be gone on with.
    static func setVersion(_ version: ABIVersion) { state?.pointee.version = version.number }

    /// Tells that a thread is going to load, and no other does.
    static func prepareLoad() {
        state?.pointee.loading = nil
        state?.pointee.hasLoadFailed = false
    }

    /// Tells that this is the thread.
    static func beginLoad() { state?.pointee.loading = pthread_self() }

    /// Whether that thread has come to grief, and will never end.
    static var hasLoadFailed: Bool { state?.pointee.hasLoadFailed ?? false }

    private static func table(_ words: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let table = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        for (number, word) in words.enumerated() { table[number] = strdup(word) }
        table[words.count] = nil
        return table
    }

    private static func environmentWords() -> [String] {
        var words: [String] = []
        var next = environ
        while let word = next.pointee {
            words.append(String(cString: word))
            next += 1
        }
        return words
    }

    // MARK: The handler

    private static func handle(_ signal: CInt, _ info: siginfo_t) {
        // What somebody sends is no fault, unless it is this process itself, which has given up.
        let isSent = info.si_code <= 0
        if isSent, signal != SIGABRT || info._sifields._kill.si_pid != getpid() { return }
        guard let state, state.pointee.version > 0 else {
            // There is somebody who sees that it does not start.
            _ = Glibc.signal(signal, SIG_DFL)
            raise(signal)
            return
        }
        guard pthread_equal(pthread_self(), state.pointee.answering) != 0 else {
            let isLoading = state.pointee.loading.map { pthread_equal(pthread_self(), $0) != 0 } ?? false
            if isLoading {
                state.pointee.hasLoadFailed = true
            } else {
                say(
                    "geopipe: a fault of its own in the background; it answers from what it has, and follows nothing any more\n"
                )
            }
            while true { sleep(3_600) }
        }
        say("geopipe: a fault of its own; the question is refused\n")
        if state.pointee.isAnswering { refuse(state.pointee.output) }
        if state.pointee.faults < patience { beginAnew(state) }
        refuseAll(state)
    }

    /// Returns if that is not possible.
    private static func beginAnew(_ state: UnsafeMutablePointer<State>) {
        state.pointee.faults = min(state.pointee.faults + 1, patience)
        state.pointee.environment[0] = state.pointee.takeovers[state.pointee.version]
        state.pointee.environment[1] = state.pointee.counts[state.pointee.faults]
        execve(state.pointee.program, state.pointee.arguments, state.pointee.environment)
    }

    /// Refuses each line that comes, for a while, and then begins anew.
    private static func refuseAll(_ state: UnsafeMutablePointer<State>) {
        var start = timespec()
        clock_gettime(CLOCK_MONOTONIC, &start)
        var byte: UInt8 = 0
        // What is left of a line was asked before.
        var isWithinLine = false
        while true {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            if now.tv_sec - start.tv_sec >= pause, !isWithinLine { beginAnew(state) }
            var request = pollfd(fd: state.pointee.input, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, 1_000) > 0 else { continue }
            let count = read(state.pointee.input, &byte, 1)
            if count == 0 { _exit(0) }
            if count < 0, errno != EINTR { _exit(1) }
            guard count == 1 else { continue }
            isWithinLine = byte != UInt8(ascii: "\n")
            if !isWithinLine { refuse(state.pointee.output) }
        }
    }

    private static func refuse(_ output: CInt) { write(output, "FAIL\n") }

    private static func say(_ message: StaticString) { write(STDERR_FILENO, message) }

    private static func write(_ descriptor: CInt, _ text: StaticString) {
        _ = Glibc.write(descriptor, text.utf8Start, text.utf8CodeUnitCount)
    }
}
