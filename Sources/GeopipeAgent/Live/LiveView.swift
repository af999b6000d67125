import Geography
import Platform
import Synchronization
import Telemetry

/// The traffic of now, the last minute and the last hour: computed from counters, sampled hits and files, and sent to
/// viewers as JSON.
///
/// Reads no clock and no file, and never waits for a viewer. Any thread may call it; each call takes at most some
/// milliseconds. Its memory is limited.
final class LiveView: Sendable {
    enum Mode: String, Sendable {
        /// Rates come from the counters.
        case live
        /// Rates come from hits and their weights; `play` sets the time.
        case replay
    }

    /// The maximum number of hits in a frame.
    static let hitsInFrame = 50
    /// The interval of frames with hits, in milliseconds.
    static let hitsInterval = 100

    private let numbers: Mutex<LiveNumbers>
    private let viewers = Mutex<[LiveSubscription]>([])

    /// - Parameters:
    ///   - host: the name of this machine.
    ///   - start: the current time in seconds since 1970; in a replay, the time of the first hit.
    init(_ mode: Mode, host: String, start: Double) {
        numbers = Mutex(LiveNumbers(mode, host: host, start: start))
    }

    /// Adds hits in a live view.
    func take(_ hits: [SampledHit]) { numbers.withLock { $0.take(hits) } }

    /// Sets the counters of the coprocesses at a time in seconds since 1970. Called once a second in a live view.
    func take(_ counts: AggregatedMetrics.Counts, at time: Double) { numbers.withLock { $0.take(counts, at: time) } }

    /// Sets the scene.
    func take(_ scene: LiveScene) { numbers.withLock { $0.take(scene) } }

    /// Adds an event of the last hour, and sends it to viewers.
    func add(_ event: LiveEvent) {
        guard numbers.withLock({ $0.add(event) }) else { return }
        send(LiveFrame(.event, event.json.compact))
    }

    /// Advances the time of a live view: sends `hits` if there are any, and `second` if another second has begun. Call
    /// it every `hitsInterval` milliseconds, or once a second without viewers, from one thread at a time.
    ///
    /// - Parameter time: seconds since 1970.
    func advance(to time: Double) { goOn { $0.advance(to: time) } }

    /// Advances the time of a replay: adds the hits up to `time` in their order, and then does what `advance` does. For
    /// more than a second, only the last `second` is sent, but the history has all.
    func play(_ hits: [SampledHit], to time: Double) { goOn { $0.play(hits, to: time) } }

    /// Clears all hits, rates, the history and events, because a replay moves to another time. Viewers and the scene
    /// stay.
    func clear(at time: Double) { numbers.withLock { $0.clear(at: time) } }

    /// Sets the position of a replay, and sends it to viewers.
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

    /// Returns the whole state for `GET /api/state`.
    func state() -> String { numbers.withLock { $0.stateJSON() }.compact }

    /// Adds a viewer until `unsubscribe`. `LiveSubscription` documents its limits.
    func subscribe(_ hits: LiveSubscription.Hits, onNews: @escaping @Sendable () -> Void) -> LiveSubscription {
        let viewer = LiveSubscription(hits, onNews: onNews)
        viewers.withLock { $0.append(viewer) }
        return viewer
    }

    /// Removes a viewer. Frames that are being sent at this moment may still reach it.
    func unsubscribe(_ subscription: LiveSubscription) { viewers.withLock { $0.removeAll { $0 === subscription } } }

    var viewerCount: Int { viewers.withLock(\.count) }

    private func send(_ frame: LiveFrame) { Self.send(frame, to: viewers.withLock { $0 }) }

    private static func send(_ frame: LiveFrame, to viewers: [LiveSubscription]) {
        for viewer in viewers { viewer.offer(frame) }
    }
}

extension SampledHit {
    /// The hit as sent to viewers.
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
