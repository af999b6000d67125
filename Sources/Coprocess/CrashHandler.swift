import Answering
import CProcess
import DNS
import Glibc
import Platform

/// Keeps a coprocess alive after any signal except SIGKILL and SIGTERM, and after faults of the program. If a
/// coprocess dies, pdns answers the next client that the name does not exist.
///
/// If the answering thread faults, the handler refuses the current question, and starts the program again in the same process, as
/// a takeover does. The restarted program answers the other lines of the batch, and sends each answer alone. After several
/// faults in a row the handler refuses all questions for a while. If it cannot start the program, it ends the process, and pdns
/// starts another. If another thread faults, that thread stops.
///
/// Each fault writes a line with the signal and the question to standard error. The first fault in a row also writes
/// a core file.
///
/// The handler may not allocate (signal-safety(7)), so all that it uses is allocated by `install`.
public enum CrashHandler {
    private static let variable = "GEOPIPE_FAULTS"
    /// The number of faults in a row, without an answer in between, after which all questions are refused for a
    /// while.
    private static let maxFaults = 3
    /// The maximum bytes that one more image name takes: the file system limits names to 255, and separators are
    /// added.
    private static let roomForName = 258
    /// How long all questions are refused, in seconds.
    private static let pause = 10

    /// Installs the handlers. Call it on the answering thread, before there are other threads.
    ///
    /// - Parameters:
    ///   - input: where questions come from.
    ///   - output: where answers go.
    ///   - isTerminal: whether input is a terminal, so that Ctrl-C must work.
    ///   - inheritance: the dialogue and the unanswered lines of the program that this one has replaced.
    public static func install(input: CInt, output: CInt, isTerminal: Bool, _ inheritance: Takeover.Handoff?) {
        let faults = getenv(variable).flatMap { CInt(String(cString: $0)) } ?? 0
        unsetenv(variable)
        FaultStack.make()
        // After a takeover or a fault its name is another one, such as `exe`.
        if let name = processArguments.first?.split(separator: "/").last { process_set_name(String(name)) }
        let given = inheritance?.rest ?? -1
        let rest = given >= 3 ? given : AnonymousFile.make("geopipe-rest")
        let unfitImages = getenv(CrashRecord.unfitVariable).map { String(cString: $0) } ?? ","
        let unfitWord = "\(CrashRecord.unfitVariable)=\(unfitImages)"
        let unfitSize = unfitWord.utf8.count + roomForName
        let unfit = realloc(strdup(unfitWord), unfitSize)?.assumingMemoryBound(to: CChar.self)
        var setup = fault_setup(
            input: input, output: output, faults: faults, max_faults: CInt(maxFaults), pause: CInt(pause),
            arguments: process_arguments(), environment: table(["", "", ""] + environmentWords()),
            unfit: unfit, unfit_size: unfitSize, rest: rest,
            takeovers: table((0...5).map { "\(Takeover.Handoff.variable)=\($0),-1,\(rest)" }),
            counts: table((0...maxFaults).map { "\(variable)=\($0)" }))
        fault_install(&setup)
        if let inheritance { CrashRecord.setVersion(inheritance.version) }
        let keys = [SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU]
        let others = [
            SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXCPU, SIGXFSZ,
        ]
        // The C library reserves 32 and 33.
        for signal in others + (isTerminal ? [] : keys) + Array(34...64) { Glibc.signal(signal, SIG_IGN) }
    }

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
            let text = String(cString: word)
            if !text.hasPrefix("\(CrashRecord.unfitVariable)=") { words.append(text) }
            next += 1
        }
        return words
    }
}
