/// A histogram of answer times, in steps of 3%.
struct Latencies {
    private static let steps = 32
    private var counts = [Int](repeating: 0, count: 64 * steps)
    private(set) var count = 0
    private(set) var longest: UInt64 = 0

    /// - Parameter time: in nanoseconds.
    mutating func add(_ time: UInt64) {
        counts[Self.step(max(time, UInt64(Self.steps)))] += 1
        count += 1
        longest = max(longest, time)
    }

    /// Returns the time within which a part of all answers, 0...1, came, in milliseconds.
    func quantile(_ part: Double) -> Double {
        let rank = Int((Double(count) * part).rounded(.up))
        var seen = 0
        for step in counts.indices {
            seen += counts[step]
            if seen >= max(rank, 1) { return Double(min(Self.end(of: step), longest)) / 1e6 }
        }
        return 0
    }

    private static func step(_ time: UInt64) -> Int {
        let shift = 63 - time.leadingZeroBitCount - 5
        return shift * steps + Int(time >> UInt64(shift))
    }

    private static func end(of step: Int) -> UInt64 {
        let shift = max(0, step / steps - 1)
        return UInt64(step - shift * steps + 1) << UInt64(shift)
    }
}
