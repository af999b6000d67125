import Synchronization

/// What viewers are sent, made once for all of them.
struct LiveFrame: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        /// All numbers of a second.
        case second
        /// Something that has happened.
        case event
        /// Some of the answers since the frame before.
        case hits
        /// Where a replay is.
        case replay
    }

    let kind: Kind
    /// An object of JSON on one line.
    let json: String
    /// The frame as a server-sent event: `event: KIND`, `data: JSON` and an empty line, in UTF-8.
    let bytes: [UInt8]

    init(_ kind: Kind, _ json: String) {
        self.kind = kind
        self.json = json
        bytes = Array("event: \(kind.rawValue)\ndata: \(json)\n\n".utf8)
    }
}

/// What waits for one viewer. A viewer that takes nothing costs no more memory than this: newer frames take the place of older ones
/// of their kind, and of events the last `eventLimit` wait.
final class LiveSubscription: Sendable {
    /// Which hits a viewer gets.
    enum Hits: Sendable {
        case none
        /// Frames of at most `LiveView.hitsInFrame` hits, thinned with their weight.
        case thinned
        /// All hits that coprocesses have sent, for a recording. The subscription holds up to `rawLimit` frames that were not taken.
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

    /// - Parameter onNews: called by any thread, without locks of this type held, when the first frame waits after none did; it must
    ///   return at once. It has `take` called where the viewer is.
    init(_ hits: Hits, onNews: @escaping @Sendable () -> Void) {
        self.hits = hits
        self.onNews = onNews
    }

    /// Takes out all that waits, the oldest first. May be empty.
    func take() -> [LiveFrame] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    /// How many frames newer ones have taken the place of.
    var skippedFrames: Int { state.withLock(\.skipped) }

    /// Has a frame wait for the viewer.
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
