/// The times at which a target is checked: once in each interval, near its own phase, so that many targets are spread
/// evenly. All times are seconds from the same origin.
struct ProbeSchedule: Sendable {
    /// Seconds from the start of one check to the start of the next.
    let interval: Double
    /// The position in the interval, 0..<1.
    let phase: Double

    /// The maximum random deviation from the phase, as a part of the interval: it keeps machines with the same checks
    /// from synchronizing.
    static let jitter = 0.1
    /// Seconds over which the first checks are spread.
    static let start = 5.0

    /// Returns the phase of the `number`th target. Multiples of the golden ratio are evenly spread for any number of
    /// targets.
    static func phase(_ number: Int) -> Double {
        let multiple = Double(number) * 0.618_033_988_749_894_9
        return multiple - multiple.rounded(.down)
    }

    /// Returns the time of the first check of the `number`th of `count` targets that are added together.
    func first(_ number: Int, of count: Int, from now: Double) -> Double {
        now + min(interval, Self.start) * Double(number) / Double(count)
    }

    /// Returns the interval of the check that follows the first.
    func slot(afterFirst time: Double) -> Int { Int((time / interval - phase + 0.5).rounded(.up)) }

    /// Returns the interval of the check that follows that of `slot`, which has now ended. Skips intervals that are
    /// over.
    func slot(after slot: Int, endedAt now: Double) -> Int {
        max(slot + 1, Int((now / interval - phase - Self.jitter).rounded(.up)))
    }

    /// Returns the time of a check, which may be past.
    func time(ofSlot slot: Int, using generator: inout some RandomNumberGenerator) -> Double {
        (Double(slot) + phase + Double.random(in: -Self.jitter...Self.jitter, using: &generator)) * interval
    }
}
