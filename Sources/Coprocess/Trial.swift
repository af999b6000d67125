import CLinux
import DNS
import Glibc
import PipeProtocol
import Platform

/// Tests the program that will take over: starts it as a coprocess, which must find or compile an image, and answer
/// from it.
struct Trial {
    /// The pipes to and from the coprocess.
    private let questions: CInt
    private let answers: CInt
    private let process: pid_t
    /// The executed file; -1 if it cannot be opened.
    private(set) var program: CInt = -1

    /// The maximum time until it has answered, in seconds.
    private static let timeout = 60

    struct Failure: Error {
        let reason: String
    }

    /// Starts the coprocess, waits until it has answered, and ends it.
    ///
    /// - Parameter version: the protocol version of the dialogue that it will resume.
    init(_ program: String, _ arguments: [String], version: ABIVersion) throws(Failure) {
        var input: [CInt] = [-1, -1]
        var output: [CInt] = [-1, -1]
        guard pipe2(&input, O_CLOEXEC) == 0, pipe2(&output, O_CLOEXEC) == 0 else {
            let reason = String(cString: strerror(errno))
            for end in input where end >= 0 { close(end) }
            throw Failure(reason: reason)
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
        guard error == 0 else { throw Failure(reason: String(cString: strerror(error))) }
        defer {
            kill(process, SIGKILL)
            reap()
        }
        let fields =
            ["Q", "geopipe.invalid", "IN", "SOA", "-1", "127.0.0.1"] + (version.hasLocalAddress ? ["127.0.0.1"] : [])
            + (version.hasClientSubnet ? ["127.0.0.1/32"] : [])
        let end = milliseconds() + Self.timeout * 1_000
        let greeting = ask("HELO\t\(version.number)\n", until: end)
        let answer = greeting?.hasPrefix("OK") == true ? ask(fields.joined(separator: "\t") + "\n", until: end) : nil
        guard answer?.hasSuffix("END\n") == true else {
            throw Failure(
                reason: milliseconds() >= end ? "it does not answer within \(Self.timeout) s" : "it does not answer")
        }
        let pathOnly: CInt = 0o10_000_000
        self.program = open("/proc/\(process)/exe", pathOnly | O_CLOEXEC)
    }

    private func closePipes() {
        close(questions)
        close(answers)
    }

    private func reap() { while waitpid(process, nil, 0) < 0, errno == EINTR {} }

    /// Sends a line and returns the answer; `nil` if the process ends or the time is up.
    private func ask(_ line: String, until end: Int) -> String? {
        guard write(questions, line, line.utf8.count) == line.utf8.count else { return nil }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while answer.last != UInt8(ascii: "\n") || !Self.isComplete(answer) {
            var request = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
            let left = end - milliseconds()
            guard left > 0 else { return nil }
            guard poll(&request, 1, CInt(left)) > 0 else { continue }
            let count = read(answers, &chunk, chunk.count)
            guard count > 0 else { return nil }
            answer += chunk[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Whether an answer is complete: a greeting is one line, and all other answers have a known last line.
    private static func isComplete(_ answer: [UInt8]) -> Bool {
        answer.starts(with: "OK\t".utf8) || answer.elementsEqual("FAIL\n".utf8) || answer.elementsEqual("END\n".utf8)
            || answer.suffix(5).elementsEqual("\nEND\n".utf8) || answer.suffix(6).elementsEqual("\nFAIL\n".utf8)
    }
}
