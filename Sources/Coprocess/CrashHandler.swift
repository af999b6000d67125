import Answering
import CProcess
import DNS
import Glibc
import Platform

/// Keeps a coprocess alive whatever signals it gets, but for SIGKILL and SIGTERM, and when the program itself is at fault: a
/// coprocess that dies makes pdns tell the next client that the name does not exist.
///
/// If the answering thread faults, the handler refuses the current question, and starts the program again in the same process, as
/// a takeover does. The restarted program answers the other lines of the batch, and sends each answer alone. After several
/// faults in a row the handler refuses all questions for a while. If it cannot start the program, it ends the process, and pdns
/// starts another. If another thread faults, that thread stops.
///
/// Each fault leaves a line with the signal and the question on standard error, and the first of a row a core.
///
/// All that the handler of a fault touches has been made before: it may not allocate (signal-safety(7)).
public enum CrashHandler {
    private static let variable = "GEOPIPE_FAULTS"
    /// So many faults in a row, without an answer in between, and questions are only refused.
    private static let patience = 3
    /// Bytes for one more name of an image, which the file system limits to 255, with what stands around it.
    private static let roomForName = 258
    /// Seconds after which it is tried again.
    private static let pause = 10

    /// To be called by the thread that answers, before there are others.
    ///
    /// - Parameters:
    ///   - input: where questions come from.
    ///   - output: where answers go.
    ///   - isTerminal: whether somebody sits there who may want to end it with keys.
    ///   - inheritance: what another program has left, in whose place this is.
    public static func install(input: CInt, output: CInt, isTerminal: Bool, _ inheritance: Takeover.Handoff?) {
        let faults = getenv(variable).flatMap { CInt(String(cString: $0)) } ?? 0
        unsetenv(variable)
        FaultStack.make()
        // A takeover or a fault has started it by another name, such as `exe`.
        if let name = processArguments.first?.split(separator: "/").last { process_set_name(String(name)) }
        let given = inheritance?.rest ?? -1
        let rest = given >= 3 ? given : AnonymousFile.make("geopipe-rest")
        let unfitImages = getenv(CrashRecord.unfitVariable).map { String(cString: $0) } ?? ","
        let unfitWord = "\(CrashRecord.unfitVariable)=\(unfitImages)"
        let unfitSize = unfitWord.utf8.count + roomForName
        let unfit = realloc(strdup(unfitWord), unfitSize)?.assumingMemoryBound(to: CChar.self)
        var setup = fault_setup(
            input: input, output: output, faults: faults, patience: CInt(patience), pause: CInt(pause),
            arguments: process_arguments(), environment: table(["", "", ""] + environmentWords()),
            unfit: unfit, unfit_size: unfitSize, rest: rest,
            takeovers: table((0...5).map { "\(Takeover.Handoff.variable)=\($0),-1,\(rest)" }),
            counts: table((0...patience).map { "\(variable)=\($0)" }))
        fault_install(&setup)
        if let inheritance { CrashRecord.setVersion(inheritance.version) }
        let keys = [SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU]
        let others = [
            SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXCPU, SIGXFSZ,
        ]
        // The C library has the first two that come behind for itself.
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
