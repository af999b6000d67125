import Foundation
import Geography
import Support
import Synchronization
import Telemetry
import Testing

@testable import geopipe_agent

extension LiveViewTests {

    private final class News: Sendable {
        let count = Atomic<Int>(0)
        var onNews: @Sendable () -> Void { { [self] in count.add(1, ordering: .relaxed) } }
    }

    @Test("sends each viewer what it wants, with one call for all pending frames")
    func frames() throws {
        let news = News()
        let (usual, quiet, raw) = (
            view.subscribe(.thinned, onNews: news.onNews), view.subscribe(.none) {}, view.subscribe(.all) {}
        )
        #expect(view.viewerCount == 3)
        view.take((0..<60).map { Self.hit("n\($0)", weight: 2) })
        view.advance(to: Self.start + 0.1)
        view.add(LiveEvent(time: Self.start, kind: .health, text: "x"))
        view.advance(to: Self.start + 1)
        #expect(news.count.load(ordering: .relaxed) == 1)
        let frames = usual.take()
        #expect(frames.map(\.kind) == [.hits, .event, .second])
        #expect(usual.take().isEmpty)
        #expect(quiet.take().map(\.kind) == [.event, .second])
        let hits = try list(try object(frames[0].json)["hits"])
        #expect(hits.count == 50)
        #expect(hits.reduce(0) { $0 + ($1["weight"] as? Int ?? 0) } == 120)
        try expect(
            hits[0],
            #"{"t":1764528000000,"lat":null,"lon":null,"country":"NO","datacenters":["oslo"],"service":"web","name":"n0","network":"192.0.2.0/24","scope":24,"weight":2}"#
        )
        let rawHits = try list(try object(raw.take()[0].json)["hits"])
        #expect(rawHits.map { $0["name"] as? String } == (0..<60).map { "n\($0)" })
        #expect(String(decoding: frames[1].bytes, as: UTF8.self) == "event: event\ndata: \(frames[1].json)\n\n")
        #expect(try object(frames[2].json)["time"] as? Int == 1_764_528_001)
        view.unsubscribe(usual)
        view.advance(to: Self.start + 2)
        #expect(usual.take().isEmpty)
        #expect(view.viewerCount == 2)
    }

    @Test("lets an idle viewer skip frames, and keeps the newest of each kind")
    func slowViewer() throws {
        let news = News()
        let (viewer, raw) = (view.subscribe(.thinned, onNews: news.onNews), view.subscribe(.all) {})
        for number in 1...200 {
            view.take([Self.hit("n\(number)")])
            view.advance(to: Self.start + Double(number))
            view.add(LiveEvent(time: Self.start + Double(number), kind: .reload, text: "\(number)"))
        }
        let frames = viewer.take()
        #expect(frames.filter { $0.kind == .second }.count == 1)
        #expect(frames.filter { $0.kind == .hits }.count == 1)
        #expect(frames.filter { $0.kind == .event }.count == LiveSubscription.eventLimit)
        #expect(frames.contains { $0.json.contains("n200") })
        #expect(viewer.skippedFrames == 199 + 199 + 150)
        #expect(news.count.load(ordering: .relaxed) == 1)
        #expect(raw.take().filter { $0.kind == .hits }.count == LiveSubscription.rawLimit)
        view.advance(to: Self.start + 201)
        #expect(news.count.load(ordering: .relaxed) == 2)
    }

    @Test("holds a limited number of hits, and keeps their weight")
    func pending() throws {
        let raw = view.subscribe(.all) {}
        view.take((0..<100_000).map { Self.hit("n\($0)") })
        view.advance(to: Self.start + 0.1)
        let hits = try list(try object(raw.take()[0].json)["hits"])
        #expect(hits.count <= LiveNumbers.pendingLimit)
        #expect(hits.reduce(0) { $0 + ($1["weight"] as? Int ?? 0) } == 100_000)
    }

    @Test("thins hits by weight, and keeps the sum", arguments: [1, 3, 50, 1_000])
    func thinning(limit: Int) {
        var random = SeededGenerator(seed: Effort.seed)
        for _ in 0..<50 {
            let hits = (0..<random.number(1...500)).map {
                Self.hit("n\($0)", weight: random.number(0...3) == 0 ? random.number(1...100_000) : 1)
            }
            let thinned = hits.thinned(to: limit)
            #expect(thinned.count <= max(limit, 0))
            #expect(thinned.reduce(0) { $0 + $1.weight } == hits.reduce(0) { $0 + $1.weight })
            #expect(thinned.allSatisfy { $0.weight > 0 })
            #expect(Set(thinned.map(\.name)).count == thinned.count)
        }
    }

    // MARK: - Replay

    @Test("plays hits by their own clock, with rates by weight")
    func replay() throws {
        let view = LiveView(.replay, host: "ns1", start: Self.start)
        let viewer = view.subscribe(.thinned) {}
        view.set(
            LiveReplay(
                file: "incident.json", from: Self.start, to: Self.start + 60, position: Self.start, isPaused: false,
                speed: 10))
        let hits = (0..<200).map { number -> SampledHit in
            let (country, datacenter) = (number % 2 == 0 ? "NO" : "", number % 4 == 0 ? "ashburn" : "oslo")
            let time = Self.start + Double(number) / 10
            return Self.hit(country: country, datacenters: [datacenter], at: time, weight: 3)
        }
        view.play(Array(hits[..<105]), to: Self.start + 10.5)
        view.play(Array(hits[105...]), to: Self.start + 20)
        let second = try second(view)
        try expect(second["time"], "1764528020")
        try expect(second["rate"], #"{"answered":30,"empty":0,"refused":0}"#)
        try expect(second["latency"], "null")
        try expect(second["countries"], #"[{"name":"NO","rate":15},{"name":"","rate":15}]"#)
        try expect(second["services"], #"[{"name":"web","rate":30}]"#)
        let datacenters = try list(second["datacenters"])
        #expect(datacenters.map { $0["name"] as? String } == ["ashburn", "oslo"])
        // Three of about twelve: 30 hits have 7 or 8 of every fourth.
        #expect(abs((datacenters[1]["share"] as? Double ?? 0) - 0.75) < 0.02)
        let state = try state(view)
        try expect(state["mode"], #""replay""#)
        try expect(
            state["replay"],
            #"{"file":"incident.json","from":1764528000,"to":1764528060,"position":1764528000,"paused":false,"speed":10}"#
        )
        let point = "[30,0,0,null,null,0]"
        try expect((state["history"] as? [String: Any])?["points"], "[\(point),\(point),\(point),\(point)]")
        let frames = viewer.take()
        #expect(frames.filter { $0.kind == .second }.count == 1, "only the last of the skipped ones")
        #expect(frames.first?.kind == .replay)
        view.clear(at: Self.start + 50)
        let cleared = try self.state(view)
        try expect((cleared["history"] as? [String: Any])?["points"], "[]")
        #expect(cleared["replay"] is [String: Any])
        try expect(self.second(view)["names"], "[]")
        #expect(view.viewerCount == 1)
        view.play([Self.hit(at: Self.start + 50.2, weight: 6)], to: Self.start + 53)
        try expect(self.second(view)["rate"], #"{"answered":2,"empty":0,"refused":0}"#)
    }

    @Test("plays over hours without a hit, and hits out of order")
    func odd() throws {
        let view = LiveView(.replay, host: "ns1", start: Self.start)
        view.play([Self.hit(at: Self.start + 90_000), Self.hit(at: Self.start + 5)], to: Self.start + 90_001)
        view.play([Self.hit(at: 0)], to: Self.start + 90_002)
        view.play([], to: Self.start + 90_003)
        try expect(second(view)["time"], "1764618003")
    }
}
