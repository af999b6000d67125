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

    private let numbers: Mutex<LiveNumbers>
    private let viewers = Mutex<[LiveSubscription]>([])

    /// - Parameters:
    ///   - host: the name of this machine.
    ///   - start: now, in seconds since 1970; in a replay, when the hits begin.
    init(_ mode: Mode, host: String, start: Double) {
        numbers = Mutex(LiveNumbers(mode, host: host, start: start))
    }

    // MARK: - What comes in

    /// Takes hits as they come, in a live view.
    func take(_ hits: [SampledHit]) { numbers.withLock { $0.take(hits) } }

    /// Takes what the coprocesses have counted until a time in seconds since 1970. Once a second, in a live view.
    func take(_ counts: AggregatedMetrics.Counts, at time: Double) { numbers.withLock { $0.take(counts, at: time) } }

    /// Takes what files say, whenever that was looked at.
    func take(_ scene: LiveScene) { numbers.withLock { $0.take(scene) } }

    /// Takes what has happened in the last hour, and has it sent to viewers.
    func add(_ event: LiveEvent) {
        guard numbers.withLock({ $0.add(event) }) else { return }
        send(LiveFrame(.event, event.json.compact))
    }

    /// Lets time go on in a live view: sends `hits` if there are any, and `second` if another second has begun. To be called every
    /// `hitsInterval` milliseconds, or once a second while there are no viewers; by one thread at a time.
    ///
    /// - Parameter time: in seconds since 1970.
    func advance(to time: Double) { goOn { $0.advance(to: time) } }

    /// Lets time go on in a replay: takes the hits between the last time and this one, in their order, and then does what `advance`
    /// does. If that is more than a second, only the last `second` is sent, but all are in the history.
    func play(_ hits: [SampledHit], to time: Double) { goOn { $0.play(hits, to: time) } }

    /// Forgets all hits, rates, the history and events: a replay goes on at another time. Viewers and the scene stay.
    func clear(at time: Double) { numbers.withLock { $0.clear(at: time) } }

    /// Says where a replay is, and has it sent to viewers.
    func set(_ replay: LiveReplay) {
        numbers.withLock { $0.replay = replay }
        send(LiveFrame(.replay, replay.json.compact))
    }

    private func goOn(_ step: (inout LiveNumbers) -> Bool) {
        let viewers = viewers.withLock { $0 }
        let (hits, second) = numbers.withLock { numbers in
            let isNews = step(&numbers)
            return (numbers.takePending(), isNews && !viewers.isEmpty ? numbers.secondJSON() : nil)
        }
        if !hits.isEmpty {
            func frame(_ hits: [SampledHit]) -> LiveFrame {
                LiveFrame(.hits, JSON.object([("hits", .list(hits.map(\.json)))]).compact)
            }
            let (few, all) = (viewers.filter { $0.hits == .thinned }, viewers.filter { $0.hits == .all })
            if !few.isEmpty { Self.send(frame(hits.thinned(to: Self.hitsInFrame)), to: few) }
            if !all.isEmpty { Self.send(frame(hits), to: all) }
        }
        if let second { Self.send(LiveFrame(.second, second.compact), to: viewers) }
    }

    // MARK: - What goes out

    /// All that is known, as `GET /api/state` gives it.
    func state() -> String { numbers.withLock { $0.stateJSON() }.compact }

    /// Has frames wait for another viewer from now on, until `unsubscribe`. `LiveSubscription` says what holds.
    func subscribe(_ hits: LiveSubscription.Hits, onNews: @escaping @Sendable () -> Void) -> LiveSubscription {
        let viewer = LiveSubscription(hits, onNews: onNews)
        viewers.withLock { $0.append(viewer) }
        return viewer
    }

    /// No frame waits for the viewer after this but those that are being sent at this moment.
    func unsubscribe(_ subscription: LiveSubscription) { viewers.withLock { $0.removeAll { $0 === subscription } } }

    /// The number of viewers.
    var viewerCount: Int { viewers.withLock(\.count) }

    private func send(_ frame: LiveFrame) { Self.send(frame, to: viewers.withLock { $0 }) }

    private static func send(_ frame: LiveFrame, to viewers: [LiveSubscription]) {
        for viewer in viewers { viewer.offer(frame) }
    }
}

extension SampledHit {
    /// The hit as viewers get it.
    fileprivate var json: JSON {
        .object(
            [
                ("t", .integer(time)), ("lat", .optional(coordinates?.latitude)),
                ("lon", .optional(coordinates?.longitude)), ("country", .text(country)),
                ("datacenters", .list(datacenters.map(JSON.text))), ("service", .text(service)), ("name", .text(name)),
                ("network", .text("\(network)")), ("scope", .integer(scope)),
            ] + (side.map { [("side", .text($0.rawValue))] } ?? []) + [("weight", .integer(weight))])
    }
}
