import CLinux
import Glibc

/// A coprocess, and the pipes to and from it.
final class PipeDialogue {
    private static let pipeSize: CInt = 1 << 20
    /// F_SETPIPE_SZ of fcntl(2), a Linux extension.
    private static let setPipeSize: CInt = 1_031

    private let program: Child
    private let (input, output): (CInt, CInt)
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private var count = 0
    /// Whether the answers so far equal the expected ones.
    private(set) var isAlike = false
    /// The ends of answers, if they differ.
    private(set) var ends: [Int] = []
    private(set) var hasEnded = false

    init(_ words: [String], log: String) throws {
        var (questions, answers): ([CInt], [CInt]) = ([-1, -1], [-1, -1])
        guard pipe2(&questions, O_CLOEXEC) == 0, pipe2(&answers, O_CLOEXEC) == 0 else {
            throw Failure("cannot make pipes: \(String(cString: strerror(errno)))")
        }
        let error = try openPrivately(log, O_WRONLY | O_CREAT | O_APPEND)
        // Closed here, so that the pipe ends with the coprocess.
        defer { for descriptor in [questions[0], answers[1], error] { close(descriptor) } }
        (input, output) = (questions[1], answers[0])
        for descriptor in [input, output] {
            _ = fcntl(descriptor, Self.setPipeSize, Self.pipeSize)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        program = try Child(
            ["/usr/bin/setpriv", "--pdeathsig", "TERM"] + words, input: questions[0], output: answers[1], error: error)
    }

    var process: pid_t { program.identifier }

    func greet(patience: UInt64) -> Bool {
        ask(Array("HELO\t5\n".utf8), until: [UInt8(ascii: "\n")], patience: patience) == nil
            && buffer[..<count].starts(with: "OK\t".utf8)
    }

    /// The bytes received since the last question.
    var received: ArraySlice<UInt8> { buffer[..<count] }

    func withReceived<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    /// Asks questions, and reads a number of answers.
    ///
    /// - Parameters:
    ///   - known: the expected answers, for a fast comparison.
    /// - Returns: false if not all came.
    func exchange(_ lines: [UInt8], answers: Int, like known: [UInt8], patience: UInt64) -> Bool {
        (count, ends, isAlike) = (0, [], !known.isEmpty)
        var (place, compared) = (0, 0)
        return transfer(lines, patience: patience) {
            buffer.withUnsafeBytes { bytes in
                if isAlike {
                    isAlike =
                        count <= known.count
                        && known.withUnsafeBytes {
                            memcmp($0.baseAddress! + compared, bytes.baseAddress! + compared, count - compared) == 0
                        }
                    compared = count
                    if isAlike { return count == known.count }
                }
                PipeReply.findEnds(UnsafeRawBufferPointer(rebasing: bytes[..<count]), from: &place, &ends)
                return ends.count >= answers
            }
        }
    }

    /// Writes lines, and reads until the output ends with some bytes.
    ///
    /// - Returns: a complaint; `nil` if all is right.
    func ask(_ lines: [UInt8], until end: [UInt8], patience: UInt64) -> String? {
        (count, ends, isAlike) = (0, [], false)
        let isWhole = transfer(lines, patience: patience) { buffer[..<count].suffix(end.count).elementsEqual(end) }
        guard !isWhole else { return nil }
        return "what came ends with \(String(decoding: buffer[..<count].suffix(200), as: UTF8.self).debugDescription)"
    }

    /// Closes the pipes, which ends the coprocess, and waits for its end.
    func end() {
        close(input)
        close(output)
        let deadline = now() + 5_000_000_000
        while program.isRunning, now() < deadline { usleep(5_000) }
        if program.isRunning { kill(process, SIGKILL) }
        program.wait()
    }

    private func transfer(_ lines: [UInt8], patience: UInt64, isWhole: () -> Bool) -> Bool {
        var written = 0
        let deadline = now() + patience
        while now() < deadline {
            var requests = [
                pollfd(fd: output, events: Int16(POLLIN), revents: 0),
                pollfd(fd: written < lines.count ? input : -1, events: Int16(POLLOUT), revents: 0),
            ]
            guard poll(&requests, 2, 100) > 0 else { continue }
            if requests[1].revents != 0 {
                let size = lines.withUnsafeBytes { write(input, $0.baseAddress! + written, $0.count - written) }
                if size > 0 { written += size } else if errno != EAGAIN { written = lines.count }
            }
            guard requests[0].revents != 0 else { continue }
            if buffer.count - count < 1 << 18 { buffer += [UInt8](repeating: 0, count: buffer.count) }
            let size = buffer.withUnsafeMutableBytes { read(output, $0.baseAddress! + count, $0.count - count) }
            if size > 0 {
                count += size
                // A short pause, since the writer is about to continue.
                if isWhole(), written == lines.count { return true }
            } else if size == 0 {
                hasEnded = true
                return false
            }
        }
        return false
    }
}
