import Synchronization

/// The counters of one snapshot, by positions in it: questions and answers.
public final class SnapshotCounters: Sendable {
    private let zoneCount: Int
    private let zoneName: @Sendable (Int) -> String
    let services: [String]
    let datacenters: [String]
    private let questions: CounterTable
    private let answers: CounterTable
    /// The number of this object, different from all others in this process.
    public let number: UInt32

    /// The view of the thread that counts.
    public let writer: Writer

    /// The view of the thread that counts, without references; valid as long as the object.
    public struct Writer: Sendable {
        @usableFromInline let questions: CounterTable.Writer
        @usableFromInline let answers: CounterTable.Writer
        @usableFromInline let datacenterCount: Int

        /// Counts a question.
        ///
        /// - Parameter zone: the position of the name's zone; `nil` if it is outside of all zones.
        @inlinable @inline(__always)
        public func countQuestion(zone: Int?, _ result: QuestionResult) {
            questions.add(1, at: ((zone ?? -1) &+ 1) &* 3 &+ result.position)
        }

        /// Counts an answer of a service from a datacenter.
        @inlinable @inline(__always)
        public func countAnswer(service: Int, datacenter: Int) {
            answers.add(1, at: service &* datacenterCount &+ datacenter)
        }
    }

    private static let numbers = Atomic<UInt32>(0)

    /// Makes counters that are all 0.
    ///
    /// - Parameters:
    ///   - zoneName: returns the name of the zone at a position below `zoneCount`.
    ///   - services: the names of the services by position.
    ///   - datacenters: the names of the datacenters by position.
    public init(
        zoneCount: Int, services: [String], datacenters: [String], zoneName: @escaping @Sendable (Int) -> String
    ) {
        self.zoneCount = zoneCount
        self.zoneName = zoneName
        self.services = services
        self.datacenters = datacenters
        questions = CounterTable(count: (zoneCount + 1) * QuestionResult.allCases.count)
        answers = CounterTable(count: services.count * datacenters.count)
        writer = Writer(questions: questions.writer, answers: answers.writer, datacenterCount: datacenters.count)
        number = Self.numbers.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// Calls `body` for each series that was counted, in the order of first use, which never changes.
    func forEachQuestion(_ body: (_ order: Int, _ series: () -> Series, _ value: Int) -> Void) {
        questions.forEachUsed { order, position, value in
            let (zone, result) = position.quotientAndRemainder(dividingBy: QuestionResult.allCases.count)
            let name = { zone == 0 ? "" : self.zoneName(zone - 1) }
            body(order, { .questions(zone: name(), result: QuestionResult.allCases[result]) }, value)
        }
    }

    /// Calls `body` for each series that was counted, in the order of first use, which never changes.
    func forEachAnswer(_ body: (_ order: Int, _ series: () -> Series, _ value: Int) -> Void) {
        answers.forEachUsed { order, position, value in
            let (service, datacenter) = position.quotientAndRemainder(dividingBy: datacenters.count)
            body(order, { .answers(service: self.services[service], datacenter: self.datacenters[datacenter]) }, value)
        }
    }
}

extension QuestionResult {
    /// The position in `allCases`.
    @inlinable
    var position: Int {
        switch self {
        case .answered: 0
        case .empty: 1
        case .refused: 2
        }
    }
}
