import Testing

@testable import PipeProtocol

@Suite("Waiting awake for the next question")
struct WaitPolicyTests {
    private static let microsecond = 1_000
    private static let limit = 100 * microsecond

    /// What came of some questions, each at a time after the answer before it.
    private struct Outcome {
        var policy = WaitPolicy()
        /// How long the reader was awake, in nanoseconds.
        var awake = 0
        var waits = 0
        /// How many waits no question came in.
        var vain = 0

        init(limit: Int) { policy.limit = limit }

        mutating func ask(_ pauses: some Sequence<Int>) {
            for pause in pauses {
                let isInTime = policy.staysAwake && pause <= policy.limit
                if policy.staysAwake {
                    waits += 1
                    awake += min(pause, policy.limit)
                    if !isInTime { vain += 1 }
                }
                policy.questionCame(after: pause, wasAwake: isInTime)
            }
        }
    }

    private func ask(_ pauses: some Sequence<Int>, limit: Int = limit) -> Outcome {
        var outcome = Outcome(limit: limit)
        outcome.ask(pauses)
        return outcome
    }

    @Test("begins with the second of two questions that come soon one after the other")
    func begins() {
        var policy = WaitPolicy()
        policy.limit = Self.limit
        #expect(!policy.staysAwake)
        policy.questionCame(after: 1_000_000_000, wasAwake: false)
        #expect(!policy.staysAwake)
        policy.questionCame(after: 20 * Self.microsecond, wasAwake: false)
        #expect(policy.staysAwake)
    }

    @Test("begins also where a sleeping reader makes the pauses longer than the limit")
    func stretched() {
        #expect(ask([180 * Self.microsecond]).policy.staysAwake)
        #expect(!ask([500 * Self.microsecond]).policy.staysAwake)
    }

    @Test("goes on as long as questions come in time, and while one in four does not")
    func goesOn() {
        #expect(ask(repeatElement(30 * Self.microsecond, count: 1_000)).waits == 999 - 64)
        let mixed = ask((0..<10_000).map { ($0 % 4 == 3 ? 1_000 : 30) * Self.microsecond })
        #expect(mixed.waits > 8_500)
    }

    @Test("gives sleeping a try now and then, and goes on with what has the shorter pauses")
    func compares() {
        func partAwake(_ awake: Int, _ asleep: Int) -> Double {
            var outcome = Outcome(limit: Self.limit)
            for _ in 0..<20_000 { outcome.ask([(outcome.policy.staysAwake ? awake : asleep) * Self.microsecond]) }
            return Double(outcome.waits) / 20_000
        }
        #expect(partAwake(30, 60) > 0.95)
        #expect(partAwake(30, 30) > 0.95)
        #expect(partAwake(60, 30) < 0.05)
    }

    @Test("never begins at 100 questions a second, or with a limit of 0")
    func never() {
        #expect(ask(repeatElement(10_000 * Self.microsecond, count: 1_000)).waits == 0)
        #expect(ask(repeatElement(0, count: 1_000), limit: 0).waits == 0)
        #expect(ask(repeatElement(20 * Self.microsecond, count: 1_000), limit: 0).waits == 0)
    }

    @Test("ends with the questions, after two waits at most, and begins once more with them")
    func ends() {
        var outcome = ask(repeatElement(30 * Self.microsecond, count: 4))
        outcome.ask(repeatElement(1_000_000 * Self.microsecond, count: 10))
        #expect(!outcome.policy.staysAwake)
        #expect(outcome.vain <= 4)
        outcome.ask(repeatElement(30 * Self.microsecond, count: 10))
        #expect(outcome.policy.staysAwake)
    }

    @Test("is tried less and less where it is in vain, and at most every 64 questions")
    func backsOff() {
        let outcome = ask(repeatElement(300 * Self.microsecond, count: 100_000))
        #expect(outcome.vain == outcome.waits)
        #expect(outcome.waits < 100_000 / 30)
    }

    @Test("takes at most a hundredth of a core at 100 questions a second, however they come", arguments: 1...20)
    func cost(burst: Int) {
        // `burst` questions, one right after the other, and then none until the average is 100 a second.
        let pauses = [burst * 10_000 - (burst - 1) * 90] + Array(repeating: 90, count: burst - 1)
        let outcome = ask((0..<10_000).map { pauses[$0 % burst] * Self.microsecond })
        #expect(outcome.awake <= 10_000 * 10_000 * Self.microsecond / 100)
    }

    @Test("ends when the limit becomes 0")
    func turnedOff() {
        var outcome = ask(repeatElement(30 * Self.microsecond, count: 200))
        #expect(outcome.policy.staysAwake)
        outcome.policy.limit = 0
        #expect(!outcome.policy.staysAwake)
    }
}
