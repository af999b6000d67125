import Platform

/// The live state of the agent, from `GET /api/state` and `/api/stream`. Missing members and those of another type
/// count as unknown, because the agent may be of another version.
package struct LiveState: Sendable {
    /// The time in seconds since 1970; in a replay, the time in the recording.
    package var time: Double
    package var isReplay: Bool
    package var version: String
    package var host: String
    package var second: LiveSecond
    package var history: TopHistory
    /// The events of the last hour, the oldest first.
    package var events: [TopEvent]
    package var replay: TopReplay?

    /// The maximum number of events.
    private static let mostEvents = 200

    /// - Returns: `nil` if the JSON is not an object.
    package init?(_ json: JSON) {
        guard case .object = json else { return nil }
        time = json["time"]?.double ?? 0
        isReplay = json["mode"]?.string == "replay"
        version = json["version"]?.string ?? ""
        host = json["host"]?.string ?? ""
        second = LiveSecond(json["second"] ?? .null)
        history = TopHistory(json["history"] ?? .null)
        events = (json["events"]?.items ?? []).map(TopEvent.init)
        replay = json["replay"].flatMap(TopReplay.init)
        if second.time == 0 { second.time = time }
    }

    /// Applies an event of the stream.
    ///
    /// - Parameter event: the event's name: `second`, `event` or `replay`; others are ignored.
    package mutating func take(_ event: String, _ json: JSON) {
        switch event {
        case "second":
            second = LiveSecond(json)
            // A replay may have jumped back.
            if second.time < time { events.removeAll { $0.time > second.time } }
            time = second.time
            history.append(second)
        case "event":
            // The state may contain it already.
            let event = TopEvent(json)
            guard !events.contains(event) else { return }
            events.append(event)
            if events.count > Self.mostEvents { events.removeFirst(events.count - Self.mostEvents) }
        case "replay": replay = TopReplay(json)
        default: break
        }
    }
}

/// The traffic of one second.
package struct LiveSecond: Sendable {
    package var time: Double
    /// Answers per second with records and without, and refused questions per second.
    var answered: Double
    var empty: Double
    var refused: Double
    /// Answer times in microseconds.
    var p50: Double?
    var p99: Double?
    var coprocesses: Int
    /// Hits per second that were lost before they were counted.
    var dropped: Double
    var image: Image?
    var datacenters: [Datacenter]
    var countries: [Ranked]
    var names: [Ranked]
    var services: [Ranked]
    var networks: [Ranked]
    /// The parts of the answers to clients of unknown place, and by a map's default, 0...1.
    var unknown: Double?
    var defaultRule: Double?
    /// The worst first.
    var problems: [Problem]
    var rollout: Rollout?

    struct Image: Sendable {
        var id: String
        /// Seconds since 1970.
        var compiled: Double?
        var since: Double?
    }

    struct Datacenter: Sendable {
        var name: String
        var position: MapPosition?
        /// The state, as in `geopipe status --json`.
        var state: String
        var capacity: Double?
        var rate: Double
        var share: Double?
        /// The load relative to its capacity; 1 is full.
        var load: Double?
    }

    /// An entry of a ranking by rate.
    struct Ranked: Sendable {
        var name: String
        var rate: Double
        var country: String
        /// The number of an autonomous system.
        var system: Int?
    }

    struct Problem: Sendable {
        var isError: Bool
        var text: String
    }

    struct Rollout: Sendable {
        var id: String
        var state: String
        /// The percentage of the clients.
        var share: Double?
        /// Answers a second of the old and the new image.
        var old: Double?
        var new: Double?
        var datacenters: [(name: String, old: Double, new: Double)]
        var compared: Int?
        var differing: Int?
    }

    init(_ json: JSON) {
        func number(_ name: String, in json: JSON?) -> Double { json?[name]?.double.map { max(0, $0) } ?? 0 }
        func objects(_ json: JSON?) -> [JSON] {
            (json?.items ?? []).filter { if case .object = $0 { true } else { false } }
        }
        func text(_ json: JSON?) -> String { json?.string ?? "" }
        time = json["time"]?.double ?? 0
        answered = number("answered", in: json["rate"])
        empty = number("empty", in: json["rate"])
        refused = number("refused", in: json["rate"])
        p50 = json["latency"]?["p50"]?.double
        p99 = json["latency"]?["p99"]?.double
        coprocesses = json["coprocesses"]?.int ?? 0
        dropped = number("dropped", in: json)
        image = json["image"]?["id"].map {
            Image(
                id: text($0), compiled: json["image"]?["compiled"]?.double, since: json["image"]?["since"]?.double)
        }
        datacenters = objects(json["datacenters"]).map { json in
            var position: MapPosition?
            if let latitude = json["latitude"]?.double, let longitude = json["longitude"]?.double {
                position = MapPosition(latitude: latitude, longitude: longitude)
            }
            return Datacenter(
                name: text(json["name"]), position: position, state: text(json["state"]),
                capacity: json["capacity"]?.double, rate: number("rate", in: json), share: json["share"]?.double,
                load: json["load"]?.double)
        }
        func ranked(_ name: String) -> [Ranked] {
            objects(json[name]).map {
                Ranked(
                    name: text($0["name"]), rate: number("rate", in: $0), country: text($0["country"]),
                    system: $0["asn"]?.int)
            }
        }
        countries = ranked("countries")
        names = ranked("names")
        services = ranked("services")
        networks = ranked("networks")
        unknown = json["unknown"]?.double
        defaultRule = json["defaultRule"]?.double
        problems = objects(json["problems"]).map {
            Problem(isError: $0["severity"]?.string == "error", text: text($0["text"]))
        }
        rollout = json["rollout"].flatMap { json in
            guard case .object = json else { return nil }
            return Rollout(
                id: text(json["id"]), state: text(json["state"]), share: json["share"]?.double,
                old: json["old"]?["rate"]?.double, new: json["new"]?["rate"]?.double,
                datacenters: objects(json["byDatacenter"]).map {
                    (text($0["name"]), number("old", in: $0), number("new", in: $0))
                },
                compared: json["compared"]?.int, differing: json["differing"]?.int)
        }
    }
}

/// A change, such as a drain or a reload.
package struct TopEvent: Equatable, Sendable {
    /// Seconds since 1970.
    package var time: Double
    var kind: String
    var text: String

    init(_ json: JSON) {
        time = json["time"]?.double ?? 0
        kind = json["kind"]?.string ?? ""
        text = json["text"]?.string ?? ""
    }
}

/// The position of a replay.
package struct TopReplay: Sendable {
    var file: String
    /// The start, the end and the current position of the recording, in seconds since 1970.
    var from: Double
    var to: Double
    var position: Double
    package var isPaused: Bool
    /// The speed in seconds of the recording per second, 0.1...1000.
    package var speed: Double

    /// - Returns: `nil` if the JSON is not an object.
    init?(_ json: JSON) {
        guard case .object = json else { return nil }
        file = json["file"]?.string ?? ""
        from = json["from"]?.double ?? 0
        to = json["to"]?.double ?? from
        position = json["position"]?.double ?? from
        isPaused = json["paused"]?.bool ?? false
        speed = json["speed"]?.double ?? 1
    }
}
