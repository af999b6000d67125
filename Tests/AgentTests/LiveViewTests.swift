import Foundation
import Geography
import Support
import Synchronization
import Telemetry
import Testing

@testable import geopipe_agent

@Suite("The live view")
struct LiveViewTests {
    static let start = 1_764_528_000.0

    let view = LiveView(.live, host: "ns1", start: start)

    static func hit(
        _ name: String = "www.example.com", network: String = "192.0.2.0/24", country: String = "NO",
        datacenters: [String] = ["oslo"], service: String = "web", side: SampledHit.Side? = nil,
        at time: Double = start,
        isByDefault: Bool? = nil, weight: Int = 1
    ) -> SampledHit {
        SampledHit(
            time: Int(time * 1_000), network: IPPrefix(network)!, country: country, coordinates: nil, name: name,
            service: service, datacenters: datacenters, scope: 24, side: side, isByDefault: isByDefault, weight: weight)
    }

    /// The counters after some seconds with the same growth in each.
    func counts(
        after seconds: Int, answered: Int = 0, empty: Int = 0, refused: Int = 0, oslo: Int = 0, ashburn: Int = 0,
        norway: Int = 0, unknown: Int = 0, nanoseconds: Int = 15_000, dropped: Int = 0
    ) -> AggregatedMetrics.Counts {
        var counts = AggregatedMetrics.Counts()
        counts.series = [
            .questions(zone: "example.com", result: .answered), .questions(zone: "example.com", result: .empty),
            .questions(zone: "", result: .refused), .answers(service: "web", datacenter: "oslo"),
            .answers(service: "mail", datacenter: "ashburn"), .clients(country: "NO"), .clients(country: ""),
        ]
        counts.values = [answered, empty, refused, oslo, ashburn, norway, unknown].map { $0 * seconds }
        counts.durations.count(answered * seconds, of: nanoseconds)
        counts.droppedHits = dropped * seconds
        counts.coprocesses = 2
        return counts
    }

    func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    func state(_ view: LiveView) throws -> [String: Any] { try object(view.state()) }

    func second(_ view: LiveView) throws -> [String: Any] {
        try #require(try state(view)["second"] as? [String: Any])
    }

    func list(_ value: Any?) throws -> [[String: Any]] { try #require(value as? [[String: Any]]) }

    /// Returns whether two JSON values are equal.
    func expect(
        _ value: Any?, _ text: String, at place: SourceLocation = #_sourceLocation
    ) throws {
        let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        let found = try #require(value as? NSObject, sourceLocation: place)
        #expect(found == expected as? NSObject, sourceLocation: place)
    }

    @Test("averages the counters of three seconds")
    func second() throws {
        view.take(
            LiveScene(
                datacenters: [
                    .init(
                        name: "oslo", coordinates: Coordinates(latitude: 59.91, longitude: 10.75), state: "in_use",
                        capacity: 30),
                    .init(name: "ashburn", state: "drained", capacity: 90),
                ], image: .init(id: "0123456789abcdef", compiled: 1, since: 2),
                problems: [.init(severity: "error", text: "something \"odd\"")]))
        for seconds in 1...10 {
            view.take(
                counts(
                    after: seconds, answered: 400, empty: 3, refused: 1, oslo: 300, ashburn: 100, norway: 380,
                    unknown: 20, dropped: 7), at: Self.start + Double(seconds))
            view.advance(to: Self.start + Double(seconds) + 0.01)
        }
        let second = try second(view)
        try expect(second["time"], "1764528010")
        try expect(second["rate"], #"{"answered":400,"empty":3,"refused":1}"#)
        try expect(second["latency"], #"{"p50":15,"p99":19.9}"#)
        try expect(second["coprocesses"], "2")
        try expect(second["dropped"], "7")
        try expect(second["image"], #"{"id":"0123456789abcdef","compiled":1,"since":2}"#)
        try expect(
            second["datacenters"],
            """
            [{"name":"oslo","latitude":59.91,"longitude":10.75,"state":"in_use","capacity":30,"rate":300,"share":0.75,"load":3},
             {"name":"ashburn","latitude":null,"longitude":null,"state":"drained","capacity":90,"rate":100,"share":0.25,"load":0.333}]
            """)
        try expect(second["countries"], #"[{"name":"NO","rate":380},{"name":"","rate":20}]"#)
        try expect(second["services"], #"[{"name":"web","rate":300},{"name":"mail","rate":100}]"#)
        try expect(second["unknown"], "0.05")
        try expect(second["defaultRule"], "null")
        try expect(second["problems"], #"[{"severity":"error","text":"something \"odd\""}]"#)
        try expect(second["rollout"], "null")
    }

    @Test("is empty before the first input")
    func empty() throws {
        let state = try state(view)
        try expect(state["mode"], #""live""#)
        try expect(state["host"], #""ns1""#)
        try expect(state["replay"], "null")
        try expect(state["events"], "[]")
        try expect(
            state["history"],
            #"{"start":1764528000,"step":5,"columns":["answered","empty","refused","p50","p99","coprocesses"],"points":[]}"#
        )
        let second = try #require(state["second"] as? [String: Any])
        try expect(second["rate"], #"{"answered":0,"empty":0,"refused":0}"#)
        for name in ["latency", "image", "unknown", "defaultRule", "rollout"] { try expect(second[name], "null") }
        for name in ["datacenters", "countries", "names", "services", "networks", "problems"] {
            try expect(second[name], "[]")
        }
    }

    @Test("keeps an hour in points of five seconds, without those that it missed")
    func history() throws {
        func go(_ seconds: ClosedRange<Int>) {
            for second in seconds {
                view.take(counts(after: second, answered: 10), at: Self.start + Double(second))
                view.advance(to: Self.start + Double(second))
            }
        }
        go(1...20)
        var history = try #require(try state(view)["history"] as? [String: Any])
        try expect(history["start"], "1764528000")
        let point = "[10,0,0,15,19.9,2]"
        try expect(history["points"], "[\(point),\(point),\(point),\(point)]")
        go(40...45)
        history = try #require(try state(view)["history"] as? [String: Any])
        try expect(
            history["points"],
            "[\(Array(repeating: point, count: 4).joined(separator: ",")),null,null,null,\(point),\(point)]")
        go(46...4_000)
        history = try #require(try state(view)["history"] as? [String: Any])
        #expect((history["points"] as? [Any])?.count == 720)
        try expect(history["start"], "\(1_764_528_000 + 4_000 - 3_600)")
    }

    @Test("continues when the clock is set", arguments: [-100_000.0, -2, 100_000])
    func clockIsSet(by offset: Double) throws {
        for second in 1...10 {
            view.take(counts(after: second, answered: 10), at: Self.start + Double(second))
            view.advance(to: Self.start + Double(second))
        }
        for second in 11...20 {
            view.take(counts(after: second, answered: 10), at: Self.start + Double(second) + offset)
            view.advance(to: Self.start + Double(second) + offset)
        }
        view.advance(to: .nan)
        view.advance(to: -1)
        view.advance(to: .infinity)
        try expect(second(view)["rate"], #"{"answered":10,"empty":0,"refused":0}"#)
    }

    @Test("has rates of names and networks by the clock after it was set", arguments: [-100_000.0, -900, -2])
    func listsWhenClockIsSet(by offset: Double) throws {
        func go(_ seconds: ClosedRange<Int>, _ offset: Double) {
            for second in seconds {
                view.take([Self.hit(weight: 10)])
                view.advance(to: Self.start + Double(second) + offset)
            }
        }
        go(1...100, 0)
        go(101...130, offset)
        for kind in ["names", "networks"] {
            let rate = try #require(try list(second(view)[kind]).first?["rate"] as? Double)
            #expect(9.5...10.5 ~= rate, "\(kind)")
        }
    }

    @Test("adds up any numbers without an overflow")
    func overflow() throws {
        var counts = AggregatedMetrics.Counts()
        counts.series = [
            .questions(zone: "a", result: .answered), .questions(zone: "b", result: .answered),
            .answers(service: "web", datacenter: "oslo"), .answers(service: "web", datacenter: "ashburn"),
            .answers(service: "mail", datacenter: "oslo"), .clients(country: "NO"), .clients(country: "SE"),
        ]
        counts.values = Array(repeating: .max, count: counts.series.count)
        var counter = LiveCounter()
        counter.take(counts)
        #expect(counter.sums.results == [.answered: .max])
        #expect(counter.sums.datacenters == [.max, .max] && counter.sums.services == [.max, .max])
        view.take(counts, at: Self.start + 1)
        view.advance(to: Self.start + 1)
        #expect(try list(second(view)["services"]).count == 2)
        let replay = LiveView(.replay, host: "ns1", start: Self.start)
        for _ in 0..<3 { replay.play([Self.hit(weight: .max)], to: Self.start + 1) }
        #expect(try list(second(replay)["services"]).count == 1)
    }

    @Test("reports some hundred datacenters that no configuration has, and a sum of the others")
    func unknownDatacenters() throws {
        let view = LiveView(.replay, host: "ns1", start: Self.start)
        view.take(LiveScene(datacenters: (0..<1_000).map { .init(name: "known\($0)", state: "in_use") }))
        view.play((0..<2_000).map { Self.hit(datacenters: ["d\($0)"]) }, to: Self.start + 1)
        #expect(try list(second(view)["datacenters"]).count == 1_000 + LiveNumbers.unknownLimit)
    }

    @Test("has the names and networks of hits by weight, in any case of letters")
    func top() throws {
        for second in 0..<200 {
            view.take([
                Self.hit("WWW.example.com", isByDefault: second % 4 == 0, weight: 30),
                Self.hit(
                    "www.EXAMPLE.com", network: "2001:db8::/56", country: "", isByDefault: second % 4 == 0, weight: 10),
                Self.hit("mail.example.com", weight: 2),
            ])
            view.advance(to: Self.start + Double(second + 1))
        }
        let second = try second(view)
        let names = try list(second["names"])
        #expect(names.map { $0["name"] as? String } == ["www.example.com", "mail.example.com"])
        for (name, rate) in zip(names, [40.0, 2]) {
            #expect(abs(try #require(name["rate"] as? Double) / rate - 1) < 0.03)
        }
        let networks = try list(second["networks"])
        #expect(networks.map { $0["name"] as? String } == ["192.0.2.0/24", "2001:db8::/56"])
        #expect(networks.map { $0["country"] as? String } == ["NO", ""])
        #expect(abs(try #require(second["defaultRule"] as? Double) - 0.25) < 0.05)
    }

    @Test("keeps frequent keys among hostile names and networks, in bounded memory")
    func hostile() throws {
        var random = SeededGenerator(seed: Effort.seed)
        for second in 0..<60 {
            var hits = (0..<2_000).map { _ in
                Self.hit(
                    "\(random.number(0...1 << 60)).example.com",
                    network: "\(random.number(1...223)).\(random.number(0...255)).\(random.number(0...255)).0/24")
            }
            hits += (0..<100).map { _ in Self.hit("steady.example.com") }
            view.take(hits.shuffled(using: &random))
            view.advance(to: Self.start + Double(second + 1))
        }
        let second = try second(view)
        let names = try list(second["names"]), networks = try list(second["networks"])
        #expect(names.first?["name"] as? String == "steady.example.com")
        #expect(networks.first?["name"] as? String == "192.0.2.0/24")
        #expect(90...101 ~= (names.first?["rate"] as? Double ?? 0), "\(names)")
        #expect(names.count <= 20)
        var list = TopList<Int>(limit: 100, begin: 0)
        for number in 0..<100_000 {
            list.add(number, 1, at: Double(number) / 1_000)
            #expect(list.count <= 100)
        }
    }

    @Test("forgets old keys, and counts without a limit in time")
    func decay() {
        var list = TopList<String>(limit: 10, begin: 0)
        list.add("old", 1_000, at: 0)
        #expect(list.top(5, at: 30).map(\.key) == ["old"])
        #expect(abs(list.rate("old", at: 30) - 1_000 / 30 * exp(-1) / (1 - exp(-1))) < 0.01)
        #expect(list.top(5, at: 600).isEmpty)
        list.add("new", 30, at: 1e9)
        #expect(list.top(5, at: 1e9).map(\.key) == ["new"])
        #expect(list.rate("new", at: 1e9) == 1)
        #expect(list.count == 1)
    }

    @Test("shows both sides of a rollout, and removes them with it")
    func rollout() throws {
        var scene = LiveScene(datacenters: [
            .init(name: "oslo", state: "in_use"), .init(name: "ashburn", state: "in_use"),
        ])
        scene.rollout = .init(id: "A", state: "share", share: 5, compared: 100, differing: 7)
        view.take(scene)
        view.take([
            Self.hit(side: .old, weight: 95), Self.hit(datacenters: ["oslo", "ashburn"], side: .new, weight: 5),
        ])
        view.advance(to: Self.start + 1)
        let rate = 1 / (30 * (1 - exp(-1.0 / 30)))
        let factor = exp(-1.0 / 30) * rate
        func rounded(_ number: Double) -> Double { (number * 100).rounded() / 100 }
        try expect(
            second(view)["rollout"],
            """
            {"id":"A","state":"share","share":5,"old":{"rate":\(rounded(95 * factor))},"new":{"rate":\(rounded(5 * factor))},
             "byDatacenter":[{"name":"oslo","old":\(rounded(95 * factor)),"new":\(rounded(5 * factor))},{"name":"ashburn","old":0,"new":\(rounded(5 * factor))}],
             "compared":100,"differing":7}
            """)
        scene.rollout = .init(id: "B", state: "places", share: nil, compared: 0, differing: 0)
        view.take(scene)
        try expect(
            second(view)["rollout"],
            #"{"id":"B","state":"places","share":null,"old":{"rate":0},"new":{"rate":0},"byDatacenter":[],"compared":0,"differing":0}"#
        )
    }

    @Test("keeps the events of an hour in their order, at most 200")
    func events() throws {
        view.add(LiveEvent(time: Self.start - 4_000, kind: .agent, text: "too old"))
        view.add(LiveEvent(time: Self.start - 1, kind: .switch, text: "b", datacenter: "oslo"))
        view.add(LiveEvent(time: Self.start - 2, kind: .health, text: "a"))
        try expect(
            state(view)["events"],
            #"[{"time":1764527998,"kind":"health","text":"a"},{"time":1764527999,"kind":"switch","text":"b","datacenter":"oslo"}]"#
        )
        view.advance(to: Self.start + 3_598.5)
        #expect(try list(state(view)["events"]).map { $0["text"] as? String } == ["b"])
        for number in 0..<300 {
            view.add(LiveEvent(time: Self.start + Double(number), kind: .reload, text: "\(number)"))
        }
        let events = try list(state(view)["events"])
        #expect(events.count == 200)
        #expect(events.last?["text"] as? String == "299")
    }

}
