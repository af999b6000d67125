import CLinux
import DNS
import Glibc
import PipeProtocol
import Platform

/// A coprocess of the program that is to take over, which shows that this can start, find an image or have one made, and answer
/// from it, before anything depends on it.
struct Trial {
    /// Where its questions are written to, and its answers are read from.
    private let questions: CInt
    private let answers: CInt
    private let process: pid_t
    /// The very file that runs; -1 if it cannot be opened.
    private(set) var program: CInt = -1

    /// Seconds until it must have answered.
    private static let patience = 60

    struct Unfit: Error {
        let reason: String
    }

    /// Starts one, waits until it has answered, and ends it.
    ///
    /// - Parameter version: of the dialogue that it is to join.
    init(_ program: String, _ arguments: [String], version: ABIVersion) throws(Unfit) {
        var input: [CInt] = [-1, -1]
        var output: [CInt] = [-1, -1]
        guard pipe2(&input, O_CLOEXEC) == 0, pipe2(&output, O_CLOEXEC) == 0 else {
            let reason = String(cString: strerror(errno))
            for end in input where end >= 0 { close(end) }
            throw Unfit(reason: reason)
        }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = arguments.map { strdup($0) } + [nil]
        var process = pid_t()
        let error = posix_spawn(&process, program, &actions, &attributes, &words, environ)
        for word in words { free(word) }
        posix_spawnattr_destroy(&attributes)
        posix_spawn_file_actions_destroy(&actions)
        close(input[0])
        close(output[1])
        (questions, answers, self.process) = (input[1], output[0], process)
        defer { closePipes() }
        guard error == 0 else { throw Unfit(reason: String(cString: strerror(error))) }
        defer {
            kill(process, SIGKILL)
            reap()
        }
        let fields =
            ["Q", "geopipe.invalid", "IN", "SOA", "-1", "127.0.0.1"] + (version.hasLocalAddress ? ["127.0.0.1"] : [])
            + (version.hasClientSubnet ? ["127.0.0.1/32"] : [])
        let end = milliseconds() + Self.patience * 1_000
        let greeting = ask("HELO\t\(version.number)\n", until: end)
        let answer = greeting?.hasPrefix("OK") == true ? ask(fields.joined(separator: "\t") + "\n", until: end) : nil
        guard answer?.hasSuffix("END\n") == true else {
            throw Unfit(
                reason: milliseconds() >= end ? "it does not answer within \(Self.patience) s" : "it does not answer")
        }
        let pathOnly: CInt = 0o10_000_000
        self.program = open("/proc/\(process)/exe", pathOnly | O_CLOEXEC)
    }

    private func closePipes() {
        close(questions)
        close(answers)
    }

    private func reap() { while waitpid(process, nil, 0) < 0, errno == EINTR {} }

    /// What it says to a line; `nil` if it ends or takes too long.
    private func ask(_ line: String, until end: Int) -> String? {
        guard write(questions, line, line.utf8.count) == line.utf8.count else { return nil }
        var said: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while said.last != UInt8(ascii: "\n") || !Self.isWhole(said) {
            var request = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
            let left = end - milliseconds()
            guard left > 0 else { return nil }
            guard poll(&request, 1, CInt(left)) > 0 else { continue }
            let count = read(answers, &chunk, chunk.count)
            guard count > 0 else { return nil }
            said += chunk[..<count]
        }
        return String(decoding: said, as: UTF8.self)
    }

    /// Whether an answer ends here: that to a greeting is one line, all others have a last one.
    private static func isWhole(_ said: [UInt8]) -> Bool {
        said.starts(with: "OK\t".utf8) || said.elementsEqual("FAIL\n".utf8) || said.elementsEqual("END\n".utf8)
            || said.suffix(5).elementsEqual("\nEND\n".utf8) || said.suffix(6).elementsEqual("\nFAIL\n".utf8)
    }
}
