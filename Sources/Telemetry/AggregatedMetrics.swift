/// The sums of the counts of all coprocesses, which the agent computes from their datagrams. No sum ever decreases,
/// also if coprocesses end or send invalid data.
public struct AggregatedMetrics: Sendable {
    /// Limits that protect memory against invalid datagrams and unusual configurations.
    public struct Limits: Sendable {
        /// The largest number of series.
        public var series = 100_000
        /// The largest number of coprocesses at a time.
        public var coprocesses = 256
        /// The largest number of last values of all coprocesses together.
        public var values = 2_000_000

        public init() {}
    }

    /// The time in seconds after the last datagram at which a coprocess counts as ended. Coprocesses send one at
    /// least every 15 s.
    public static let silence = 60
    /// The number of ended coprocesses that are remembered.
    private static let rememberedEnds = 1_000

    private let limits: Limits
    /// When counting began, in nanoseconds since 1970.
    private let start: Int
    private var numbers: [Series: Int] = [:]
    /// The series by number.
    private var series: [Series] = []
    /// The sums by number.
    private var values: [Int] = []
    private var durations = Durations()
    private var droppedHits = 0
    private var coprocesses: [Int: Coprocess] = [:]
    private var valueCount = 0
    /// The coprocesses that ended last, the oldest first.
    private var ended: [Report.Sender] = []
    /// The number of datagrams that were invalid or came too late.
    public private(set) var ignoredDatagrams = 0
    /// The number of counts that exceeded the limits.
    public private(set) var ignoredCounts = 0

    private struct Coprocess {
        let sender: Report.Sender
        /// The time of the last datagram, in seconds since 1970.
        var lastHeard: Int
        /// Set if the coprocess has counted before its first datagram, or after it counted as ended. Until this time,
        /// in seconds since 1970, the first value of a series is not added, because it was counted at an unknown time.
        var isBackUntil: Int?
        var condition: Report.Condition?
        /// The last value of each series by number.
        var values: [Int: Int] = [:]
    }

    /// Begins with no counts.
    ///
    /// - Parameter start: when counting begins, in nanoseconds since 1970. The counts of older coprocesses before their
    ///   first datagram are left out, because adding all of them together would look like a burst of questions.
    public init(limits: Limits = Limits(), start: Int = 0) {
        self.limits = limits
        self.start = start
    }

    /// The number of coprocesses that have sent datagrams recently.
    public var coprocessCount: Int { coprocesses.count }

    /// Adds a datagram. An invalid one only changes `ignoredDatagrams`.
    ///
    /// - Parameter now: the time in seconds since 1970.
    public mutating func take(_ datagram: some Collection<UInt8>, at now: Int) {
        guard let report = Report(datagram) else {
            ignoredDatagrams += 1
            return
        }
        take(report, at: now)
    }

    /// Counts an unusable datagram.
    public mutating func ignoreDatagram() { ignoredDatagrams += 1 }

    mutating func take(_ report: Report, at now: Int) {
        forgetEnded(at: now)
        let sender = report.sender
        if let known = coprocesses[sender.process], known.sender != sender {
            guard known.sender.start < sender.start else {
                ignoredDatagrams += 1
                return
            }
            end(known)
        }
        guard coprocesses[sender.process] != nil || coprocesses.count < limits.coprocesses else {
            ignoredDatagrams += 1
            return
        }
        // Removed from the dictionary, so that its tables are not copied on write.
        var coprocess =
            coprocesses.removeValue(forKey: sender.process)
            ?? Coprocess(
                sender: sender, lastHeard: now,
                // It sends everything several times within that time.
                isBackUntil: sender.start < start || ended.contains(sender) ? now + Self.silence : nil)
        coprocess.lastHeard = now
        let isBack = coprocess.isBackUntil.map { now < $0 } ?? false
        if let condition = report.condition { take(condition, &coprocess, isBack: isBack) }
        for count in report.counts { take(count, &coprocess, isBack: isBack) }
        coprocesses[sender.process] = coprocess
    }

    private mutating func take(
        _ condition: Report.Condition, _ coprocess: inout Coprocess, isBack: Bool
    ) {
        let last =
            coprocess.condition
            ?? (isBack ? condition : Report.Condition(loaded: nil, droppedHits: 0, durations: Durations()))
        coprocess.condition = condition
        droppedHits = saturatingSum(droppedHits, max(0, condition.droppedHits - last.droppedHits))
        durations.sum = saturatingSum(durations.sum, max(0, condition.durations.sum - last.durations.sum))
        for (bucket, count) in condition.durations.counts.enumerated() {
            let growth = max(0, count - last.durations.counts[bucket])
            durations.counts[bucket] = saturatingSum(durations.counts[bucket], growth)
        }
    }

    private mutating func take(_ count: Report.Count, _ coprocess: inout Coprocess, isBack: Bool) {
        guard let number = number(of: count.series),
            coprocess.values[number] != nil || valueCount < limits.values
        else {
            ignoredCounts += 1
            return
        }
        if coprocess.values[number] == nil { valueCount += 1 }
        let last = coprocess.values[number] ?? (isBack ? count.value : 0)
        guard count.value >= last else { return }
        coprocess.values[number] = count.value
        values[number] = saturatingSum(values[number], count.value - last)
    }

    /// Returns the number of a series, and adds it if it is new; `nil` if there is no room for another.
    private mutating func number(of series: Series) -> Int? {
        if let number = numbers[series] { return number }
        guard self.series.count < limits.series else { return nil }
        numbers[series] = self.series.count
        self.series.append(series)
        values.append(0)
        return self.series.count - 1
    }

    /// Forgets coprocesses that have sent nothing for `silence` seconds. Their counts stay in the sums.
    public mutating func forgetEnded(at now: Int) {
        for coprocess in coprocesses.values where now - coprocess.lastHeard >= Self.silence { end(coprocess) }
    }

    private mutating func end(_ coprocess: Coprocess) {
        coprocesses[coprocess.sender.process] = nil
        valueCount -= coprocess.values.count
        ended.append(coprocess.sender)
        if ended.count > Self.rememberedEnds { ended.removeFirst() }
    }

    /// All sums at one time. `series` and `values` correspond by position. A later `Counts` of the same object has the
    /// same series at the same positions, and new ones after them.
    public struct Counts: Sendable {
        public var series: [Series] = []
        public var values: [Int] = []
        public var durations = Durations()
        public var droppedHits = 0
        /// The number of coprocesses that have sent datagrams recently.
        public var coprocesses = 0

        public init() {}
    }

    /// All sums. The arrays are shared, and copied when the next datagram changes them.
    public var counts: Counts {
        var counts = Counts()
        (counts.series, counts.values) = (series, values)
        (counts.durations, counts.droppedHits) = (durations, droppedHits)
        counts.coprocesses = coprocesses.count
        return counts
    }

    /// The sum of a series.
    public subscript(series: Series) -> Int { numbers[series].map { values[$0] } ?? 0 }
}

// MARK: - Prometheus

extension AggregatedMetrics {
    /// Writes all metrics.
    public func write(to text: inout PrometheusText) {
        let counts = zip(series, values).sorted { $0.0 < $1.0 }
        text.metric(
            "geopipe_questions_total", .counter,
            help: "Questions of pdns by zone; without a zone those for names that are in none."
                + " pdns asks up to several questions for one of a client's, and none for what it has cached.")
        for case (.questions(let zone, let result), let value) in counts {
            text.sample("geopipe_questions_total", value, ["zone": zone, "result": result.rawValue])
        }
        text.metric(
            "geopipe_answers_total", .counter,
            help: "Answers with records of a service, by the datacenter that they are from."
                + " One that is made of several datacenters counts for each.")
        for case (.answers(let service, let datacenter), let value) in counts {
            text.sample("geopipe_answers_total", value, ["service": service, "datacenter": datacenter])
        }
        text.metric(
            "geopipe_clients_total", .counter,
            help: "Answers of services by the client's country, without one if no database knows it."
                + " Under heavy load only those that could be looked at: geopipe_hits_dropped_total has the others.")
        for case (.clients(let country), let value) in counts {
            text.sample("geopipe_clients_total", value, ["country": country])
        }
        text.metric(
            "geopipe_hits_dropped_total", .counter,
            help: "Answers of services whose client could not be looked at, as there were too many.")
        text.sample("geopipe_hits_dropped_total", droppedHits)
        text.histogram(
            "geopipe_answer_duration_seconds", durations,
            help: "From when questions had been read until the answers to them were written.")
        text.metric(
            "geopipe_telemetry_ignored_total", .counter,
            help: "Datagrams that were no reports of coprocesses, and counts that there was no room for.")
        text.sample("geopipe_telemetry_ignored_total", ignoredDatagrams, ["what": "datagrams"])
        text.sample("geopipe_telemetry_ignored_total", ignoredCounts, ["what": "counts"])
    }
}

extension Series {
    /// Whether a series comes before another in the output.
    fileprivate static func < (a: Series, b: Series) -> Bool { a.sortKey.lexicographicallyPrecedes(b.sortKey) }

    private var sortKey: [String] {
        switch self {
        case .questions(let zone, let result): ["questions", zone, result.rawValue]
        case .answers(let service, let datacenter): ["answers", service, datacenter]
        case .clients(let country): ["clients", country]
        }
    }
}
