import Platform

/// The model of `geopipe top`: the last state, updated by the stream, and the hits of the last seconds.
package struct TopModel: Sendable {
    package private(set) var state: LiveState?
    private(set) var hits: [Hit] = []

    /// An answer to a client whose place is known.
    struct Hit: Sendable {
        var position: MapPosition
        /// The first datacenter of the answer.
        var datacenter: String
        /// When it was received, in milliseconds on the monotonic clock.
        var received: Int
    }

    /// How long a hit is shown, in milliseconds, and the maximum number of hits.
    private static let (lifetime, mostHits) = (4_000, 2_000)

    package init() {}

    /// Whether a replay is paused, so that the stream sends nothing.
    package var isReplayPaused: Bool { replay?.isPaused ?? false }

    /// The position of the replay; `nil` for live traffic.
    package var replay: TopReplay? { state?.replay }

    /// Replaces the whole state.
    ///
    /// - Returns: false if the JSON is not an object, and nothing has changed.
    package mutating func take(state json: JSON) -> Bool {
        guard let new = LiveState(json) else { return false }
        state = new
        return true
    }

    /// Applies an event of the stream.
    ///
    /// - Parameter now: the current time, in milliseconds on the monotonic clock.
    package mutating func take(_ event: String, _ json: JSON, now: Int) {
        guard event == "hits" else {
            state?.take(event, json)
            return
        }
        for hit in json["hits"]?.items ?? [] {
            guard let latitude = hit["lat"]?.double, let longitude = hit["lon"]?.double else { continue }
            hits.append(
                Hit(
                    position: MapPosition(latitude: latitude, longitude: longitude),
                    datacenter: hit["datacenters"]?.items?.first?.string ?? "", received: now))
        }
        if hits.count > Self.mostHits { hits.removeFirst(hits.count - Self.mostHits) }
    }

    /// Removes the hits that were shown long enough.
    ///
    /// - Returns: whether there were any.
    package mutating func forgetHits(now: Int) -> Bool {
        let count = hits.count
        hits.removeAll { now - $0.received > Self.lifetime }
        return hits.count < count
    }
}
