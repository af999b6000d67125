import Synchronization

/// All counts of a coprocess since it began, by name and across configurations, and which of them have not been sent
/// to the agent.
public struct CounterRegistry: ~Copyable {
    private let recorder: MetricsRecorder
    private var followed: [Followed] = []
    private var numbers: [Series: Int] = [:]
    private var series: [Series] = []
    /// The value of each series by number.
    private var values: [Int] = []
    /// Whether each series is in `unsent`, by number.
    private var isUnsent: [Bool] = []
    /// The numbers of the series whose values have changed since they were sent.
    private var unsent: [Int] = []
    private var unserved = 0
    private var sentCondition: Report.Condition?

    /// A tally, and what has been read of it.
    private struct Followed {
        var tally: SnapshotCounters
        /// Whether no other object refers to the tally any more, so that it cannot change.
        var isOver = false
        var questions = Seen()
        var answers = Seen()

        /// The number of each series in the order of the tally, and the value that was read last.
        struct Seen {
            var numbers: [Int] = []
            var values: [Int] = []
        }
    }

    public init(_ recorder: MetricsRecorder) { self.recorder = recorder }

    /// Includes the counts of a tally from now on. Nothing may have been counted in it yet.
    public mutating func follow(_ tally: SnapshotCounters) { followed.append(Followed(tally: tally)) }

    /// Returns the tally that the positions of a hit refer to.
    private func tally(of hit: Hit) -> SnapshotCounters? { followed.last { $0.tally.number == hit.tally }?.tally }

    /// Returns the names of a hit's service and datacenters; `nil` if its tally has been released.
    public func names(of hit: Hit) -> (service: String, datacenters: [String])? {
        tally(of: hit).map { tally in (tally.services[hit.service], hit.datacenters.map { tally.datacenters[$0] }) }
    }

    /// Counts an answer to a client.
    public mutating func count(country: String) { add(1, to: number(of: .clients(country: country))) }

    /// Releases tallies that no thread counts in any more, after all their counts have been read. All hits must have
    /// been taken before.
    public mutating func releaseEnded() {
        // A tally without another owner at the last update can have no more counts and hits.
        followed.removeAll(where: \.isOver)
        for position in followed.indices {
            followed[position].isOver = isKnownUniquelyReferenced(&followed[position].tally)
        }
    }

    /// Reads what was counted since the last update. All hits must have been taken before.
    public mutating func update() {
        releaseEnded()
        // Pairs with the release of the last reference by the thread that counts: its last counts are visible now.
        atomicMemoryFence(ordering: .acquiring)
        for position in followed.indices {
            var seen = followed[position].questions
            followed[position].questions = Followed.Seen()
            followed[position].tally.forEachQuestion { take(over: $0, $1, $2, &seen) }
            followed[position].questions = seen
            seen = followed[position].answers
            followed[position].answers = Followed.Seen()
            followed[position].tally.forEachAnswer { take(over: $0, $1, $2, &seen) }
            followed[position].answers = seen
        }
        let newUnserved = recorder.unservedQuestions
        if newUnserved > unserved {
            add(newUnserved - unserved, to: number(of: .questions(zone: "", result: .refused)))
            unserved = newUnserved
        }
    }

    private mutating func take(over order: Int, _ series: () -> Series, _ value: Int, _ seen: inout Followed.Seen) {
        if order == seen.numbers.count {
            seen.numbers.append(number(of: series()))
            seen.values.append(0)
        }
        let growth = value - seen.values[order]
        guard growth > 0 else { return }
        seen.values[order] = value
        add(growth, to: seen.numbers[order])
    }

    private mutating func number(of series: Series) -> Int {
        if let number = numbers[series] { return number }
        numbers[series] = self.series.count
        self.series.append(series)
        values.append(0)
        isUnsent.append(false)
        return values.count - 1
    }

    private mutating func add(_ growth: Int, to number: Int) {
        values[number] += growth
        if !isUnsent[number] { unsent.append(number) }
        isUnsent[number] = true
    }

    /// Marks everything as not sent, so that it is sent again.
    public mutating func resendAll() {
        sentCondition = nil
        unsent = Array(values.indices)
        isUnsent = Array(repeating: true, count: values.count)
    }

    /// Sends all changes to the agent.
    ///
    /// - Parameters:
    ///   - loaded: when the image in use was loaded, in seconds since 1970; `nil` if there is none.
    ///   - send: sends a datagram; false if that failed and must be tried again later.
    /// - Returns: whether everything has been sent.
    public mutating func tell(
        as sender: Report.Sender, loaded: Int?, _ send: (_ datagram: [UInt8]) -> Bool
    ) -> Bool {
        var report = Report(sender: sender)
        let condition = Report.Condition(
            loaded: loaded, droppedHits: recorder.hits.droppedHits, durations: recorder.currentDurations())
        if condition == sentCondition, unsent.isEmpty { return true }
        report.condition = condition
        var writer = Report.Writer(report)
        var written: [Int] = []
        while true {
            var isFull = false
            while let number = unsent.last, !isFull {
                isFull = !writer.append(.init(series[number], values[number]))
                if !isFull { written.append(unsent.removeLast()) }
            }
            guard send(writer.datagram) else {
                unsent += written
                return false
            }
            sentCondition = condition
            for number in written { isUnsent[number] = false }
            guard !unsent.isEmpty else { return true }
            written = []
            writer = Report.Writer(Report(sender: sender))
        }
    }

    /// The count of a series at the last update.
    subscript(series: Series) -> Int { numbers[series].map { values[$0] } ?? 0 }
}
