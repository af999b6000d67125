import Foundation
import Geography
import Platform
import Support
import Synchronization
import Telemetry
import Testing

@testable import geopipe_agent

@Suite("Lines of hits logs")
struct HitsLineTests {
    private func line(_ text: String) -> HitsLine? { HitsLine(Array(text.utf8)[...]) }

    private func hit(_ text: String) -> SampledHit? {
        if case .hit(let hit)? = line(text) { hit } else { nil }
    }

    private static let tsv =
        "2026-11-23T09:34:00.250Z\t192.0.2.0/24\tNO\t59.9\t10.7\twww.Example.com\toslo,paris\tweb\t24"
    private static let json =
        #"{"time":"2026-11-23T09:34:00.250Z","client":"192.0.2.0/24","country":"NO","latitude":59.9,"longitude":10.7,"name":"www.Example.com","datacenters":["oslo","paris"],"service":"web","scope":24}"#

    @Test("have the same meaning in both formats")
    func forms() throws {
        for text in [Self.tsv, Self.json, Self.tsv + "\r"] {
            let hit = try #require(self.hit(text), "\(text)")
            #expect(hit.time == 1_795_426_440_250)
            #expect(hit.network == IPPrefix("192.0.2.0/24"))
            #expect(hit.country == "NO" && hit.coordinates == Coordinates(latitude: 59.9, longitude: 10.7))
            #expect(hit.name == "www.Example.com" && hit.service == "web" && hit.scope == 24)
            #expect(hit.datacenters == ["oslo", "paris"])
            #expect(hit.side == nil && hit.weight == 1)
        }
    }

    @Test("have a side, a weight, unknown fields, and fields of later versions")
    func additions() throws {
        #expect(hit(Self.tsv + "\tnew")?.side == .new)
        #expect(hit(Self.tsv + "\told\tmore\tand more")?.side == .old)
        let object = String(Self.json.dropLast())
        #expect(hit(object + #","side":"new","weight":12,"later":[1]}"#)?.weight == 12)
        let bare = try #require(hit("2026-11-23T09:34:00Z\t2001:db8::/56\t\t\t\ta\\tb\\\\\t\tweb\t0"))
        #expect(bare.country.isEmpty && bare.coordinates == nil && bare.datacenters.isEmpty && bare.name == "a\tb\\")
        let null =
            #"{"time":"2026-11-23T09:34:00Z","client":"2001:db8::/56","country":null,"latitude":null,"longitude":null,"name":"a","datacenters":[],"service":"web","scope":0}"#
        #expect(hit(null)?.country == "" && hit(null)?.coordinates == nil)
        // More of an address than may be shown.
        #expect(hit(Self.tsv.replacing("192.0.2.0/24", with: "192.0.2.77/32"))?.network == IPPrefix("192.0.2.0/24"))
    }

    @Test("may be events of a recording")
    func events() throws {
        guard
            case .event(let event)? = line(
                #"{"time":"2026-11-23T09:34:00Z","event":"switch","text":"oslo drained","datacenter":"oslo"}"#)
        else {
            Issue.record("no event")
            return
        }
        #expect(event.kind == .switch && event.text == "oslo drained" && event.datacenter == "oslo")
        #expect(event.time == 1_795_426_440)
    }

    @Test("are invalid if they are truncated, or anything else")
    func torn() {
        for text in [Self.tsv, Self.json] {
            let bytes = Array(text.utf8)
            for end in 0..<bytes.count {
                // Two digits of the scope may become one: that truncation is invisible.
                guard !(text == Self.tsv && end == bytes.count - 1) else { continue }
                #expect(HitsLine(bytes[..<end]) == nil, "\(String(decoding: bytes[..<end], as: UTF8.self))")
            }
        }
        for text in [
            "", " ", "{}", "[]", "{\"time\":1}", "geopipe: an error", Self.tsv.replacing("24\t", with: "33\t"),
            Self.tsv.replacing("59.9", with: "north"), Self.tsv.replacing("2026", with: "x026"),
            Self.json.replacing("24}", with: "24,\"weight\":0}"),
            Self.json.replacing("24}", with: "24,\"weight\":\"1\"}"),
            Self.json.replacing("[\"oslo\",\"paris\"]", with: "[1]"),
            Self.json.replacing("oslo", with: String(repeating: "o", count: 1_025)),
            Self.tsv.replacing("oslo", with: String(repeating: "o", count: 1_025)),
            Self.tsv.replacing("11-23", with: "02-31"),
            #"{"time":"2026-11-23T09:34:00Z","event":"switch","text":"\#(String(repeating: "x", count: 1_025))"}"#,
            #"{"time":"2026-11-23T09:34:00Z","event":"switch","text":"x","datacenter":"\#(String(repeating: "x", count: 1_025))"}"#,
        ] {
            #expect(line(text) == nil, "\(text)")
        }
    }
}

@Suite("A hits log in a player")
struct PlayerTests {
    private static let start = 1_795_426_440

    /// A line `seconds` after the start.
    private static func tsv(_ seconds: Double, _ name: String = "www.example.com") -> String {
        let time = Timestamp.text(milliseconds: Int((Double(start) + seconds) * 1_000))
        return "\(time)\t192.0.2.0/24\tNO\t59.9\t10.7\t\(name)\toslo\tweb\t24\n"
    }

    private static func json(_ seconds: Double, weight: Int) -> String {
        let time = Timestamp.text(milliseconds: Int((Double(start) + seconds) * 1_000))
        return
            "{\"time\":\"\(time)\",\"client\":\"192.0.2.0/24\",\"country\":\"NO\",\"latitude\":null,\"longitude\":null,\"name\":\"a\",\"datacenters\":[\"oslo\"],\"service\":\"web\",\"scope\":24,\"weight\":\(weight)}\n"
    }

    /// A player of a text, and the frames of its viewer.
    private final class Stage {
        let folder: Folder
        let file: HitsFile
        let view: LiveView
        let player: Player
        let viewer: LiveSubscription
        private var clock = 0.0

        init(_ text: String, speed: Double = 1, isPaused: Bool = false) throws {
            folder = try Folder()
            file = try HitsFile(folder.write(Array(text.utf8), to: "incident.json"))
            view = LiveView(.replay, host: "test", start: Double(file.first) / 1_000)
            player = Player(file, view, speed: speed, isPaused: isPaused)
            viewer = view.subscribe(.all) {}
            player.step(at: clock)
        }

        /// Advances the player's clock by some seconds, in steps of a tenth.
        ///
        /// - Returns: the queried names of the hits in that time.
        func wait(_ seconds: Double) throws -> [String] {
            var names: [String] = []
            for _ in 0..<Int((seconds * 10).rounded()) {
                clock += 0.1
                player.step(at: clock)
                names += try self.names()
            }
            return names
        }

        func names() throws -> [String] {
            try viewer.take().filter { $0.kind == .hits }.flatMap { frame in
                try (JSON(reading: frame.json.utf8)["hits"]?.items ?? []).map { $0["name"]?.string ?? "" }
            }
        }

        /// Seconds after the start.
        var position: Double { player.replay.position - Double(PlayerTests.start) }
    }

    @Test("plays at its own clock, pauses, changes speed, and stops at the end")
    func clock() throws {
        let stage = try Stage((0...100).map { Self.tsv(Double($0), "n\($0)") }.joined())
        #expect(stage.file.name == "incident.json")
        #expect(stage.player.replay.to - stage.player.replay.from == 100)
        #expect(try stage.wait(3.05) == ["n0", "n1", "n2", "n3"])
        #expect(abs(stage.position - 3) < 0.2)
        stage.player.carryOut(ReplayOrder(isPaused: true))
        #expect(try stage.wait(5).isEmpty)
        stage.player.carryOut(ReplayOrder(isPaused: false, speed: 10))
        // The step after an order only starts the clock.
        #expect(try stage.wait(2.1) == (4...23).map { "n\($0)" })
        stage.player.carryOut(ReplayOrder(speed: 1_000))
        #expect(try stage.wait(0.3).last == "n100")
        #expect(stage.player.replay.isPaused && stage.position == 100)
        #expect(try stage.wait(5).isEmpty)
        // Continuing at the end begins again.
        stage.player.carryOut(ReplayOrder(isPaused: false, speed: 1))
        #expect(try stage.wait(1.2) == ["n0", "n1"])
    }

    @Test("jumps to a position, and has the minute before there")
    func seek() throws {
        let stage = try Stage((0...1_000).map { Self.tsv(Double($0), "n\($0)") }.joined(), isPaused: true)
        stage.player.carryOut(ReplayOrder(position: Double(Self.start) + 500.5))
        let played = try stage.names()
        #expect(played.first == "n441" && played.contains("n500") && !played.contains("n501"), "\(played)")
        #expect(stage.position == 500.5)
        stage.player.carryOut(ReplayOrder(isPaused: false))
        #expect(try stage.wait(1.2) == ["n501"])
        stage.player.carryOut(ReplayOrder(position: 0))
        #expect(stage.position == 0)
        #expect(try stage.names() == ["n0"])
        stage.player.carryOut(ReplayOrder(position: .greatestFiniteMagnitude))
        #expect(stage.position == 1_000)
    }

    @Test("may be mixed, truncated, and a little out of order")
    func disorder() throws {
        let lines = [
            "garbage\n", Self.tsv(0, "first"), Self.json(2, weight: 7), "\n", Self.tsv(1, "late"),
            String(Self.tsv(1.5).prefix(40)) + Self.tsv(2.5, "torn"), Self.tsv(3, "third"), "{\"time\":\n",
            String(Self.tsv(4).prefix(40)),
        ]
        let stage = try Stage(lines.joined())
        #expect(stage.player.replay.from == Double(Self.start) && stage.player.replay.to == Double(Self.start) + 3)
        #expect(try stage.wait(4) == ["first", "late", "a", "third"])
        var reader = stage.file.lines(from: 0)
        while reader.next() != nil {}
        #expect(reader.leftOut.foreign.count == 4)
        #expect(stage.player.diagnostics == ["4 lines are not hits, and are left out"])
        // Each counts once, wherever the replay jumps.
        stage.player.carryOut(ReplayOrder(isPaused: false, position: Double(Self.start) + 2))
        #expect(stage.player.diagnostics == ["4 lines are not hits, and are left out"])
    }

    @Test("has one or some lines in a strange year, and all others", arguments: [1, 5])
    func strays(count: Int) throws {
        for place in [0, 1, 50, 99] {
            for offset in [-1e9, -4_000, 4_000, 1e9] {
                // The first and the last one may be before or after a gap.
                guard abs(offset) > 1e8 || place < 99, offset != -4_000 || place > 0 else { continue }
                guard count == 1 || 1...50 ~= place else { continue }
                var lines = (0..<100).map { Self.tsv(Double($0) / 10, "n\($0)") }
                let strays = (0..<count).map { Self.tsv(offset + Double(10 * $0), "stray") }
                lines.insert(contentsOf: strays, at: place == 99 ? 100 : place)
                let stage = try Stage(lines.joined())
                let replay = stage.player.replay
                #expect(
                    replay.from == Double(Self.start) && replay.to == Double(Self.start) + 9.9, "\(place) \(offset)")
                #expect(try stage.names() + stage.wait(11) == (0..<100).map { "n\($0)" }, "\(place) \(offset)")
                let words = count == 1 ? "1 line has a time" : "\(count) lines have times"
                #expect(stage.player.diagnostics.count == 1 && stage.player.diagnostics[0].hasPrefix(words))
            }
        }
    }

    @Test("has hits hours apart")
    func sparse() throws {
        let stage = try Stage((0..<20).map { Self.tsv(Double($0 * 3_600), "n\($0)") }.joined(), speed: 1_000)
        #expect(try stage.names() + stage.wait(70) == (0..<20).map { "n\($0)" })
        #expect(stage.player.diagnostics.isEmpty)
    }

    @Test("with a clock that was set back has all lines, and two positions for a time", arguments: [50, 10_000])
    func setBack(by seconds: Int) throws {
        let first = (0..<1_000).map { Self.tsv(20_000 + Double($0) / 10, "a\($0)") }
        let second = (0..<1_000).map { Self.tsv(20_100 - Double(seconds) + Double($0) / 10, "b\($0)") }
        let stage = try Stage((first + second).joined(), speed: 1_000)
        let names = try stage.names() + stage.wait(30)
        #expect(names.sorted() == (0..<1_000).flatMap { ["a\($0)", "b\($0)"] }.sorted())
        #expect(stage.player.diagnostics.count == 1)
        #expect(stage.player.diagnostics[0].contains("out of order, as after a clock was set back"))
        stage.player.carryOut(ReplayOrder(isPaused: true, position: Double(Self.start) + 20_190 - Double(seconds)))
        #expect(try stage.names().contains("b899"))
    }

    @Test("may have lines that are too long, which are left out")
    func longLines() throws {
        let long = String(repeating: "x", count: 1 << 20)
        let stage = try Stage([Self.tsv(0, "first"), long + "\n", Self.tsv(1, "second"), long].joined())
        #expect(try stage.names() + stage.wait(2) == ["first", "second"])
        #expect(stage.player.diagnostics == ["2 lines are not hits, and are left out"])
    }

    @Test("is searched by time, at any size, without reading all of it")
    func index() throws {
        // Some megabytes, for several entries of the index.
        let text = (0..<60_000).map { Self.tsv(Double($0) / 10, "n\($0)") }.joined()
        let folder = try Folder()
        let file = try HitsFile(folder.write(Array(text.utf8), to: "log"))
        #expect(file.first == Self.start * 1_000 && file.last == Self.start * 1_000 + 5_999_900)
        for second in [0, 1, 10, 2_999, 5_000, 5_999] {
            var reader = file.lines(from: (Self.start + second) * 1_000)
            let next = reader.next()
            let first = try #require(next)
            #expect(first.line.time <= (Self.start + second) * 1_000)
            #expect((Self.start + second) * 1_000 - first.line.time < 400_000, "\(second)")
        }
    }

    @Test("may come from a pipe")
    func pipe() throws {
        let folder = try Folder()
        let path = "\(folder.path)/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        let text = (0..<2_000).map { Self.tsv(Double($0)) }.joined()
        startThread {
            guard let pipe = FileHandle(forWritingAtPath: path) else { return }
            try? pipe.write(contentsOf: Data(text.utf8))
            try? pipe.close()
        }
        let file = try HitsFile(path)
        #expect(file.first == Self.start * 1_000 && file.last == (Self.start + 1_999) * 1_000)
        var reader = file.lines(from: 0)
        var count = 0
        while reader.next() != nil { count += 1 }
        #expect(count == 2_000)
    }

    @Test("has hits, or is refused with the input to name instead")
    func refused() throws {
        let folder = try Folder()
        for (bytes, words) in [
            ([], "hits_log in the configuration"), (Array("no hits\n".utf8), "hits_log in the configuration"),
            ([0x1f, 0x8b, 8, 0], "zcat"), ([0x28, 0xb5, 0x2f, 0xfd], "zcat"),
        ] as [([UInt8], String)] {
            let path = try folder.write(bytes, to: "log")
            let error = #expect(throws: HitsFile.Unusable.self) { try HitsFile(path) }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
        #expect(throws: HitsFile.Unusable.self) { try HitsFile(folder.path) }
        #expect(throws: HitsFile.Unusable.self) { try HitsFile(folder.path + "/nothing") }
        #expect(throws: HitsFile.Unusable.self) { try HitsFile("/dev/zero") }
    }

    @Test("refuses a pipe without a writer, and a file with a hole of gigabytes")
    func endless() throws {
        let folder = try Folder()
        try #require(mkfifo("\(folder.path)/fifo", 0o600) == 0)
        let error = #expect(throws: HitsFile.Unusable.self) { try HitsFile("\(folder.path)/fifo") }
        #expect(error?.description.contains("no process writes to the pipe") == true)
        let sparse = try folder.write([], to: "sparse")
        try #require(truncate(sparse, 10 << 30) == 0)
        let refusal = #expect(throws: HitsFile.Unusable.self) { try HitsFile(sparse) }
        #expect(refusal?.description.contains("bytes of value 0") == true)
        let long = try folder.write(Array(repeating: UInt8(ascii: "x"), count: 3 << 20), to: "long")
        #expect(throws: HitsFile.Unusable.self) { try HitsFile(long) }
    }

    @Test("takes orders as JSON, and refuses others with what to write")
    func orders() throws {
        #expect(try ReplayOrder(reading: Array(#"{"paused":true}"#.utf8)) == ReplayOrder(isPaused: true))
        #expect(
            try ReplayOrder(reading: Array(#"{"speed":0.1,"position":1795426440}"#.utf8))
                == ReplayOrder(speed: 0.1, position: 1_795_426_440))
        for text in [
            "", "[]", "paused", #"{"paused":1}"#, #"{"speed":0}"#, #"{"speed":1001}"#, #"{"speed":"1"}"#,
            #"{"position":null}"#, #"{"speed":1,"other":2}"#,
        ] {
            #expect(throws: LiveRefusal.self, "\(text)") { try ReplayOrder(reading: Array(text.utf8)) }
        }
    }
}
