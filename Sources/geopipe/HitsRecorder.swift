import CLinux
import Glibc
import Platform

/// Writes hits and events from the agent as lines of JSON, with the fields of a hits log.
struct HitsRecorder: ~Copyable {
    private let path: String
    private let socket: String
    private let descriptor: CInt
    private var client: LiveClient
    /// Whole lines that are not in the file yet.
    private var lines: [UInt8] = []
    /// The number of hit lines in the file or in `lines`, and the number of hits that they stand for.
    private var (count, weight) = (0, 0)
    /// When the agent disappeared, and how long it was absent before, in milliseconds of the monotonic clock.
    private var (absence, absences): (Int?, Int) = (nil, 0)

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameters:
    ///   - path: the file, to which lines are appended.
    ///   - socket: the socket of the agent.
    init(_ path: String, agent socket: String) throws(Failure) {
        let client = try Self.connect(socket)
        let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0o640)
        guard descriptor >= 0 else { throw Self.failure("open", path) }
        (self.path, self.socket, self.descriptor) = (path, socket, descriptor)
        self.client = client
        // The last line may be incomplete.
        let end = lseek(descriptor, 0, SEEK_END)
        var last = UInt8(ascii: "\n")
        if end > 0, pread(descriptor, &last, 1, end - 1) == 1, last != UInt8(ascii: "\n") {
            lines.append(UInt8(ascii: "\n"))
        }
    }

    deinit { close(descriptor) }

    private static func connect(_ socket: String) throws(Failure) -> LiveClient {
        do throws(LiveClient.Failure) {
            let client = try LiveClient("/api/stream?raw=1", at: socket)
            guard client.status == 200 else {
                throw LiveClient.Failure(description: "geopipe-agent responds with status \(client.status)")
            }
            return client
        } catch {
            throw Failure(
                description: error.isAbsent
                    ? "no geopipe-agent listens on \(visible(socket)); start it, or name its state directory with --state"
                    : "\(error)")
        }
    }

    /// Records until a signal such as Ctrl-C, or for `seconds`, and prints a summary.
    mutating func record(seconds: Int?) throws(Failure) {
        // Signals are polled, so that each leaves whole lines in the file.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let end = seconds.map { milliseconds() + $0 * 1_000 }
        var lastFlush = milliseconds()
        var isEnd = false
        while !isEnd {
            var none = timespec()
            isEnd = sigtimedwait(&signals, nil, &none) > 0 || end.map { milliseconds() >= $0 } ?? false
            // Events from before the end still count.
            try take(within: isEnd ? 0 : min(200, max(0, (end ?? .max) - milliseconds())))
            let now = milliseconds()
            if isEnd || now - lastFlush >= 1_000 {
                lastFlush = now
                try flush()
            }
        }
        let away = absences + (absence.map { milliseconds() - $0 } ?? 0)
        let gap =
            away > 0
            ? "; geopipe-agent was absent for \(durationWords((away + 999) / 1_000)), and nothing is recorded of that time"
            : ""
        print("\(visible(path)): \(count) lines for \(weight) hits\(gap)")
    }

    private mutating func take(within milliseconds: Int) throws(Failure) {
        if absence == nil {
            var reason = "geopipe-agent has closed the connection"
            do throws(LiveClient.Failure) {
                if let events = try client.events(within: milliseconds) {
                    for event in events { take(event) }
                    return
                }
            } catch {
                reason = "\(error)"
            }
            absence = Platform.milliseconds()
            printError("\(reason); nothing is recorded until it is back")
            note("geopipe-agent stopped; nothing is recorded until it is back")
        } else {
            usleep(UInt32(milliseconds) * 1_000)
        }
        // The agent may be back, or another one may run.
        guard let other = try? Self.connect(socket), let start = absence else { return }
        client = other
        let away = Platform.milliseconds() - start
        absences += away
        absence = nil
        let words = "geopipe-agent is back after \(durationWords((away + 999) / 1_000))"
        printError(words)
        note(words)
    }

    /// Records an event about the recording itself.
    private mutating func note(_ text: String) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let time = Double(now.tv_sec) * 1_000 + Double(now.tv_nsec / 1_000_000)
        add(.object([("time", .text(Self.timestamp(time))), ("event", .text("agent")), ("text", .text(text))]))
    }

    private mutating func take(_ event: LiveClient.Event) {
        guard let json = try? JSON(reading: event.data.utf8) else { return }
        switch event.name {
        case "hits":
            for hit in json["hits"]?.items ?? [] {
                guard let line = Self.line(hit: hit) else { continue }
                count += 1
                weight += max(1, hit["weight"]?.int ?? 1)
                add(line)
            }
        case "event":
            guard let time = json["time"]?.double, let kind = json["kind"]?.string, let text = json["text"]?.string
            else { return }
            var members: [(String, JSON)] = [
                ("time", .text(Self.timestamp(time * 1_000))), ("event", .text(kind)), ("text", .text(text)),
            ]
            if let datacenter = json["datacenter"], datacenter.string != nil {
                members.append(("datacenter", datacenter))
            }
            add(.object(members))
        default: break
        }
    }

    private mutating func add(_ line: JSON) {
        lines += line.compact.utf8
        lines.append(UInt8(ascii: "\n"))
    }

    /// Returns a hit in the form of the hits log, and its weight.
    private static func line(hit: JSON) -> JSON? {
        guard let time = hit["t"]?.int else { return nil }
        let country = hit["country"]?.string ?? ""
        var members: [(String, JSON)] = [
            ("time", .text(timestamp(Double(time)))), ("client", hit["network"] ?? .null),
            ("country", country.isEmpty ? .null : .text(country)), ("latitude", hit["lat"] ?? .null),
            ("longitude", hit["lon"] ?? .null), ("name", hit["name"] ?? .null),
            ("datacenters", hit["datacenters"] ?? .list([])), ("service", hit["service"] ?? .null),
            ("scope", hit["scope"] ?? .null),
        ]
        if let side = hit["side"], side.string != nil { members.append(("side", side)) }
        members.append(("weight", hit["weight"] ?? .integer(1)))
        return .object(members)
    }

    private static func timestamp(_ milliseconds: Double) -> String {
        Timestamp.text(milliseconds: Int(exactly: milliseconds.rounded()) ?? 0)
    }

    /// Appends all pending whole lines.
    private mutating func flush() throws(Failure) {
        var rest = lines[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count == 0 { errno = ENOSPC }
            guard count > 0 else { throw Self.failure("write", path) }
            rest = rest.dropFirst(count)
        }
        lines.removeAll(keepingCapacity: true)
    }

    private static func failure(_ action: String, _ path: String) -> Failure {
        Failure(description: "cannot \(action) \(visible(path)): \(String(cString: strerror(errno)))")
    }
}
