/// Writes metrics in the text format of Prometheus. Source:
/// https://prometheus.io/docs/instrumenting/exposition_formats/ ("Text-based format", version 0.0.4).
public struct PrometheusText: Sendable {
    /// The content type of an HTTP response with the text.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text that has been written.
    public private(set) var text = ""

    public init() {}

    /// The type of a metric.
    public enum Kind: String, Sendable {
        /// A value that only increases; by convention the name ends with `_total`.
        case counter
        case gauge
        case histogram
    }

    /// Begins a metric; its samples must follow. Each name may be used once.
    public mutating func metric(_ name: String, _ kind: Kind, help: String) {
        text += "# HELP \(name) \(escaped(help, quote: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// Writes a sample.
    ///
    /// - Parameters:
    ///   - value: a number in digits.
    ///   - labels: names and values; names have only letters, digits and underscores.
    public mutating func sample(_ name: String, _ value: String, _ labels: KeyValuePairs<String, String> = [:]) {
        text += name
        if !labels.isEmpty {
            text += "{"
            for (position, label) in labels.enumerated() {
                text += "\(position == 0 ? "" : ",")\(label.key)=\"\(escaped(label.value, quote: true))\""
            }
            text += "}"
        }
        text += " \(value)\n"
    }

    public mutating func sample(_ name: String, _ value: Int, _ labels: KeyValuePairs<String, String> = [:]) {
        sample(name, "\(value)", labels)
    }

    /// Writes a complete histogram in seconds.
    public mutating func histogram(_ name: String, _ durations: Durations, help: String) {
        metric(name, .histogram, help: help)
        var count = 0
        for (bound, inBucket) in zip(Durations.bounds.map(seconds) + ["+Inf"], durations.counts) {
            count = saturatingSum(count, inBucket)
            sample("\(name)_bucket", count, ["le": bound])
        }
        sample("\(name)_sum", seconds(durations.sum))
        sample("\(name)_count", count)
    }
}

/// Returns nanoseconds as seconds in digits, without rounding.
private func seconds(_ nanoseconds: Int) -> String {
    let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    guard rest > 0 else { return "\(whole)" }
    var digits = Array("\(rest + 1_000_000_000)".dropFirst())
    while digits.last == "0" { digits.removeLast() }
    return "\(whole)." + String(digits)
}

private func escaped(_ text: String, quote: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\"" where quote: result += "\\\""
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// Returns the sum of two numbers, or the largest `Int` if it overflows.
package func saturatingSum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflows) = a.addingReportingOverflow(b)
    return overflows ? .max : sum
}
