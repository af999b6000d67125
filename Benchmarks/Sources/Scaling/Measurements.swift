/// A file of Benchmarks/scale: lines of SERIES, NUMBER, FIGURE and VALUE, separated by tabs, and comments.
public struct Measurements: Sendable {
    /// The lines that begin with #, without it.
    public private(set) var comments: [String] = []
    private var samples: [Key: Samples] = [:]
    private var order: [Key] = []

    private struct Key: Hashable, Sendable {
        let series: String
        let figure: String
    }

    public struct Malformed: Error, CustomStringConvertible {
        public let line: Int
        public var description: String { "line \(line) is not SERIES, NUMBER, FIGURE and VALUE, separated by tabs" }
    }

    public init(_ text: String) throws(Malformed) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where !line.isEmpty {
            if line.hasPrefix("#") {
                comments.append(String(line.drop { $0 == "#" || $0 == " " }))
                continue
            }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 4, let number = Double(fields[1]), let value = Double(fields[3]), number.isFinite,
                value.isFinite
            else { throw Malformed(line: index + 1) }
            let key = Key(series: String(fields[0]), figure: String(fields[2]))
            if samples[key] == nil { order.append(key) }
            samples[key, default: Samples()].add(value, at: number)
        }
    }

    /// The measurements of a figure in a series; empty if there are none.
    public subscript(series: String, figure: String) -> Samples {
        samples[Key(series: series, figure: figure)] ?? Samples()
    }

    /// Returns the series that have this figure and a name with this prefix, in the order of the file.
    public func series(with figure: String, prefix: String = "") -> [String] {
        order.filter { $0.figure == figure && $0.series.hasPrefix(prefix) }.map(\.series)
    }
}
