/// When a target is checked: once in each interval, around a phase of its own, so that many targets never come all at once.
/// All times are seconds from one origin, the same for all targets.
struct ProbeSchedule: Sendable {
    /// Seconds from the beginning of one check to that of the next.
    let interval: Double
    /// Where in the interval, from 0 to below 1.
    let phase: Double

    /// How far a check may be from its phase, as a part of the interval: machines that check the same must not fall into step.
    static let jitter = 0.1
    /// Seconds over which the first checks are spread: soon, but not at once.
    static let start = 5.0

    /// The phase of the `number`th target. However many there are, they lie evenly, as multiples of the golden ratio do.
    static func phase(_ number: Int) -> Double {
        let multiple = Double(number) * 0.618_033_988_749_894_9
        return multiple - multiple.rounded(.down)
    }

    /// The time of the first check of the `number`th of `count` targets that come at the same time.
    func first(_ number: Int, of count: Int, from now: Double) -> Double {
        now + min(interval, Self.start) * Double(number) / Double(count)
    }

    /// The interval whose check is the next behind the first.
    func slot(afterFirst time: Double) -> Int { Int((time / interval - phase + 0.5).rounded(.up)) }

    /// The interval whose check is the next behind that of `slot`, which has ended now. What is over is left out.
    func slot(after slot: Int, endedAt now: Double) -> Int {
        max(slot + 1, Int((now / interval - phase - Self.jitter).rounded(.up)))
    }

    /// The time of a check; may be over already.
    func time(ofSlot slot: Int, using generator: inout some RandomNumberGenerator) -> Double {
        (Double(slot) + phase + Double.random(in: -Self.jitter...Self.jitter, using: &generator)) * interval
    }
}
