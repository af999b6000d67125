import Geography
import Platform
import Synchronization
import Telemetry

/// What happens now, in the last minute and in the last hour: put together from counters, sampled hits and files, and given as JSON to
/// all who watch.
///
/// It reads no clock and no file, and never waits for a viewer. Any thread may call it; no call takes more than some milliseconds.
/// Its memory has a bound, whatever comes.
final class LiveView: Sendable {
    enum Mode: String, Sendable {
        /// Rates are those of the counters.
        case live
        /// Rates are those of the hits and their weights; time is what `play` says.
        case replay
    }

    /// The most hits of a frame for viewers.
    static let hitsInFrame = 50
    /// Milliseconds between two frames of hits.
    static let hitsInterval = 100

    /// - Parameters:
    ///   - host: the name of this machine.
    ///   - start: now, in seconds since 1970; in a replay, when the hits begin.
    init(_ mode: Mode, host: String, start: Double) {}

    // MARK: - What comes in

    /// Takes hits as they come, in a live view.
    func take(_ hits: [SampledHit]) {}

    /// Takes what the coprocesses have counted until a time in seconds since 1970. Once a second, in a live view.
    func take(_ counts: Totals.Counts, at time: Double) {}

    /// Takes what files say, whenever that was looked at.
    func take(_ scene: LiveScene) {}

    /// Takes what has happened, and has it sent to viewers.
    func add(_ event: LiveEvent) {}

    /// Lets time go on in a live view: sends `hits` if there are any, and `second` if another second has begun. To be called every
    /// `hitsInterval` milliseconds.
    ///
    /// - Parameter time: in seconds since 1970.
    func advance(to time: Double) {}

    /// Lets time go on in a replay: takes the hits between the last time and this one, in their order, and then does what `advance`
    /// does. If that is more than a second, only the last `second` is sent, but all are in the history.
    func play(_ hits: [SampledHit], to time: Double) {}

    /// Forgets all hits, rates, the history and events: a replay goes on at another time. Viewers and the scene stay.
    func clear(at time: Double) {}

    /// Says where a replay is, and has it sent to viewers.
    func set(_ replay: LiveReplay) {}

    // MARK: - What goes out

    /// All that is known, as `GET /api/state` gives it.
    func state() -> String { "{}" }

    /// Has frames wait for another viewer from now on, until `unsubscribe`. `LiveSubscription` says what holds.
    func subscribe(_ hits: LiveSubscription.Hits, onNews: @escaping @Sendable () -> Void) -> LiveSubscription {
        LiveSubscription(hits, onNews: onNews)
    }

    func unsubscribe(_ subscription: LiveSubscription) {}

    /// How many viewers there are.
    var viewerCount: Int { 0 }
}

/// Answers of the image in force for people who watch: each takes a while and must not be waited for on an event loop; call them from
/// a task.
protocol LiveQuestions: Sendable {
    /// Who goes where, as `GET /api/destinations` gives it.
    ///
    /// - Parameters:
    ///   - country: only clients of this country, ISO 3166-1 alpha-2 (`nil`: of all).
    ///   - datacenter: only what this datacenter gets (`nil`: all).
    /// - Throws: what is wrong with the question, in words.
    func destinations(country: String?, datacenter: String?) async throws(LiveRefusal) -> String

    /// What a client gets for a name, as `geopipe explain --json` prints it.
    ///
    /// - Parameter client: an address, or a network such as 192.0.2.0/24.
    func explain(_ name: String, client: String) async throws(LiveRefusal) -> String
}

/// Why a question of a viewer gets no answer.
struct LiveRefusal: Error, Sendable {
    /// The HTTP status: 400 for a question that is wrong, 404 for what there is not, 503 if there is no image.
    var status: Int
    /// What is wrong, and what to write instead.
    var message: String
}
