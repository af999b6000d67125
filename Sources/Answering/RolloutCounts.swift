import State
import Telemetry

/// Counts the answers of the answering thread while a rollout runs. One thread writes; any thread may read.
package final class RolloutCounts: Sendable {
    private let totals = CounterTable(count: Total.count)
    private let countries: CounterTable
    private let moves: CounterTable
    private let differences: RolloutDifferences
    let writer: Writer

    /// Positions in `totals`.
    private enum Total {
        static let differing = 0
        /// The first of four positions: old answered, old refused, new answered, new refused.
        static let sides = 1
        static let count = 5
    }

    /// The counters as the answering thread writes them. Valid as long as their owner.
    struct Writer {
        fileprivate let totals: CounterTable.Writer
        fileprivate let countries: CounterTable.Writer
        fileprivate let moves: CounterTable.Writer
        /// The number of datacenters of both images, plus one for "none".
        fileprivate let width: Int

        /// Counts a client's question. An answer without a record counts as refused.
        @inline(__always)
        func countAnswer(isNew: Bool, isRefused: Bool) {
            totals.add(1, at: Total.sides &+ (isNew ? 2 : 0) &+ (isRefused ? 1 : 0))
        }

        /// Counts a question that both sides answer differently.
        ///
        /// - Parameters:
        ///   - country: the position of the client's country.
        ///   - from: the common number of the old side's datacenter; -1 for none.
        ///   - to: that of the new side's.
        func countDifference(country: Int, from: Int, to: Int) {
            totals.add(1, at: Total.differing)
            countries.add(1, at: country)
            moves.add(1, at: (from &+ 1) &* width &+ to &+ 1)
        }
    }

    /// Makes counters at 0 for the differences of two images.
    package init(_ differences: RolloutDifferences) {
        self.differences = differences
        countries = CounterTable(count: differences.countries.count)
        let width = differences.datacenters.count + 1
        moves = CounterTable(count: width * width)
        writer = Writer(totals: totals.writer, countries: countries.writer, moves: moves.writer, width: width)
    }

    /// The counts so far.
    package var tally: RolloutTotals {
        var tally = RolloutTotals()
        var sums = [Int](repeating: 0, count: Total.count)
        totals.forEachUsed { _, position, value in sums[position] = value }
        tally.differing = sums[Total.differing]
        (tally.old.answered, tally.old.refused) = (sums[Total.sides], sums[Total.sides + 1])
        (tally.new.answered, tally.new.refused) = (sums[Total.sides + 2], sums[Total.sides + 3])
        tally.compared = sums[Total.sides...].reduce(0, +)
        countries.forEachUsed { _, position, value in tally.countries[differences.countries[position]] = value }
        let width = differences.datacenters.count + 1
        moves.forEachUsed { _, position, value in
            let (from, to) = position.quotientAndRemainder(dividingBy: width)
            let move = RolloutTotals.Move(from: name(from), to: name(to))
            tally.moves[move] = value
        }
        return tally
    }

    private func name(_ position: Int) -> String? { position == 0 ? nil : differences.datacenters[position - 1] }
}
