import Geography
import Platform

/// What is served, and how that is, as files say: all of a live view that no counter and no hit tells.
struct LiveScene: Equatable, Sendable {
    var datacenters: [Datacenter] = []
    /// The image in force.
    var image: Image?
    /// The worst first.
    var problems: [Problem] = []
    var rollout: Rollout?

    struct Datacenter: Equatable, Sendable {
        var name: String
        var coordinates: Coordinates?
        /// As `geopipe status --json` has it, such as `in_use`.
        var state: String
        /// Absent if none is configured.
        var capacity: Double?
    }

    struct Image: Equatable, Sendable {
        /// The content id: 16 hexadecimal digits.
        var id: String
        /// In seconds since 1970.
        var compiled: Int
        /// Since when it is in force, in seconds since 1970.
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
        /// In percent; absent if places decide.
        var share: Int?
        var compared: Int
        var differing: Int
    }
}

/// Something that has happened.
struct LiveEvent: Equatable, Sendable {
    enum Kind: String, Sendable {
        /// An operator drained, undrained or forced a datacenter.
        case `switch`
        /// An address went down or came back.
        case health
        /// Another image is in force.
        case reload
        case rollout
        /// The agent has started.
        case agent
    }

    /// In seconds since 1970.
    var time: Double
    var kind: Kind
    /// For people.
    var text: String
    var datacenter: String?

    var json: JSON {
        .object(
            [("time", .number(time)), ("kind", .text(kind.rawValue)), ("text", .text(text))]
                + (datacenter.map { [("datacenter", .text($0))] } ?? []))
    }
}

/// Where a replay is.
struct LiveReplay: Equatable, Sendable {
    /// The name of the file of hits, without its folder.
    var file: String
    /// The times of the first and last hits, in seconds since 1970.
    var from: Double
    var to: Double
    var position: Double
    var isPaused: Bool
    /// Seconds of the hits for one of the clock.
    var speed: Double

    var json: JSON {
        .object([
            ("file", .text(file)), ("from", .number(from)), ("to", .number(to)), ("position", .number(position)),
            ("paused", .truth(isPaused)), ("speed", .number(speed)),
        ])
    }
}
