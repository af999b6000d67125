import ArgumentParser
import Glibc
import Inspection
import Platform

/// The source of real traffic for `diff` and `plan`.
struct TrafficOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A hits log, to weigh changes by traffic.", valueName: "file"))
    var hits: String?

    @Option(
        help: ArgumentHelp(
            "The metrics of geopipe-agent as text, instead of a log: traffic by country; assumes that the clients of a country move alike.",
            valueName: "file"))
    var counters: String?

    func validate() throws {
        guard hits == nil || counters == nil else { throw ValidationError("name one of --hits and --counters") }
    }

    /// Returns `nil` if no source was named. Prints problems to stderr.
    func traffic() throws(ExitCode) -> Traffic? {
        if let hits {
            var traffic = Traffic()
            try read(hits, "a hits log") { traffic.add(log: $0) }
            traffic.finishLog()
            if traffic.count == 0 {
                printError(
                    "\(visible(hits)) has no hits; write the path of a hits log of geopipe (hits_log in the configuration)"
                )
                throw .unusable
            }
            if traffic.ignoredLines > 0 {
                printError("\(visible(hits)): \(traffic.ignoredLines) lines are not hits, and are left out")
            }
            return traffic
        }
        guard let counters else { return nil }
        var text: [UInt8] = []
        try read(counters, "a copy of geopipe-agent's /metrics") { piece throws(Refusal) in
            text += piece
            guard text.count <= Self.metricsLimit else {
                throw Refusal(
                    message:
                        "\(visible(counters)) has more than \(Self.metricsLimit >> 20) MiB; write the path of a copy of geopipe-agent's /metrics",
                    code: .unusable)
            }
        }
        let traffic = Traffic(counters: String(decoding: text, as: UTF8.self))
        if traffic.count == 0 {
            printError(
                "\(visible(counters)) has no geopipe_clients_total above 0; write the path of a copy of geopipe-agent's /metrics"
            )
            throw .unusable
        }
        return traffic
    }

    /// The maximum length of a line, and of a copy of metrics, in bytes.
    private static let (lineLimit, metricsLimit) = (1 << 20, 1 << 26)

    /// Reads a file, or a pipe to its end.
    ///
    /// - Parameter what: what the file should be.
    private func read(_ path: String, _ what: String, _ body: (ArraySlice<UInt8>) throws(Refusal) -> Void)
        throws(ExitCode)
    {
        do throws(Refusal) {
            try readPieces(path, what, body)
        } catch {
            printError(error.message)
            throw error.code
        }
    }

    private func readPieces(_ path: String, _ what: String, _ body: (ArraySlice<UInt8>) throws(Refusal) -> Void)
        throws(Refusal)
    {
        func refusal(_ problem: String) -> Refusal { Refusal(message: problem, code: .unusable) }
        func systemFailure(_ action: String) -> Refusal {
            errno == ETIMEDOUT
                ? refusal(
                    "cannot \(action) \(visible(path)): no process writes to this pipe; write the path of \(what)")
                : refusal("cannot \(action) \(visible(path)): \(String(cString: strerror(errno)))")
        }
        let file = openInput(path)
        guard file >= 0 else { throw systemFailure("open") }
        defer { close(file) }
        // A pipe is read to its end; a device such as /dev/zero has none.
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT != S_IFCHR else {
            throw refusal("cannot read \(visible(path)): it is a device; write the path of a file")
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var count = readFirst(file, into: &buffer)
        guard count < 0 || !buffer.prefix(min(count, 4_096)).contains(0) else {
            throw refusal("\(visible(path)) is not \(what): it has bytes of value 0; write the path of \(what)")
        }
        // The length of the line at hand.
        var length = 0
        while count > 0 {
            let piece = buffer[..<count]
            length = piece.lastIndex(of: UInt8(ascii: "\n")).map { count - $0 - 1 } ?? length + count
            guard length <= Self.lineLimit else {
                throw refusal(
                    "\(visible(path)) is not \(what): it has a line of more than \(Self.lineLimit >> 20) MiB; write the path of \(what)"
                )
            }
            try body(piece)
            repeat { count = Glibc.read(file, &buffer, buffer.count) } while count < 0 && errno == EINTR
        }
        guard count == 0 else { throw systemFailure("read") }
    }
}
