import Configuration
import DNS
import Geography
import Glibc
import Logging
import Platform
import Telemetry

/// Writes the log of answers, one line each. Several processes may share the file. If it is moved away, the next
/// lines go to a new file. Lines that cannot be written are lost.
struct HitsLog: ~Copyable {
    let settings: Configuration.HitsLog
    private let log: Logger
    private var descriptor: CInt = -1
    /// The lines that are not written yet.
    private var lines: [UInt8] = []
    /// Whether the last write ended within a line.
    private var isTorn = false
    private var hasComplained = false

    /// The number of buffered bytes from which lines are written.
    private static let batch = 1 << 16

    /// - Parameter log: receives an error when writing fails, once until it succeeds again.
    init(_ settings: Configuration.HitsLog, log: Logger) {
        self.settings = settings
        self.log = log
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// A line of the log.
    struct Line {
        /// RFC 3339, in UTC.
        var time: String
        /// The client's network, never its whole address: see `Hit.network`.
        var client: IPPrefix
        var country: String?
        var coordinates: Coordinates?
        /// As asked.
        var name: String
        var datacenters: [String]
        var service: String
        var scope: Int
        /// Which side of a rollout answered; `nil` if none runs.
        var side: String?

        init(
            _ hit: Hit, time: String, _ names: (service: String, datacenters: [String]),
            _ location: ClientPlace?
        ) {
            self.time = time
            client = hit.network
            country = location?.country?.description
            coordinates = location?.coordinates
            name = hit.name
            datacenters = names.datacenters
            service = names.service
            scope = hit.scope
        }

        /// Fields separated by tabs; an unknown field is empty.
        var tsv: String {
            let fields =
                [
                    time, "\(client)", country ?? "", coordinates.map { "\($0.latitude)" } ?? "",
                    coordinates.map { "\($0.longitude)" } ?? "", name, datacenters.joined(separator: ","), service,
                    "\(scope)",
                ] + (side.map { [$0] } ?? [])
            return fields.map { $0.escaped(["\t": "\\t", "\n": "\\n", "\\": "\\\\"]) }.joined(separator: "\t")
        }

        /// A JSON object; an unknown field is null.
        var json: String {
            let members: [(String, JSON)] =
                [
                    ("time", .text(time)), ("client", .text("\(client)")), ("country", country.map(JSON.text) ?? .null),
                    ("latitude", coordinates.map { .number($0.latitude) } ?? .null),
                    ("longitude", coordinates.map { .number($0.longitude) } ?? .null), ("name", .text(name)),
                    ("datacenters", .list(datacenters.map(JSON.text))), ("service", .text(service)),
                    ("scope", .integer(Int(scope))),
                ] + (side.map { [("side", .text($0))] } ?? [])
            return JSON.object(members).compact
        }
    }

    /// Adds a line to the buffer; call `flush` to write it.
    mutating func append(_ line: Line) {
        lines += (settings.format == .json ? line.json : line.tsv).utf8
        lines.append(UInt8(ascii: "\n"))
        if lines.count >= Self.batch { flush() }
    }

    /// Writes the buffered lines.
    mutating func flush() {
        guard !lines.isEmpty else { return }
        defer { lines.removeAll(keepingCapacity: true) }
        guard open() else { return }
        if isTorn { lines.insert(UInt8(ascii: "\n"), at: 0) }
        var written = 0
        repeat { written = write(descriptor, lines, lines.count) } while written < 0 && errno == EINTR
        if written > 0 { isTorn = lines[written - 1] != UInt8(ascii: "\n") }
        guard written == lines.count else {
            // Only a full disk makes a write partial.
            return fail("write", errno: written < 0 ? errno : ENOSPC)
        }
        hasComplained = false
    }

    /// Opens the file, unless it is open and still where it was.
    private mutating func open() -> Bool {
        var there = stat()
        var mine = stat()
        if descriptor >= 0 {
            if stat(settings.file, &there) == 0, fstat(descriptor, &mine) == 0, there.st_dev == mine.st_dev,
                there.st_ino == mine.st_ino
            {
                return true
            }
            close(descriptor)
            isTorn = false
        }
        // `O_NONBLOCK`: opening a pipe without a reader would wait.
        descriptor = Glibc.open(settings.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o640)
        if descriptor < 0 { fail("open", errno: errno) }
        return descriptor >= 0
    }

    private mutating func fail(_ action: String, errno: CInt) {
        guard !hasComplained else { return }
        hasComplained = true
        log.error("cannot \(action) \(settings.file): \(String(cString: strerror(errno))); hits are not logged")
    }
}

extension String {
    fileprivate func escaped(_ escapes: [Unicode.Scalar: String]) -> String {
        guard unicodeScalars.contains(where: { escapes[$0] != nil }) else { return self }
        return unicodeScalars.map { escapes[$0] ?? String($0) }.joined()
    }
}

/// Returns the current time in UTC with milliseconds (RFC 3339).
func timestamp() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func digits(_ number: Int, _ count: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let date = [(Int(parts.tm_year) + 1900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2)].map(digits)
    let time = [(Int(parts.tm_hour), 2), (Int(parts.tm_min), 2), (Int(parts.tm_sec), 2)].map(digits)
    return date.joined(separator: "-") + "T" + time.joined(separator: ":") + "." + digits(now.tv_nsec / 1_000_000, 3)
        + "Z"
}
