import Synchronization

/// All that a coprocess has counted since it began, by name, across configurations; and what of it the agent has not been told.
public struct Ledger: ~Copyable {
    private let recorder: Recorder
    private var followed: [Followed] = []
    private var numbers: [Series: Int] = [:]
    private var series: [Series] = []
    /// By number.
    private var values: [Int] = []
    private var isUntold: [Bool] = []
    private var untold: [Int] = []
    private var unserved = 0
    private var toldCondition: Report.Condition?

    /// A tally, and what was seen of it.
    private struct Followed {
        var tally: Tally
        /// Nobody else has it any more, and all of it was taken over.
        var isOver = false
        var questions = Seen()
        var answers = Seen()

        /// In the order of the tally, the number of each series, and how much of it was taken over.
        struct Seen {
            var numbers: [Int] = []
            var values: [Int] = []
        }
    }

    public init(_ recorder: Recorder) { self.recorder = recorder }

    /// Takes over what a tally has, from now on. It must not have been counted in yet.
    public mutating func follow(_ tally: Tally) { followed.append(Followed(tally: tally)) }

    /// The tally that the positions of a hit belong to.
    private func tally(of hit: Hit) -> Tally? { followed.last { $0.tally.number == hit.tally }?.tally }

    /// The names of a hit's service and datacenters.
    public func names(of hit: Hit) -> (service: String, datacenters: [String])? {
        tally(of: hit).map { tally in (tally.services[hit.service], hit.datacenters.map { tally.datacenters[$0] }) }
    }

    /// Counts an answer to a client.
    public mutating func count(country: String) { add(1, to: number(of: .clients(country: country))) }

    /// Lets go of tallies that nobody counts in any more, once all of them was taken over. All hits must have been taken before.
    public mutating func releaseEnded() {
        // The hits of a tally that had no other owner at the last update have been taken since.
        followed.removeAll(where: \.isOver)
        for position in followed.indices {
            followed[position].isOver = isKnownUniquelyReferenced(&followed[position].tally)
        }
    }

    /// Takes over what was counted since the last time. All hits must have been taken before.
    public mutating func update() {
        releaseEnded()
        // Of a tally that nobody counts in any more what is read now is the last.
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
        isUntold.append(false)
        return values.count - 1
    }

    private mutating func add(_ growth: Int, to number: Int) {
        values[number] += growth
        if !isUntold[number] { untold.append(number) }
        isUntold[number] = true
    }

    /// Has everything told again.
    public mutating func forgetWhatWasTold() {
        toldCondition = nil
        untold = Array(values.indices)
        isUntold = Array(repeating: true, count: values.count)
    }

    /// Tells what has not been told.
    ///
    /// - Parameters:
    ///   - loaded: when what is answered from was loaded, in seconds since 1970; `nil` if there is nothing.
    ///   - send: sends a datagram. False if it cannot be, and is to be tried again later.
    /// - Returns: whether nothing is left.
    public mutating func tell(
        as sender: Report.Sender, loaded: Int?, _ send: (_ datagram: [UInt8]) -> Bool
    ) -> Bool {
        var report = Report(sender: sender)
        let condition = Report.Condition(
            loaded: loaded, droppedHits: recorder.hits.droppedHits, durations: recorder.currentDurations())
        if condition == toldCondition, untold.isEmpty { return true }
        report.condition = condition
        var writer = Report.Writer(report)
        var written: [Int] = []
        while true {
            var isFull = false
            while let number = untold.last, !isFull {
                isFull = !writer.append(.init(series[number], values[number]))
                if !isFull { written.append(untold.removeLast()) }
            }
            guard send(writer.datagram) else {
                untold += written
                return false
            }
            toldCondition = condition
            for number in written { isUntold[number] = false }
            guard !untold.isEmpty else { return true }
            written = []
            writer = Report.Writer(Report(sender: sender))
        }
    }

    /// How often something was counted, as far as it was taken over.
    subscript(series: Series) -> Int { numbers[series].map { values[$0] } ?? 0 }
}
