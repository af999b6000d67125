import Geography
import Platform
import Telemetry

/// The data of a live view, used by one thread at a time.
struct LiveNumbers {
    private let mode: LiveView.Mode
    private let host: String
    /// Seconds since 1970.
    private(set) var time: Double
    /// The last second that was sent.
    private var second: Int
    private(set) var scene = LiveScene()
    var replay: LiveReplay?
    private var counter = LiveCounter()
    private var coprocesses = 0
    /// The time of the current sums, in seconds since 1970.
    private var counted: Double
    /// The sums at the ends of the last seconds, the oldest first.
    private var looks: [Look]
    /// The sums at the start of the current history step.
    private var stepBegin: Look
    private var history = LiveHistory()
    private var events: [LiveEvent] = []
    private var names: TopList<String>
    private var networks: TopList<Network>
    /// Hits by whether the default rule decided.
    private var rules: TopList<Bool>
    private var sides: TopList<Part>
    /// Hits that were not sent to viewers yet.
    private var pending: [SampledHit] = []

    private struct Look {
        var time: Double
        var sums: LiveSums
    }

    private struct Network: Hashable {
        var prefix: IPPrefix
        var country: String
    }

    /// The answers of one side of a rollout, from one datacenter or from all.
    private struct Part: Hashable {
        var side: SampledHit.Side
        var datacenter: String?
    }

    /// Seconds over which rates are averaged: coprocesses report every 1 to 1.5 s.
    private static let window = 3
    /// The maximum number of counted names and networks.
    static let topLimit = 2_000
    /// The number of names and networks in a frame.
    private static let listedCount = 20
    static let eventLimit = 200
    /// Seconds for which events are kept.
    private static let eventMemory = 3_600.0
    /// The maximum number of hits that wait for the next frame.
    static let pendingLimit = 4_000
    /// The maximum number of datacenters in a frame that are not in the configuration.
    static let unknownLimit = 300
    /// The longest gap in seconds after which each missed second is still processed.
    private static let longestGap = 3_600

    init(_ mode: LiveView.Mode, host: String, start: Double) {
        (self.mode, self.host) = (mode, host)
        time = start
        counted = start
        second = Int(start)
        let look = Look(time: start, sums: LiveSums())
        (looks, stepBegin) = ([look], look)
        (names, networks, rules, sides) = Self.lists(begin: start)
    }

    private static func lists(begin: Double) -> (TopList<String>, TopList<Network>, TopList<Bool>, TopList<Part>) {
        (
            TopList(limit: topLimit, begin: begin), TopList(limit: topLimit, begin: begin),
            TopList(limit: 2, begin: begin), TopList(limit: 1_000, begin: begin)
        )
    }

    /// Clears everything except the scene.
    mutating func clear(at start: Double) {
        var other = LiveNumbers(mode, host: host, start: start)
        (other.scene, other.replay) = (scene, replay)
        self = other
    }

    mutating func take(_ hits: [SampledHit]) {
        for hit in hits { take(hit) }
    }

    private mutating func take(_ hit: SampledHit) {
        let weight = Double(hit.weight)
        // Resolvers may mix upper and lower case.
        names.add(hit.name.lowercased(), weight, at: time)
        networks.add(Network(prefix: hit.network, country: hit.country), weight, at: time)
        if let isByDefault = hit.isByDefault { rules.add(isByDefault, weight, at: time) }
        if let side = hit.side {
            sides.add(Part(side: side), weight, at: time)
            for datacenter in hit.datacenters { sides.add(Part(side: side, datacenter: datacenter), weight, at: time) }
        }
        if mode == .replay { counter.take(hit) }
        pending.append(hit)
        if pending.count > Self.pendingLimit { pending = pending.thinned(to: Self.pendingLimit / 8) }
    }

    mutating func take(_ counts: AggregatedMetrics.Counts, at time: Double) {
        counter.take(counts)
        coprocesses = counts.coprocesses
        counted = time
    }

    mutating func take(_ scene: LiveScene) {
        if scene.rollout?.id != self.scene.rollout?.id { sides = TopList(limit: 1_000, begin: time) }
        self.scene = scene
    }

    /// - Returns: whether it is recent enough.
    mutating func add(_ event: LiveEvent) -> Bool {
        guard event.time > time - Self.eventMemory else { return false }
        events.insert(event, at: (events.lastIndex { $0.time <= event.time } ?? -1) + 1)
        if events.count > Self.eventLimit { events.removeFirst() }
        return true
    }

    /// - Returns: whether another second has begun.
    mutating func advance(to time: Double) -> Bool {
        guard time.isFinite, 0..<253_402_300_800 ~= time else { return false }
        self.time = time
        let now = Int(time)
        guard now != second else { return false }
        if mode == .replay { counted = Double(now) }
        let look = Look(time: counted, sums: counter.sums)
        if now < second || now - second > Self.longestGap {
            // The clock was set: earlier sums say nothing about the new time.
            (looks, stepBegin) = ([look], look)
            (names, networks, rules, sides) = Self.lists(begin: time)
        } else if look.time > looks.last!.time {
            looks.append(look)
            if looks.count > Self.window + 1 { looks.removeFirst() }
            if now / LiveHistory.step > second / LiveHistory.step {
                endStep(look, start: (now / LiveHistory.step - 1) * LiveHistory.step)
            }
        }
        second = now
        events.removeAll { $0.time <= time - Self.eventMemory }
        return true
    }

    /// Adds hits in their order, and advances to a time second by second.
    mutating func play(_ hits: [SampledHit], to time: Double) -> Bool {
        var isNews = false
        for hit in hits {
            isNews = skip(to: hit.time / 1_000) || isNews
            take(hit)
        }
        if time.isFinite, 0..<253_402_300_800 ~= time { isNews = skip(to: Int(time)) || isNews }
        return advance(to: time) || isNews
    }

    /// Skips all seconds before one.
    private mutating func skip(to next: Int) -> Bool {
        guard next > second else { return false }
        if next - second <= Self.longestGap {
            for now in second + 1..<next { _ = advance(to: Double(now)) }
        }
        return advance(to: Double(next))
    }

    private mutating func endStep(_ look: Look, start: Int) {
        let rates = Rates(from: stepBegin, to: look)
        stepBegin = look
        guard rates.seconds >= 1 else { return }
        history.add(
            LiveHistory.Point(
                answered: rates[.answered], empty: rates[.empty], refused: rates[.refused], p50: rates.latency(0.5),
                p99: rates.latency(0.99), coprocesses: coprocesses, ofDatacenters: rates.ofDatacenters),
            start: start)
    }

    /// Takes the hits that were not sent to viewers yet.
    mutating func takePending() -> [SampledHit] {
        let taken = pending
        pending = []
        return taken
    }

    /// The differences between two sums, per second.
    private struct Rates {
        var begin: LiveSums
        var end: LiveSums
        var seconds: Double

        init(from begin: Look, to end: Look) {
            (self.begin, self.end) = (begin.sums, end.sums)
            seconds = end.time - begin.time
        }

        private func rate(_ growth: Int) -> Double { seconds > 0 ? Double(growth) / seconds : 0 }

        subscript(result: QuestionResult) -> Double {
            rate(end.results[result, default: 0] - begin.results[result, default: 0])
        }

        var dropped: Double { rate(max(0, end.droppedHits - begin.droppedHits)) }

        /// Returns a quantile in microseconds.
        func latency(_ part: Double) -> Double? {
            end.durations.since(begin.durations).quantile(part).map { $0 / 1_000 }
        }

        func of(_ list: KeyPath<LiveSums, [Int]>, _ position: Int?) -> Double {
            position.map { rate(end[keyPath: list].value(at: $0) - begin[keyPath: list].value(at: $0)) } ?? 0
        }

        func all(_ list: KeyPath<LiveSums, [Int]>) -> Double {
            rate(end[keyPath: list].reduce(0, saturatingSum) - begin[keyPath: list].reduce(0, saturatingSum))
        }

        var ofDatacenters: Double { all(\.datacenters) }

        /// Returns the positions with the highest counts, and their rates.
        func top(_ count: Int, _ list: KeyPath<LiveSums, [Int]>) -> [(position: Int, rate: Double)] {
            let (new, old) = (end[keyPath: list], begin[keyPath: list])
            let growths = new.indices.lazy.map { ($0, new[$0] - old.value(at: $0)) }.filter { $0.1 > 0 }
            return growths.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }.prefix(count).map { ($0, rate($1)) }
        }
    }

    /// Returns the numbers of the current second.
    func secondJSON() -> JSON {
        let rates = Rates(from: looks.first!, to: looks.last!)
        let (p50, p99) = (rates.latency(0.5), rates.latency(0.99))
        let clients = rates.all(\.countries)
        let unknown = clients > 0 ? rates.of(\.countries, counter.countries.known("")) / clients : nil
        let (byDefault, byRule) = (rules.rate(true, at: time), rules.rate(false, at: time))
        func list(_ names: LiveNames, _ list: KeyPath<LiveSums, [Int]>) -> JSON {
            .list(
                rates.top(Self.listedCount, list).map {
                    .object([("name", .text(names.names[$0.position])), ("rate", .rate($0.rate))])
                })
        }
        return .object([
            ("time", .integer(second)),
            (
                "rate",
                .object([
                    ("answered", .rate(rates[.answered])), ("empty", .rate(rates[.empty])),
                    ("refused", .rate(rates[.refused])),
                ])
            ),
            ("latency", p50 == nil ? .null : .object([("p50", .duration(p50)), ("p99", .duration(p99))])),
            ("coprocesses", .integer(coprocesses)), ("dropped", .rate(rates.dropped)),
            (
                "image",
                scene.image.map {
                    .object([
                        ("id", .text($0.id)), ("compiled", .integer($0.compiled)), ("since", .integer($0.since)),
                    ])
                } ?? .null
            ),
            ("datacenters", .list(datacenters(rates))), ("countries", list(counter.countries, \.countries)),
            (
                "names",
                .list(
                    names.top(Self.listedCount, at: time).map {
                        .object([("name", .text($0.key)), ("rate", .rate($0.rate))])
                    })
            ),
            ("services", list(counter.services, \.services)),
            (
                "networks",
                .list(
                    networks.top(Self.listedCount, at: time).map {
                        .object([
                            ("name", .text("\($0.key.prefix)")), ("rate", .rate($0.rate)),
                            ("country", .text($0.key.country)),
                        ])
                    })
            ),
            ("unknown", .part(unknown)),
            ("defaultRule", .part(byDefault + byRule > 0 ? byDefault / (byDefault + byRule) : nil)),
            (
                "problems",
                .list(
                    scene.problems.map { .object([("severity", .text($0.severity)), ("text", .text($0.text))]) })
            ),
            ("rollout", scene.rollout.map(json) ?? .null),
        ])
    }

    private func datacenters(_ rates: Rates) -> [JSON] {
        let all = rates.ofDatacenters
        var shown = scene.datacenters
        let known = Set(shown.map(\.name))
        // Datacenters from a hits log, or no longer in the configuration.
        let limit = shown.count + Self.unknownLimit
        for (position, name) in counter.datacenters.names.enumerated()
        where !known.contains(name) && (mode == .replay || rates.of(\.datacenters, position) > 0) {
            guard shown.count < limit else { break }
            shown.append(LiveScene.Datacenter(name: name, state: "in_use"))
        }
        let hasCapacities = shown.contains { $0.capacity != nil }
        let capacity = shown.reduce(0) { $0 + ($1.capacity ?? 1) }
        let peak = max(history.peak, all)
        return shown.map { datacenter in
            let rate = rates.of(\.datacenters, counter.datacenters.known(datacenter.name))
            let load = hasCapacities && peak > 0 ? rate / (peak * (datacenter.capacity ?? 1) / capacity) : nil
            return .object([
                ("name", .text(datacenter.name)), ("latitude", .optional(datacenter.coordinates?.latitude)),
                ("longitude", .optional(datacenter.coordinates?.longitude)), ("state", .text(datacenter.state)),
                ("capacity", .optional(datacenter.capacity)), ("rate", .rate(rate)),
                ("share", .part(all > 0 ? rate / all : 0)), ("load", .part(load)),
            ])
        }
    }

    private func json(_ rollout: LiveScene.Rollout) -> JSON {
        func rate(_ side: SampledHit.Side, _ datacenter: String? = nil) -> JSON {
            .rate(sides.rate(Part(side: side, datacenter: datacenter), at: time))
        }
        let byDatacenter = scene.datacenters.filter { datacenter in
            [.old, .new].contains { sides.rate(Part(side: $0, datacenter: datacenter.name), at: time) > 0.001 }
        }
        return .object([
            ("id", .text(rollout.id)), ("state", .text(rollout.state)),
            ("share", rollout.share.map(JSON.integer) ?? .null), ("old", .object([("rate", rate(.old))])),
            ("new", .object([("rate", rate(.new))])),
            (
                "byDatacenter",
                .list(
                    byDatacenter.map {
                        .object([
                            ("name", .text($0.name)), ("old", rate(.old, $0.name)), ("new", rate(.new, $0.name)),
                        ])
                    })
            ),
            ("compared", .integer(rollout.compared)), ("differing", .integer(rollout.differing)),
        ])
    }

    /// Returns the whole state.
    func stateJSON() -> JSON {
        .object([
            ("time", .number((time * 1_000).rounded() / 1_000)), ("mode", .text(mode.rawValue)),
            ("version", .text(geopipeVersion)), ("host", .text(host)), ("second", secondJSON()),
            ("history", history.json(at: time)), ("events", .list(events.map(\.json))),
            ("replay", replay?.json ?? .null),
        ])
    }
}
