import Geography
import Platform

/// The part of a live view that comes from files, not from counters or hits.
struct LiveScene: Equatable, Sendable {
    var datacenters: [Datacenter] = []
    var image: Image?
    /// The worst first.
    var problems: [Problem] = []
    var rollout: Rollout?

    struct Datacenter: Equatable, Sendable {
        var name: String
        var coordinates: Coordinates?
        /// As in `geopipe status --json`, such as `in_use`.
        var state: String
        /// `nil` if none is configured.
        var capacity: Double?
    }

    struct Image: Equatable, Sendable {
        /// The content id: 16 hexadecimal digits.
        var id: String
        /// Seconds since 1970.
        var compiled: Int
        /// When it was put in force, in seconds since 1970.
        var since: Int
    }

    struct Problem: Equatable, Sendable {
        /// `error` or `warning`.
        var severity: String
        var text: String
    }

    struct Rollout: Equatable, Sendable {
        var id: String
        /// `dark`, `share`, `places`, `committed`, `aborted` or `back`.
        var state: String
        /// In percent; `nil` if places decide.
        var share: Int?
        var compared: Int
        var differing: Int
    }
}

/// An event.
struct LiveEvent: Equatable, Sendable {
    enum Kind: String, Sendable {
        /// An operator drained, undrained or forced a datacenter.
        case `switch`
        /// An address went down or came back.
        case health
        /// Another image was put in force.
        case reload
        case rollout
        /// The agent started.
        case agent
    }

    /// Seconds since 1970.
    var time: Double
    var kind: Kind
    var text: String
    var datacenter: String?

    var json: JSON {
        .object(
            [("time", .number(time)), ("kind", .text(kind.rawValue)), ("text", .text(text))]
                + (datacenter.map { [("datacenter", .text($0))] } ?? []))
    }
}

/// The position of a replay.
struct LiveReplay: Equatable, Sendable {
    /// The file name of the hits log, without its folder.
    var file: String
    /// The times of the first and last hits, in seconds since 1970.
    var from: Double
    var to: Double
    var position: Double
    var isPaused: Bool
    /// The speed: seconds of the log in one second.
    var speed: Double

    var json: JSON {
        .object([
            ("file", .text(file)), ("from", .number(from)), ("to", .number(to)), ("position", .number(position)),
            ("paused", .boolean(isPaused)), ("speed", .number(speed)),
        ])
    }
}
