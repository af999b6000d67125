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
            try read(hits) { traffic.add(log: $0) }
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
        try read(counters) { text += $0 }
        let traffic = Traffic(counters: String(decoding: text, as: UTF8.self))
        if traffic.count == 0 {
            printError(
                "\(visible(counters)) has no geopipe_clients_total above 0; write the path of a copy of geopipe-agent's /metrics"
            )
            throw .unusable
        }
        return traffic
    }

    private func read(_ path: String, _ body: (ArraySlice<UInt8>) -> Void) throws(ExitCode) {
        guard let file = fopen(path, "re") else {
            printError("cannot open \(visible(path)): \(String(cString: strerror(errno)))")
            throw .unusable
        }
        defer { fclose(file) }
        // A pipe is read to its end; a device such as /dev/zero has none.
        var status = stat()
        guard fstat(fileno(file), &status) == 0, status.st_mode & S_IFMT != S_IFCHR else {
            printError("cannot read \(visible(path)): it is a device; write the path of a file")
            throw .unusable
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { body(buffer[..<count]) }
        guard ferror(file) == 0 else {
            printError("cannot read \(visible(path)): \(String(cString: strerror(errno)))")
            throw .unusable
        }
    }
}
