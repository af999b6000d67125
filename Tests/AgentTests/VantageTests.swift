import Configuration
import State
import Support
import Testing

@testable import geopipe_agent

private typealias Vote = VantageReport.Vote

/// Three vantage points, of which the first is this agent.
private let settings = VantagePoints(
    points: ["oslo", "nyc", "tokyo"].enumerated().map {
        .init(name: $1, address: "192.0.2.\($0 + 1)", port: 9_353)
    }, tokenFile: "/token")

private func report(_ instance: String, _ votes: [String: Bool] = [:], age: Double = 1) -> VantageReport {
    VantageReport(
        instance: instance, program: "1", votes: votes.mapValues { Vote(isUp: $0, age: age, pace: 10) })
}

private func failure(_ reason: String) -> Result<VantageReport, VantageReport.Unusable> {
    .failure(.init(reason: reason))
}

@Suite("A panel of vantage points")
struct VantagePanelTests {
    /// A panel whose own instance is `own`, after a round at second 0.
    private func panel(_ results: Result<VantageReport, VantageReport.Unusable>...) -> VantagePanel {
        var panel = VantagePanel(settings, instance: "own")
        _ = take(&panel, results, at: 0)
        return panel
    }

    private func take(
        _ panel: inout VantagePanel, _ results: [Result<VantageReport, VantageReport.Unusable>], at time: Double
    ) -> [String] {
        panel.take(results.enumerated().map { .init(member: $0, time: time, result: $1) }).map(\.text)
    }

    @Test(
        "counts votes: more than half of the valid votes take an address down, and a tie means up",
        arguments: [
            // This agent, nyc, tokyo: + up, - down, ? no vote, ! too old.
            ("+++", true), ("-++", true), ("+-+", true), ("--+", false), ("+--", false), ("---", false),
            ("-+?", true), ("+-?", true), ("--?", false), ("?-+", true), ("?--", false), ("?-?", false), ("?+?", true),
            ("!-+", true), ("-!-", false), ("-!+", true), ("!-?", false),
        ] as [(String, Bool)])
    func quorum(votes: String, isUp: Bool) {
        let votes = Array(votes)
        func vote(_ character: Character) -> Vote? {
            character == "?" ? nil : Vote(isUp: character == "+", age: character == "!" ? 31 : 1, pace: 10)
        }
        func others(_ instance: String, _ character: Character) -> VantageReport {
            VantageReport(instance: instance, program: "1", votes: vote(character).map { ["a": $0] } ?? [:])
        }
        let panel = panel(
            .success(report("own")), .success(others("b", votes[1])), .success(others("c", votes[2])))
        let opinion = panel.bench(at: 0).opinion(on: "a", own: vote(votes[0]))
        #expect(opinion?.isUp == isUp)
    }

    @Test("leaves targets that no other agent checks, or knows yet, to its own checks")
    func ownView() {
        let panel = panel(
            .success(report("own")), .success(report("b", ["a": false], age: 25)), .success(report("c", ["b": false])))
        #expect(panel.bench(at: 0).opinion(on: "elsewhere", own: nil) == nil)
        #expect(panel.bench(at: 0).opinion(on: "a", own: nil)?.isUp == false)
        #expect(panel.bench(at: 6).opinion(on: "a", own: nil) == nil, "it was 25 s old, and is 31 s old now")
    }

    @Test("is cut off if fewer than half of the others have recent reports")
    func cutOff() {
        var panel = VantagePanel(settings, instance: "own")
        #expect(panel.way(at: 0) == .gathering && panel.news(at: 0) == nil)
        _ = take(&panel, [.success(report("own")), .success(report("b", ["a": false])), failure("gone")], at: 0)
        #expect(panel.way(at: 10) == .quorum)
        var slow = self.panel(failure("refused"), failure("refused"), .success(report("c")))
        #expect(slow.way(at: 10) == .gathering && slow.news(at: 10) == nil, "others may be starting, too")
        #expect(slow.way(at: 11) == .cutOff)
        #expect(panel.news(at: 0)?.text.hasPrefix("has reports of 1 of 2 other vantage points; most votes") == true)
        #expect(panel.way(at: 10.1) == .cutOff)
        #expect(panel.bench(at: 10.1).opinion(on: "a", own: nil) == nil, "then votes do not count")
        #expect(
            panel.news(at: 11)?.text
                == "cut off: has reports of 0 of 2 other vantage points, and uses only its own checks (nyc: its report is too old; tokyo: gone)"
        )
        #expect(panel.news(at: 12) == nil, "it is logged once")
        _ = panel.take([.init(member: 2, time: 20, result: .success(report("c")))])
        #expect(panel.way(at: 20) == .quorum)
        #expect(panel.news(at: 20)?.level == .notice)
    }

    @Test("recognizes this agent by its report, and stops asking it")
    func own() {
        let panel = panel(.success(report("own", ["a": false])), .success(report("b")), .success(report("c")))
        #expect(panel.asked == [1, 2])
        #expect(panel.bench(at: 0).opinion(on: "a", own: nil) == nil, "its own report has no second vote")
        let alone = VantagePanel(.init(points: [settings.points[0]], tokenFile: "t"), instance: "own")
        #expect(alone.way(at: 0) == .gathering)
    }

    @Test("gives one vote to an agent with two addresses")
    func twins() {
        let panel = panel(
            .success(report("own")), .success(report("b", ["a": false])), .success(report("b", ["a": false])))
        #expect(panel.members[2].trouble == "it is the same agent as nyc")
        var moved = panel
        _ = moved.take([.init(member: 1, time: 20, result: failure("gone"))])
        _ = moved.take([.init(member: 2, time: 20, result: .success(report("b", ["a": false])))])
        #expect(moved.members[2].trouble == nil, "what nyc had was of another time")
        #expect(panel.bench(at: 0).opinion(on: "a", own: Vote(isUp: true, age: 0, pace: 10))?.isUp == true)
    }

    @Test("counts both votes if a vantage point shows the id of another one with different votes")
    func impostor() {
        var panel = VantagePanel(settings, instance: "own")
        let results: [Result<VantageReport, VantageReport.Unusable>] = [
            .success(report("own")), .success(report("c", ["a": true])), .success(report("c", ["a": false])),
        ]
        func isUp() -> Bool? {
            panel.bench(at: 4).opinion(on: "a", own: Vote(isUp: false, age: 0, pace: 10))?.isUp
        }
        #expect(
            take(&panel, results, at: 0).contains("vantage point tokyo cannot be read: it is the same agent as nyc"))
        #expect(isUp() == true, "one round may differ, because an agent changes its judgement")
        let said = take(&panel, results, at: 2)
        #expect(
            said.contains(
                "vantage points nyc and tokyo have the same id and different votes: one of them is false; both votes count"
            ))
        #expect(isUp() == false)
        #expect(take(&panel, results, at: 4) == [], "it is logged once")
        #expect(isUp() == false)
        // A report that leaves out the address would silence the other one as well.
        var silent = VantagePanel(settings, instance: "own")
        let without: [Result<VantageReport, VantageReport.Unusable>] = [
            .success(report("own")), .success(report("c")), .success(report("c", ["a": false])),
        ]
        for round in 0..<3 { _ = take(&silent, without, at: Double(round)) }
        #expect(silent.bench(at: 3).opinion(on: "a", own: nil)?.isUp == false)
    }

    @Test("a change of the settings keeps the reports of the vantage points that remain")
    func changedSettings() {
        let before = panel(
            .success(report("own")), .success(report("b", ["a": true])), .success(report("c", ["a": true])))
        var longer = settings
        longer.timeout = 5
        longer.points.append(.init(name: "paris", address: "192.0.2.4", port: 9_353))
        let after = VantagePanel(longer, instance: "own", after: before)
        let own = Vote(isUp: false, age: 0, pace: 10)
        #expect(after.way(at: 1) == .quorum)
        #expect(after.bench(at: 1).opinion(on: "a", own: own)?.isUp == true)
        #expect(VantagePanel(longer, instance: "own").bench(at: 1).opinion(on: "a", own: own) == nil)
    }

    @Test("logs once when a report cannot be read, and when it can be again")
    func notices() {
        var panel = panel(.success(report("own")), .success(report("b")), failure("404 Not Found"))
        func round(_ result: Result<VantageReport, VantageReport.Unusable>, at time: Double) -> [String] {
            panel.take([.init(member: 2, time: time, result: result)]).map(\.text)
        }
        #expect(round(failure("404 Not Found"), at: 2) == [])
        #expect(round(failure("\u{1b}]0;x\u{7}"), at: 64) == ["vantage point tokyo cannot be read: ␛]0;x␇"])
        #expect(round(.success(report("c")), at: 66) == ["vantage point tokyo can be read"])
        #expect(round(.success(report("c")), at: 68) == [])
        #expect(panel.members[2].reads == 2 && panel.members[2].failures == 3)
    }

    @Test("logs a changed reason at most once a minute, however often it changes")
    func alternatingReasons() {
        var panel = panel(.success(report("own")), .success(report("b")), .success(report("c")))
        var lines: [(second: Int, text: String)] = []
        for second in 1...150 {
            let result = failure(second % 2 == 0 ? "timed out" : "more than 8 MiB")
            let notices = panel.take([.init(member: 2, time: Double(second), result: result)])
            lines += notices.map { (second, $0.text) }
        }
        #expect(lines.map(\.second) == [1, 62, 123], "\(lines)")
        // A change to usable and back is always logged.
        #expect(panel.take([.init(member: 2, time: 151, result: .success(report("c")))]).count == 1)
        #expect(panel.take([.init(member: 2, time: 152, result: failure("timed out"))]).count == 1)
        #expect(panel.take([.init(member: 2, time: 153, result: failure("timed out"))]).isEmpty)
    }

    @Test("reports known targets for a report with other addresses")
    func standing() {
        let panel = panel(
            .success(report("own")), .success(report("b", ["a": true, "x": true, "y": true])), failure("gone"))
        let standing = panel.standing(["a", "b"], overruled: 1, at: 3, time: 100)
        #expect(standing.way == .quorum && standing.others.count == 2)
        #expect(
            standing.points[1] == .init(name: "nyc", state: .fresh, age: 3, known: 1, unknown: 2, trouble: ""))
        #expect(
            standing.points[2] == .init(name: "tokyo", state: .silent, age: nil, known: 0, unknown: 0, trouble: "gone"))
    }
}

@Suite("The state of an address after votes")
struct VantageVerdictTests {
    private func opinion(_ own: Bool?, _ others: Bool...) -> VantagePanel.Bench.Opinion? {
        var panel = VantagePanel(settings, instance: "own")
        _ = panel.take(
            [.init(member: 0, time: 0, result: .success(report("own")))]
                + others.enumerated().map {
                    .init(member: $0 + 1, time: 0, result: .success(report("\($0)", ["a": $1])))
                })
        if others.count == 1 { _ = panel.take([.init(member: 2, time: 0, result: failure("gone"))]) }
        return panel.bench(at: 0).opinion(on: "a", own: own.map { Vote(isUp: $0, age: 0, pace: 10) })
    }

    private func state(_ isUp: Bool, _ reason: String, since: Int = 5) -> HealthReport.State {
        .init(isUp: isUp, since: since, reportedAt: 8, reason: reason)
    }

    @Test("has a reason with the votes")
    func reasons() {
        func reason(_ own: HealthReport.State?, _ others: [Bool]) -> String? {
            let opinion = others.count == 2 ? opinion(own?.isUp, others[0], others[1]) : opinion(own?.isUp, others[0])
            return HealthReport.State.after(nil, own: own, opinion, at: 9)?.reason
        }
        #expect(reason(state(true, "200 OK"), [true, true]) == "200 OK")
        #expect(reason(state(true, "200 OK"), [false, true]) == "200 OK; down for 1 of 3 vantage points")
        #expect(reason(state(false, "503"), [true, true]) == "up for 2 of 3 vantage points, down here: 503")
        #expect(reason(state(false, "503"), [false, true]) == "503; down for 2 of 3 vantage points")
        #expect(
            reason(state(true, "200 OK"), [false, false])
                == "down for 2 of 3 vantage points (nyc, tokyo), up here: 200 OK")
        #expect(reason(nil, [false]) == "down for 1 of 1 vantage points (nyc)")
        #expect(reason(nil, [true, false]) == "up for 2 vantage points")
    }

    @Test("keeps the time of its change, and notes when it comes back")
    func times() {
        let up = HealthReport.State.after(nil, own: state(true, "200"), nil, at: 10)
        #expect(up?.since == 10 && up?.cameBackAt == nil)
        let down = HealthReport.State.after(up, own: state(true, "200"), opinion(true, false, false), at: 20)
        #expect(down?.isUp == false && down?.since == 20 && down?.reportedAt == 20)
        let still = HealthReport.State.after(down, own: state(false, "503", since: 25), nil, at: 30)
        #expect(still?.since == 20 && still?.reportedAt == 8 && still?.reason == "503")
        let back = HealthReport.State.after(still, own: state(false, "503"), opinion(false, true, true), at: 40)
        #expect(back?.isUp == true && back?.since == 40 && back?.cameBackAt == 40 && back?.wentDownAt == 20)
        #expect(HealthReport.State.after(back, own: nil, nil, at: 50) == back, "the known state stays")
        #expect(HealthReport.State.after(nil, own: nil, nil, at: 50) == nil)
    }

    @Test("is own only after a check has confirmed it")
    func bornOut() {
        var check = HealthCheck(.tcp(port: 1))
        (check.rise, check.fall) = (2, 2)
        var judgement = RiseFallState(state(false, "by others"))
        #expect(!judgement.isOwn)
        _ = judgement.take(.success(""), check, at: 1)
        #expect(!judgement.isOwn, "it is still down, but not by this agent's checks")
        _ = judgement.take(.error(""), check, at: 2)
        #expect(!judgement.isOwn)
        _ = judgement.take(.success(""), check, at: 3)
        #expect(judgement.isOwn && judgement.state?.isUp == true)
    }
}

@Suite("The report for vantage points")
struct VantageReportTests {
    private func read(_ text: String) throws(VantageReport.Unusable) -> VantageReport {
        try VantageReport(reading: Array(text.utf8))
    }

    @Test("is read as it was written")
    func both() throws {
        let report = VantageReport(
            instance: "a1", program: "2.0",
            votes: [
                "tcp://192.0.2.1:80": Vote(isUp: true, age: 1.5, pace: 10),
                "file 2001:db8::1 /a\"b": Vote(isUp: false, age: 0, pace: 3_600),
            ])
        #expect(try read(report.text) == report)
        #expect(report.text.hasSuffix("}\n") && !report.text.dropLast().contains("\n"))
    }

    @Test("may have unknown members")
    func unknownMembers() throws {
        let report = try read(
            #"{"format":1,"instance":"a","program":"9","new":[1],"votes":[{"target":"t","up":true,"age":0,"pace":1,"x":2}]}"#
        )
        #expect(report.votes == ["t": Vote(isUp: true, age: 0, pace: 1)])
    }

    @Test(
        "is rejected if it is invalid",
        arguments: [
            ("", "its report is not JSON"), ("{", "its report is not JSON"), ("[]", "its response is not a report"),
            ("{}", "its response is not a report"),
            (#"{"format":2}"#, "its report has format 2, and this program reads 1; upgrade the older one"),
            (#"{"format":1}"#, "its report does not name its agent"),
            (#"{"format":1,"instance":""}"#, "its report does not name its agent"),
            (#"{"format":1,"instance":"a\n"}"#, "its report does not name its agent"),
            (#"{"format":1,"instance":"a"}"#, "its report does not name its version"),
            // With a mark of three bytes in place of each control character.
            (
                #"{"format":1,"instance":"a","program":"\#(String(repeating: "\\u0001", count: 34))","votes":[]}"#,
                "its report does not name its version"
            ),
            (#"{"format":1,"instance":"a","program":"1"}"#, "its report has no list"),
            (#"{"format":1,"instance":"a","program":"1","votes":[1]}"#, "vote 1 of its report is invalid"),
        ]
            + [
                #""up":true,"age":-1,"pace":1"#, #""up":true,"age":1e300,"pace":1"#, #""up":true,"age":"1","pace":1"#,
                #""up":1,"age":1,"pace":1"#, #""up":true,"age":1,"pace":0"#, #""up":true,"age":1,"pace":1e11"#,
                #""up":true,"age":1"#, #""age":1,"pace":1"#, #""up":null,"age":1,"pace":1"#,
            ].map { vote in
                (
                    #"{"format":1,"instance":"a","program":"1","votes":[{"target":"t",\#(vote)}]}"#,
                    "vote 1 of its report is invalid"
                )
            } + [
                (
                    #"{"format":1,"instance":"a","program":"1","votes":[{"target":"t","up":true,"age":1,"pace":1},{"target":"t","up":false,"age":1,"pace":1}]}"#,
                    "vote 2 of its report repeats an address"
                ),
                (
                    #"{"format":1,"instance":"a","program":"1","votes":[{"target":"","up":true,"age":1,"pace":1}]}"#,
                    "vote 1 of its report is invalid"
                ),
            ])
    func nonsense(text: String, reason: String) {
        let error = #expect(throws: VantageReport.Unusable.self) { try read(text) }
        #expect(error?.reason.hasPrefix(reason) == true, "\(error?.reason ?? "")")
    }
}
