import Routing

/// The form of files in the state directory: a heading, a line for each thing, fields separated by tabs, and a sum of all that
/// at its end.
package enum StateFile {
    /// Why a file is not trusted.
    package struct Untrusted: Error, CustomStringConvertible {
        package let description: String
    }

    static func text(_ heading: String, _ lines: [[String]]) -> String {
        let lines = lines.map { $0.map(plain).joined(separator: "\t") }
        let body = ([heading] + lines).map { $0 + "\n" }.joined()
        return body + sum(of: body) + "\n"
    }

    /// The fields of each line.
    static func lines(_ text: String, _ heading: String) throws(Untrusted) -> [[String]] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.popLast() == "", let last = lines.popLast(), lines.first.map(String.init) == heading else {
            throw Untrusted(description: "it is torn, or does not begin with '\(heading)'")
        }
        guard last == sum(of: text[..<last.startIndex]) else {
            throw Untrusted(description: "its sum is wrong: it is torn, or somebody else has changed it")
        }
        return lines.dropFirst().map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }

    /// A field with a space in place of what ends fields and lines.
    static func plain(_ field: String) -> String {
        String(field.map { $0.unicodeScalars.contains { $0.value < 0x20 } ? " " : $0 })
    }

    private static func sum(of body: some StringProtocol) -> String {
        "sum \(String(identity(of: body), radix: 16))"
    }
}
