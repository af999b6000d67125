/// The report of another agent. A valid one is equal after writing and reading it again.
final class VantageTarget: FuzzTarget {
    func run(_ input: [UInt8]) {
        guard let report = try? VantageReport(reading: input) else { return }
        guard var again = try? VantageReport(reading: report.text.utf8) else {
            fatalError("a report cannot be read again: \(report.text)")
        }
        // Ages are written in tenths of a second.
        for (target, vote) in report.votes {
            guard let other = again.votes[target], abs(other.age - vote.age) <= max(0.06, vote.age * 1e-9),
                abs(other.pace - vote.pace) <= max(0.06, vote.pace * 1e-9)
            else { fatalError("a vote is not the same when it is read again: \(report.text)") }
            (again.votes[target]!.age, again.votes[target]!.pace) = (vote.age, vote.pace)
        }
        guard again == report else { fatalError("a report is not the same when it is read again: \(report.text)") }
    }
}
