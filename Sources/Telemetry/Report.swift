/// Counts that a coprocess sends to the agent. Each datagram can be read without the others.
///
/// All counts are since the start of the coprocess, so that the next datagram makes up for a lost one. The text has a
/// line for each count, with fields separated by tabs; `\t`, `\n` and `\\` are escapes.
public struct Report: Equatable, Sendable {
    /// The coprocess that sends.
    public struct Sender: Hashable, Sendable {
        /// The process id.
        public var process: Int
        /// When the coprocess began to count, in nanoseconds since 1970; it differs from that of an earlier process
        /// with the same id.
        public var start: Int

        public init(process: Int, start: Int) {
            self.process = process
            self.start = start
        }
    }

    /// The count of a series.
    public struct Count: Hashable, Sendable {
        public var series: Series
        public var value: Int

        public init(_ series: Series, _ value: Int) {
            self.series = series
            self.value = value
        }
    }

    public var sender: Sender
    /// The condition of the coprocess, which is not in every datagram.
    public var condition: Condition?
    public var counts: [Count] = []

    /// The condition of a coprocess.
    public struct Condition: Equatable, Sendable {
        /// When the image in use was loaded, in seconds since 1970; `nil` if there is none.
        public var loaded: Int?
        /// The number of hits that were dropped because there were too many.
        public var droppedHits: Int
        public var durations: Durations

        public init(loaded: Int?, droppedHits: Int, durations: Durations) {
            self.loaded = loaded
            self.droppedHits = droppedHits
            self.durations = durations
        }
    }

    public init(sender: Sender) { self.sender = sender }

    /// The largest size of a datagram in bytes.
    public static let sizeLimit = 8192
    /// The largest size of a name in bytes; longer names are truncated.
    static let nameLimit = 1024

    /// The largest count, which no coprocess reaches; it leaves room for sums over many coprocesses.
    static let countLimit = 1 << 53

    private static let title = "geopipe-telemetry 1"
    private static let ending = "end\n"

    /// The beginning of the first datagram: the title and the condition.
    private var head: [UInt8] {
        var text = "\(Self.title)\t\(sender.process)\t\(sender.start)\n"
        if let condition {
            text += "condition\t\(condition.loaded ?? 0)\t\(condition.droppedHits)\t\(condition.durations.sum)"
            for count in condition.durations.counts { text += "\t\(count)" }
            text += "\n"
        }
        return Array(text.utf8)
    }

    /// The datagrams that hold everything, each of at most `sizeLimit` bytes.
    public var datagrams: [[UInt8]] {
        var writer = Writer(self)
        var datagrams: [[UInt8]] = []
        for count in counts where !writer.append(count) {
            datagrams.append(writer.datagram)
            writer = Writer(Report(sender: sender))
            _ = writer.append(count)
        }
        return datagrams + [writer.datagram]
    }

    /// A datagram that is being written.
    struct Writer {
        private var bytes: [UInt8]

        /// Begins with the title and the condition of a report.
        init(_ report: Report) { bytes = report.head }

        /// Adds a count; false if there is no room left.
        mutating func append(_ count: Count) -> Bool {
            let line: String =
                switch count.series {
                case .questions(let zone, let result):
                    "questions\t\(escapedField(zone))\t\(result.rawValue)\t\(count.value)\n"
                case .answers(let service, let datacenter):
                    "answers\t\(escapedField(service))\t\(escapedField(datacenter))\t\(count.value)\n"
                case .clients(let country): "clients\t\(escapedField(country))\t\(count.value)\n"
                }
            guard bytes.count + line.utf8.count + ending.utf8.count <= sizeLimit else { return false }
            bytes += line.utf8
            return true
        }

        var datagram: [UInt8] { bytes + Array(ending.utf8) }
    }

    /// Reads a datagram; `nil` if it is of another kind or damaged.
    public init?(_ datagram: some Collection<UInt8>) {
        guard let (sender, lines) = datagramLines(datagram, title: Self.title) else { return nil }
        self.sender = sender
        for line in lines {
            guard line.count >= 3, let value = fieldNumber(line.last!), value <= Self.countLimit else { return nil }
            switch (line[0], line.count) {
            case ("condition", Durations().counts.count + 4):
                let numbers = line.dropFirst().compactMap(fieldNumber)
                guard condition == nil, numbers.count == line.count - 1, numbers[1] <= Self.countLimit,
                    numbers[3...].allSatisfy({ $0 <= Self.countLimit })
                else { return nil }
                var durations = Durations()
                durations.sum = numbers[2]
                durations.counts = Array(numbers[3...])
                condition = Condition(
                    loaded: numbers[0] == 0 ? nil : numbers[0], droppedHits: numbers[1], durations: durations)
            case ("questions", 4):
                guard let zone = fieldName(line[1]), let result = QuestionResult(rawValue: String(line[2])) else {
                    return nil
                }
                counts.append(Count(.questions(zone: zone, result: result), value))
            case ("answers", 4):
                guard let service = fieldName(line[1]), let datacenter = fieldName(line[2]) else { return nil }
                counts.append(Count(.answers(service: service, datacenter: datacenter), value))
            case ("clients", 3):
                guard let country = fieldName(line[1]) else { return nil }
                counts.append(Count(.clients(country: country), value))
            default: return nil
            }
        }
    }
}
