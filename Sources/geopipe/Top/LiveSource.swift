import Glibc
import Platform

/// The events of the agent at its socket.
struct LiveSource: ~Copyable {
    private var stream: LiveClient

    /// Milliseconds that the agent may take to respond. Keys wait that long.
    private static let timeout = 1_000

    struct Failure: Error {
        var reason: String
        /// What to do about it.
        var advice: String
    }

    init(_ socket: String) throws(Failure) {
        let stream = try Self.ask("/api/stream", socket)
        guard stream.status == 200 else { throw Failure(status: stream.status, text: "", socket) }
        self.stream = stream
    }

    private static func ask(_ target: String, _ socket: String, post: String? = nil) throws(Failure) -> LiveClient {
        do throws(LiveClient.Failure) {
            return try LiveClient(target, at: socket, post: post, timeout: timeout)
        } catch {
            throw Failure(error, socket)
        }
    }

    /// The descriptor, for poll(2).
    var descriptor: CInt { stream.descriptor }

    /// Returns the events that arrived, without waiting: names and values. `nil` if the agent has closed the stream.
    mutating func events() -> [(name: String, value: JSON)]? {
        let events: [LiveClient.Event]?
        do throws(LiveClient.Failure) { events = try stream.events(within: 0) } catch { return nil }
        return events?.compactMap { event in (try? JSON(reading: event.data.utf8)).map { (event.name, $0) } }
    }

    /// Changes a replay.
    ///
    /// - Parameter change: the members of the replay to set, such as `paused`.
    static func change(_ change: JSON, ofReplayAt socket: String) throws(Failure) {
        let answer = try ask("/api/replay", socket, post: change.compact)
        guard (200..<300).contains(answer.status) else { throw Failure(status: answer.status, text: "", socket) }
    }

    /// Returns the whole state.
    static func state(at socket: String) throws(Failure) -> JSON {
        var answer = try ask("/api/state", socket)
        let status = answer.status
        let text: String
        do throws(LiveClient.Failure) { text = try answer.text() } catch { throw Failure(error, socket) }
        guard status == 200 else { throw Failure(status: status, text: text, socket) }
        do throws(JSONError) { return try JSON(reading: text.utf8) } catch {
            throw Failure(
                reason: "cannot read the response from \(socket): \(error)",
                advice: "geopipe-agent may be of another version")
        }
    }
}

extension LiveSource.Failure {
    fileprivate init(_ failure: LiveClient.Failure, _ socket: String) {
        reason = "no live traffic from \(socket): \(failure)"
        if access(socket, R_OK | W_OK) != 0, errno == EACCES {
            advice = "run it as root, or as a user of that file's group"
        } else {
            advice =
                failure.isAbsent
                ? "start geopipe-agent: systemctl start geopipe-agent"
                : failure.isSilent ? "is it stopped or overloaded?" : "see the log of geopipe-agent"
        }
    }

    fileprivate init(status: Int, text: String, _ socket: String) {
        let words = (try? JSON(reading: text.utf8))?["error"]?.string
        reason = "no live traffic from \(socket): " + (words ?? "the answer has status \(status)")
        advice = "see the log of geopipe-agent"
    }
}
