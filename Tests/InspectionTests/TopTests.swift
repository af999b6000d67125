import Foundation
import Platform
import Support
import Testing

@testable import Inspection

/// The pictures of `geopipe top`, without a terminal.
@Suite("The live view")
struct TopTests {
    private static let folder = "\(Project.root)/Tests/InspectionTests/pictures"

    /// A state with all features: datacenters in several states, problems, events.
    private static func state() throws -> JSON {
        try JSON(reading: Data(contentsOf: URL(filePath: "\(folder)/state.json")))
    }

    /// Formats times independently of the time zone.
    private static func picture() -> TopPicture {
        var picture = TopPicture()
        picture.date = { seconds in
            let day = seconds % 86_400
            func two(_ number: Int) -> String { "\(number / 10)\(number % 10)" }
            return "2025-11-30 \(two(day / 3_600)):\(two(day / 60 % 60)):\(two(day % 60))"
        }
        return picture
    }

    private static func model(_ state: JSON) throws -> TopModel {
        var model = TopModel()
        let isState = model.take(state: state)
        try #require(isState)
        return model
    }

    /// Compares a picture with a file in `pictures`. `GEOPIPE_RECORD=1` writes the file.
    private func expect(_ canvas: Canvas, _ name: String) throws {
        let file = "\(Self.folder)/\(name).txt"
        let text = canvas.text(.none).map { $0 + "\n" }.joined()
        if ProcessInfo.processInfo.environment["GEOPIPE_RECORD"] != nil {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }
        let expected = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text == expected, "\(name) is now\n\(text)")
    }

    /// The state with some members replaced.
    private func changed(_ state: JSON, _ path: [String], _ value: JSON) -> JSON {
        guard let name = path.first, case .object(let members) = state else { return value }
        let inner = changed(state[name] ?? .object([]), Array(path.dropFirst()), value)
        return .object(members.filter { $0.name != name } + [(name, inner)])
    }

    @Test(
        "is drawn to fit the terminal",
        arguments: [
            (24, 80, true), (24, 80, false), (50, 100, true), (45, 150, true), (100, 300, true), (10, 40, true),
        ])
    func overview(lines: Int, columns: Int, isUnicode: Bool) throws {
        var picture = Self.picture()
        let canvas = picture.draw(
            try Self.model(try Self.state()), lines: lines, columns: columns, isUnicode: isUnicode)
        try expect(canvas, "overview-\(columns)x\(lines)\(isUnicode ? "" : "-ascii")")
    }

    @Test("has views for names, networks, datacenters and events", arguments: TopPicture.View.allCases.dropFirst())
    func views(view: TopPicture.View) throws {
        var picture = Self.picture()
        picture.view = view
        let canvas = picture.draw(try Self.model(try Self.state()), lines: 24, columns: 80, isUnicode: true)
        try expect(canvas, "\(view)-80x24")
    }

    @Test("compares old and new during a rollout, and shows the position of a replay")
    func rollout() throws {
        let rollout = try JSON(
            reading: #"""
                {"id":"fedcba9876543210","state":"share","share":5,"old":{"rate":391.5},"new":{"rate":20.5},
                "byDatacenter":[{"name":"oslo","old":110,"new":10.5},{"name":"ashburn","old":281.5,"new":10}],
                "compared":1200,"differing":3}
                """#.utf8)
        let replay = try JSON(
            reading: #"""
                {"file":"incident.json","from":1764527000,"to":1764529000,"position":1764528000,"paused":false,"speed":10}
                """#.utf8)
        let state = changed(
            changed(changed(try Self.state(), ["second", "rollout"], rollout), ["replay"], replay), ["mode"],
            .text("replay"))
        var picture = Self.picture()
        picture.isPaused = true
        try expect(
            picture.draw(try Self.model(state), lines: 30, columns: 80, isUnicode: true), "rollout-80x30")
    }

    @Test("shows the last hits on the map, by datacenter")
    func hits() throws {
        var model = try Self.model(try Self.state())
        let hits = try JSON(
            reading: #"""
                {"hits":[{"lat":64,"lon":-150,"datacenters":["ashburn","oslo"]},{"lat":52.5,"lon":13.4,"datacenters":["oslo"]},
                {"lat":-25,"lon":134,"datacenters":["elsewhere"]},{"lat":null,"lon":null,"datacenters":["oslo"]},
                {"lat":1e300,"lon":-1e300,"datacenters":["oslo"]},{"lat":-80,"lon":0,"datacenters":["oslo"]}]}
                """#.utf8)
        model.take("hits", hits, now: 1_000)
        var picture = Self.picture()
        picture.hasMap = true
        picture.now = 1_500
        try expect(picture.draw(model, lines: 40, columns: 80, isUnicode: true), "map-80x40")
        let coloured = picture.draw(model, lines: 40, columns: 80, isUnicode: true).text(.many).joined()
        #expect(coloured.contains("\u{1b}[1;38;5;214mB"))
        let hasForgotten = [model.forgetHits(now: 4_000), model.forgetHits(now: 6_000)]
        #expect(hasForgotten == [false, true])
        #expect(model.hits.isEmpty)
        picture.hasMap = false
        _ = picture.draw(model, lines: 100, columns: 300, isUnicode: true)
        #expect(!picture.isMapShown)
    }

    @Test("says why there are no data, and shows the keys")
    func notice() throws {
        var picture = Self.picture()
        picture.notice = "no live traffic from /run/geopipe/live.sock: cannot connect"
        picture.advice = "start geopipe-agent"
        try expect(picture.draw(TopModel(), lines: 8, columns: 80, isUnicode: true), "absent-80x8")
        picture.showsHelp = true
        try expect(
            picture.draw(try Self.model(try Self.state()), lines: 24, columns: 90, isUnicode: true), "help-90x24")
    }

    @Test("applies events of the stream")
    func stream() throws {
        var model = try Self.model(try Self.state())
        let start = try #require(model.state)
        model.take(
            "second", try JSON(reading: #"{"time":1764528005,"rate":{"answered":4000}}"#.utf8), now: 0)
        let event = try JSON(reading: #"{"time":1764528004,"kind":"switch","text":"oslo drained"}"#.utf8)
        model.take("event", event, now: 0)
        model.take("event", event, now: 0)
        model.take("unheard-of", .null, now: 0)
        let state = try #require(model.state)
        #expect(state.second.answered == 4_000)
        #expect(state.events.count == start.events.count + 1)
        #expect(state.history.answered(720, before: state.time).last == 4_000)
        #expect(start.history.answered(720, before: start.time).last != 4_000)
        // A replay may jump back.
        model.take("second", try JSON(reading: #"{"time":1764526000,"rate":{"answered":7}}"#.utf8), now: 0)
        let back = try #require(model.state)
        #expect(back.events.allSatisfy { $0.time <= 1_764_526_000 })
        #expect(back.history.answered(720, before: back.time).last == 7)
    }

    @Test("the last hour has parts of equal length, empty without data")
    func history() throws {
        func history(_ points: String) throws -> TopHistory {
            TopHistory(
                try JSON(
                    reading: "{\"start\":6400,\"step\":5,\"columns\":[\"p99\",\"answered\"],\"points\":[\(points)]}"
                        .utf8))
        }
        let points = Array(repeating: "[9,2]", count: 360) + Array(repeating: "null", count: 180)
        let some = try history((points + Array(repeating: "[7,4]", count: 180)).joined(separator: ","))
        #expect(some.answered(4, before: 9_999) == [2, 2, nil, 4])
        #expect(some.slowest(4, before: 9_999) == [9, 9, nil, 7])
        #expect(some.answered(4, before: 9_999 + 1_800) == [nil, 4, nil, nil])
        #expect(some.answered(1_440, before: 9_999).suffix(2) == [4, 4])
        #expect(some.answered(0, before: 9_999).isEmpty)
        #expect(try history("").answered(3, before: 9_999) == [nil, nil, nil])
        #expect(try history("[],[1],{},7").answered(2, before: 6_419) == [nil, nil])
    }

    @Test("stays within its size, and contains no control characters, whatever a state contains")
    func hostile() throws {
        var random = SeededGenerator(seed: Effort.seed)
        let texts = [
            "www.\u{1b}[31mevil\u{1b}[0m.example", "\u{202e}gnp.exe", String(repeating: "名", count: 300),
            "\u{9b}2J\u{7}\r\n",
            "e\u{301}\u{301}\u{301}\u{301}", "👨\u{200d}👩\u{200d}👧🇳🇴", String(repeating: "a", count: 255), "", "\u{0}",
            "\u{301}",
        ]
        let numbers: [JSON] = [
            .integer(0), .integer(-1), .integer(.max), .integer(.min), .number(1e300), .number(-1e300), .number(1e-300),
            .number(0.5), .null, .boolean(true), .text("7"),
        ]
        /// The value with random parts replaced.
        func spoilt(_ value: JSON) -> JSON {
            switch value {
            case .text: return random.once(in: 3) ? .text(random.one(of: texts)) : value
            case .integer, .number: return random.once(in: 4) ? random.one(of: numbers) : value
            case .list(let items):
                let changed = items.map(spoilt)
                return random.once(in: 10)
                    ? random.one(of: numbers) : .list(random.once(in: 10) ? changed + changed : changed)
            case .object(let members):
                return .object(members.filter { _ in !random.once(in: 20) }.map { ($0.name, spoilt($0.value)) })
            default: return value
            }
        }
        let whole = try Self.state()
        for round in 0..<(100 * Effort.rounds) {
            var model = try Self.model(spoilt(whole))
            model.take("second", spoilt(whole["second"]!), now: 0)
            model.take("event", spoilt(whole["events"]!.items![0]), now: 0)
            var picture = Self.picture()
            picture.view = random.one(of: TopPicture.View.allCases)
            picture.hasMap = random.one(of: [nil, true, false])
            picture.notice = random.one(of: [nil] + texts)
            picture.showsHelp = random.once(in: 10)
            let (lines, columns) = (random.number(1...120), random.number(1...320))
            let isUnicode = !random.once(in: 3)
            let text = picture.draw(model, lines: lines, columns: columns, isUnicode: isUnicode).text(.none)
            #expect(text.count == lines)
            for line in text {
                let hint: Comment = "seed \(Effort.seed), round \(round)"
                #expect(displayColumns(line, isUnicode: isUnicode) <= columns, hint)
                #expect(visible(line) == line, hint)
                #expect(isUnicode || line.utf8.allSatisfy { 0x20..<0x7f ~= $0 }, hint)
            }
        }
    }
}
