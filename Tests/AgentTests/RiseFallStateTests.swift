import Configuration
import State
import Testing

@testable import geopipe_agent

@Suite("The state of a target")
struct JudgementTests {
    private static let check = {
        var check = HealthCheck(.tcp(port: 80))
        check.rise = 2
        check.fall = 3
        return check
    }()

    /// Adds outcomes, `+`, `-`, or `!` for a local error, and returns the state after each: `+`, `-`, `?`.
    private func course(_ outcomes: String, from state: HealthReport.State? = nil) -> String {
        var judgement = RiseFallState(state)
        return String(
            outcomes.enumerated().map { second, outcome -> Character in
                let before = judgement.state?.isUp
                let outcome: Outcome = outcome == "+" ? .success("") : outcome == "-" ? .failure("") : .error("")
                let isNews = judgement.take(outcome, Self.check, at: second)
                #expect(isNews == (judgement.state?.isUp != before))
                return judgement.state.map { $0.isUp ? "+" : "-" } ?? "?"
            })
    }

    @Test(
        "is up by the first success, down by `fall` failures in a row, and up again by `rise` successes in a row",
        arguments: [
            ("+", "+"), ("--+", "??+"), ("---", "??-"), ("+--+--+---", "+++++++++-"), ("---+-+-++", "??------+"),
            ("---++--+---", "??--++++++-"),
        ])
    func course(outcomes: String, thoughts: String) { #expect(course(outcomes) == thoughts) }

    @Test("is not changed by local errors, which do not interrupt a row of outcomes either")
    func ownFault() {
        #expect(course("!") == "?")
        #expect(course("--!-") == "???-")
        #expect(course("---!+!+") == "??----+")
        var judgement = RiseFallState(.init(isUp: true, since: 1, reportedAt: 2, reason: "200 OK"))
        let isNews = judgement.take(.error("too many open files"), Self.check, at: 3)
        #expect(!isNews)
        #expect(judgement.state == .init(isUp: true, since: 1, reportedAt: 2, reason: "200 OK"), "it ages")
    }

    @Test("starts from an earlier state")
    func takenOver() {
        let (up, down) = (
            HealthReport.State(isUp: true, since: 1, reportedAt: 2, reason: ""),
            HealthReport.State(isUp: false, since: 1, reportedAt: 2, reason: "")
        )
        #expect(course("---", from: up) == "++-")
        #expect(course("++", from: down) == "-+")
    }

    @Test("keeps the last reason, and the times of the last change and of the last outcome")
    func times() {
        var judgement = RiseFallState()
        func take(_ outcome: Outcome, at time: Int) -> HealthReport.State? {
            _ = judgement.take(outcome, Self.check, at: time)
            return judgement.state
        }
        #expect(take(.success("200 OK"), at: 10) == .init(isUp: true, since: 10, reportedAt: 10, reason: "200 OK"))
        let late = "timed out after 3 s"
        #expect(take(.failure(late), at: 20) == .init(isUp: true, since: 10, reportedAt: 20, reason: late))
        #expect(take(.failure(late), at: 30) == .init(isUp: true, since: 10, reportedAt: 30, reason: late))
        let refused = "connection refused"
        #expect(take(.failure(refused), at: 40) == .init(isUp: false, since: 40, reportedAt: 40, reason: refused))
    }

    @Test(
        "has the time of its return, if it was down before, and keeps the weight of its last success")
    func back() {
        var judgement = RiseFallState()
        func take(_ outcome: Outcome, at time: Int) -> HealthReport.State? {
            _ = judgement.take(outcome, Self.check, at: time)
            return judgement.state
        }
        #expect(take(.success(""), at: 1)?.cameBackAt == nil)
        #expect(take(.success("", weight: 40), at: 2)?.weight == 40)
        for time in 3...4 { #expect(take(.failure(""), at: time)?.weight == 40) }
        #expect(take(.failure(""), at: 5) == .init(isUp: false, since: 5, reportedAt: 5, reason: ""))
        _ = take(.success("", weight: 30), at: 6)
        #expect(
            take(.success("", weight: 20), at: 7)
                == .init(isUp: true, since: 7, reportedAt: 7, reason: "", weight: 20, cameBackAt: 7, wentDownAt: 5))
        #expect(
            take(.success(""), at: 8)
                == .init(isUp: true, since: 7, reportedAt: 8, reason: "", cameBackAt: 7, wentDownAt: 5))
    }
}
