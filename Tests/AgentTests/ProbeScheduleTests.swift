import Support
import Testing

@testable import geopipe_agent

@Suite("The schedule")
struct TimetableTests {
    private static let count = 2_000
    private static let interval = 10.0
    private static let end = 200.0

    /// Returns the times of the checks of each of many targets added together, if a check takes `duration` seconds.
    private func times(duration: Double) -> [[Double]] {
        var generator = SeededGenerator(seed: 1)
        return (0..<Self.count).map { number in
            let timetable = ProbeSchedule(interval: Self.interval, phase: ProbeSchedule.phase(number))
            var times = [timetable.first(number, of: Self.count, from: 3)]
            var slot = timetable.slot(afterFirst: times[0]) - 1
            while let last = times.last, last < Self.end {
                slot = timetable.slot(after: slot, endedAt: last + duration)
                let due = timetable.time(ofSlot: slot, using: &generator)
                times.append(max(due, last + duration))
            }
            return times
        }
    }

    @Test("spreads the checks of many targets")
    func bursts() {
        var parts: [Int: Int] = [:]
        for time in times(duration: 0.1).joined() { parts[Int(time * 10), default: 0] += 1 }
        // Evenly over the first five seconds, then over each interval.
        for part in 30..<80 { #expect(30...50 ~= parts[part, default: 0], "part \(part)") }
        #expect(parts[0..<30] == 0)
        for part in 180..<Int(Self.end * 10) { #expect(5...40 ~= parts[part, default: 0], "part \(part)") }
    }

    @Test("checks each target once in each interval, near its own phase")
    func phases() {
        for (number, times) in times(duration: 0.1).enumerated() {
            let phase = ProbeSchedule.phase(number)
            #expect(3...8 ~= times[0])
            for (slot, time) in times.dropFirst().enumerated() {
                let first = ((times[1] / Self.interval) - phase).rounded()
                let distance = time - (first + Double(slot) + phase) * Self.interval
                #expect(abs(distance) <= 1.000_001, "target \(number), check \(slot)")
            }
            #expect(zip(times, times.dropFirst()).allSatisfy { 3.9...16.1 ~= $1 - $0 }, "target \(number)")
        }
    }

    @Test("skips intervals that a slow check has missed")
    func late() {
        for times in times(duration: 25) {
            #expect(zip(times, times.dropFirst()).allSatisfy { 24.999...36.1 ~= $1 - $0 })
        }
    }

    @Test("has a different phase for each of any number of targets")
    func goldenRatio() {
        for count in [1, 2, 10, 100, 1_000] {
            let phases = (0..<count).map(ProbeSchedule.phase).sorted()
            #expect(phases.allSatisfy { 0..<1 ~= $0 })
            let gaps = zip(phases, phases.dropFirst() + [1 + phases[0]]).map { $1 - $0 }
            #expect(gaps.allSatisfy { 0.3...3 ~= $0 * Double(count) }, "\(count)")
        }
    }
}

extension [Int: Int] {
    /// The sum over a range of keys.
    fileprivate subscript(range: Range<Int>) -> Int { range.reduce(0) { $0 + self[$1, default: 0] } }
}
