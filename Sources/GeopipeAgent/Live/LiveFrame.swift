import Synchronization

/// A message to viewers, made once for all of them.
struct LiveFrame: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// The numbers of a second.
        case second
        /// An event.
        case event
        /// Some of the hits since the last frame.
        case hits
        /// The position of a replay.
        case replay
    }

    let kind: Kind
    /// A JSON object on one line.
    let json: String
    /// The frame as a server-sent event: `event: KIND`, `data: JSON` and an empty line, in UTF-8.
    let bytes: [UInt8]

    init(_ kind: Kind, _ json: String) {
        self.kind = kind
        self.json = json
        bytes = Array("event: \(kind.rawValue)\ndata: \(json)\n\n".utf8)
    }
}

/// The pending frames of one viewer, with limited memory: a newer frame replaces an older one of its kind, and the last
/// `eventLimit` events are kept.
final class LiveSubscription: Sendable {
    /// The hits that a viewer gets.
    enum Hits: Sendable {
        case none
        /// Frames of at most `LiveView.hitsInFrame` hits, thinned by weight.
        case thinned
        /// All hits from coprocesses, for a recording. The subscription holds up to `rawLimit` frames.
        case all
    }

    static let eventLimit = 50
    static let rawLimit = 64

    let hits: Hits
    private let onNews: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        var waiting: [LiveFrame] = []
        var skipped = 0
    }

    /// - Parameter onNews: called on any thread, without locks of this type, when the first frame becomes pending; it
    ///   must return immediately, and cause a call of `take` on the viewer's event loop.
    init(_ hits: Hits, onNews: @escaping @Sendable () -> Void) {
        self.hits = hits
        self.onNews = onNews
    }

    /// Takes all pending frames, the oldest first. May be empty.
    func take() -> [LiveFrame] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    /// The number of frames that newer ones replaced.
    var skippedFrames: Int { state.withLock(\.skipped) }

    /// Adds a frame.
    func offer(_ frame: LiveFrame) {
        let isFirst = state.withLock { state in
            let isFirst = state.waiting.isEmpty
            let limit =
                switch frame.kind {
                case .event: Self.eventLimit
                case .hits: hits == .all ? Self.rawLimit : 1
                case .second, .replay: 1
                }
            if state.waiting.count(where: { $0.kind == frame.kind }) >= limit,
                let oldest = state.waiting.firstIndex(where: { $0.kind == frame.kind })
            {
                state.waiting.remove(at: oldest)
                state.skipped += 1
            }
            state.waiting.append(frame)
            return isFirst
        }
        if isFirst { onNews() }
    }
}
