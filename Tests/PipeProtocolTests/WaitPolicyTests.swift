import Testing

@testable import PipeProtocol

@Suite("Wait policy: staying awake for the next question")
struct WaitPolicyTests {
    private static let microsecond = 1_000
    private static let limit = 100 * microsecond

    /// The result of some questions.
    private struct Outcome {
        var policy = WaitPolicy()
        /// The time that the reader was awake, in nanoseconds.
        var awake = 0
        var waits = 0
        /// The number of waits without a question.
        var vain = 0

        init(limit: Int) { policy.limit = limit }

        /// Asks a question after each of these times since the one before.
        mutating func ask(_ times: some Sequence<Int>) {
            for time in times {
                let isInTime = policy.staysAwake && time <= policy.limit
                if policy.staysAwake {
                    waits += 1
                    awake += min(time, policy.limit)
                    if !isInTime { vain += 1 }
                }
                policy.questionCame(after: time, isInTime ? .awake : .asleep)
            }
        }

        /// Asks `count` questions, each after `awake` or `asleep` microseconds, by the way in which the reader waits.
        mutating func ask(_ count: Int, awake: Int, asleep: Int, arrival: WaitPolicy.Arrival = .awake) {
            for _ in 0..<count {
                if policy.staysAwake { waits += 1 }
                policy.questionCame(
                    after: (policy.staysAwake ? awake : asleep) * WaitPolicyTests.microsecond,
                    policy.staysAwake ? arrival : .asleep)
            }
        }
    }

    private func ask(_ times: some Sequence<Int>, limit: Int = limit) -> Outcome {
        var outcome = Outcome(limit: limit)
        outcome.ask(times)
        return outcome
    }

    @Test("two questions in quick succession start a try")
    func begins() {
        var policy = WaitPolicy()
        policy.limit = Self.limit
        #expect(!policy.staysAwake)
        policy.questionCame(after: 1_000_000_000, .asleep)
        #expect(!policy.staysAwake)
        policy.questionCame(after: 20 * Self.microsecond, .asleep)
        #expect(policy.staysAwake)
    }

    @Test("a try also starts if the sleeping reader delays questions beyond the limit")
    func stretched() {
        #expect(ask([180 * Self.microsecond]).policy.staysAwake)
        #expect(!ask([500 * Self.microsecond]).policy.staysAwake)
    }

    @Test("the reader stays awake as long as questions come in time, also if one in four does not")
    func goesOn() {
        var outcome = Outcome(limit: Self.limit)
        outcome.ask(10_000, awake: 30, asleep: 60)
        #expect(outcome.waits > 9_500)
        var mixed = Outcome(limit: Self.limit)
        for _ in 0..<2_500 {
            mixed.ask(3, awake: 30, asleep: 60)
            mixed.ask([1_000 * Self.microsecond])
        }
        #expect(mixed.waits > 9_000)
    }

    @Test("the policy compares both ways, and chooses the faster one")
    func compares() {
        func partAwake(_ awake: Int, _ asleep: Int) -> Double {
            var outcome = Outcome(limit: Self.limit)
            outcome.ask(20_000, awake: awake, asleep: asleep)
            return Double(outcome.waits) / 20_000
        }
        #expect(partAwake(30, 60) > 0.95)
        #expect(partAwake(50, 60) > 0.95)
        #expect(partAwake(30, 30) < 0.05, "if both are equal, sleeping leaves the core to others")
        #expect(partAwake(60, 30) < 0.05)
    }

    @Test("on a core shared with pdns the reader sleeps, unless that is much slower")
    func sharesCore() {
        var outcome = Outcome(limit: Self.limit)
        outcome.ask(20_000, awake: 30, asleep: 40, arrival: .atOnce)
        #expect(outcome.waits < 20_000 / 20)
        let before = outcome.waits
        outcome.ask(20_000, awake: 30, asleep: 60, arrival: .atOnce)
        #expect(outcome.waits - before > 20_000 * 8 / 10)
    }

    @Test("questions that become 1.5 times as slow start a comparison at once")
    func slower() {
        var outcome = Outcome(limit: Self.limit)
        outcome.ask(10_000, awake: 30, asleep: 20)
        let before = outcome.waits
        outcome.ask(400, awake: 30, asleep: 60)
        #expect(outcome.waits - before > 200)
    }

    @Test("a change of the better way is noticed within some thousand questions")
    func changes() {
        var outcome = Outcome(limit: Self.limit)
        outcome.ask(50_000, awake: 30, asleep: 60)
        outcome.ask(3_000, awake: 60, asleep: 30)
        let before = outcome.waits
        outcome.ask(10_000, awake: 60, asleep: 30)
        #expect(outcome.waits - before < 10_000 / 8)
    }

    @Test("the reader never stays awake at 100 questions a second, or with a limit of 0")
    func never() {
        #expect(ask(repeatElement(10_000 * Self.microsecond, count: 1_000)).waits == 0)
        #expect(ask(repeatElement(0, count: 1_000), limit: 0).waits == 0)
        #expect(ask(repeatElement(20 * Self.microsecond, count: 1_000), limit: 0).waits == 0)
    }

    @Test("staying awake ends after at most two waits in vain, and begins again with the next questions")
    func ends() {
        var outcome = ask(repeatElement(30 * Self.microsecond, count: 4))
        outcome.ask(repeatElement(1_000_000 * Self.microsecond, count: 10))
        #expect(!outcome.policy.staysAwake)
        #expect(outcome.vain <= 4)
        outcome.ask(repeatElement(30 * Self.microsecond, count: 10))
        #expect(outcome.policy.staysAwake)
    }

    @Test("tries in vain become rarer, down to one in 64 questions")
    func backsOff() {
        let outcome = ask(repeatElement(300 * Self.microsecond, count: 100_000))
        #expect(outcome.vain == outcome.waits)
        #expect(outcome.waits < 100_000 / 30)
    }

    @Test("waiting takes at most 1 % of a core at 100 questions a second, in bursts of any size", arguments: 1...20)
    func cost(burst: Int) {
        // `burst` questions in quick succession, and then a pause, so that the average is 100 a second.
        let pauses = [burst * 10_000 - (burst - 1) * 90] + Array(repeating: 90, count: burst - 1)
        let outcome = ask((0..<10_000).map { pauses[$0 % burst] * Self.microsecond })
        #expect(outcome.awake <= 10_000 * 10_000 * Self.microsecond / 100)
    }

    @Test("a limit of 0 ends staying awake")
    func turnedOff() {
        var outcome = ask(repeatElement(30 * Self.microsecond, count: 50))
        #expect(outcome.policy.staysAwake)
        outcome.policy.limit = 0
        #expect(!outcome.policy.staysAwake)
        #expect(!outcome.policy.joins)
    }

    @Test("a sleeping reader joins the core of pdns only if questions come soon")
    func joins() {
        var outcome = Outcome(limit: Self.limit)
        #expect(!outcome.policy.joins, "there has been no question yet")
        for _ in 0..<1_000 {
            outcome.ask(1, awake: 60, asleep: 30)
            #expect(outcome.policy.joins != outcome.policy.staysAwake)
        }
        #expect(outcome.policy.joins)
        outcome.ask(repeatElement(10_000 * Self.microsecond, count: 100))
        #expect(!outcome.policy.joins, "an idle reader does not join")
        #expect(!ask(repeatElement(20 * Self.microsecond, count: 1_000), limit: 0).policy.joins)
    }
}
