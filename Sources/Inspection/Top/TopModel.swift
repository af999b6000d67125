import Platform

/// What `geopipe top` knows: the last state, what the stream has told after it, and the hits of the last seconds.
package struct TopModel: Sendable {
    package private(set) var state: LiveState?
    private(set) var hits: [Hit] = []

    /// An answer to a client whose place is known.
    struct Hit: Sendable {
        var position: MapPosition
        /// The first one that it was sent to.
        var datacenter: String
        /// Milliseconds on the monotonic clock.
        var received: Int
    }

    /// The milliseconds that a hit is shown, and the most hits that are.
    private static let (lifetime, mostHits) = (4_000, 2_000)

    package init() {}

    /// Whether there is nothing to hear of, as a replay is paused.
    package var isReplayPaused: Bool { replay?.isPaused ?? false }

    /// Where the replay is; `nil` if what is shown is no replay.
    package var replay: TopReplay? { state?.replay }

    /// Takes in the whole state.
    ///
    /// - Returns: false if it is no object; then all stays as it was.
    package mutating func take(state json: JSON) -> Bool {
        guard let new = LiveState(json) else { return false }
        state = new
        return true
    }

    /// Takes in what the stream tells.
    ///
    /// - Parameter now: milliseconds on the monotonic clock.
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

    /// Forgets the hits that were shown for long enough.
    ///
    /// - Returns: whether there were any.
    package mutating func forgetHits(now: Int) -> Bool {
        let count = hits.count
        hits.removeAll { now - $0.received > Self.lifetime }
        return hits.count < count
    }
}
