import Routing

/// The format of files in the state directory: a heading, lines of fields separated by tabs, and a checksum at the
/// end.
package enum StateFile {
    /// Why a file is invalid.
    package struct Untrusted: Error, CustomStringConvertible {
        package let description: String
    }

    static func text(_ heading: String, _ lines: [[String]]) -> String {
        let lines = lines.map { $0.map(plain).joined(separator: "\t") }
        let body = ([heading] + lines).map { $0 + "\n" }.joined()
        return body + sum(of: body) + "\n"
    }

    /// Returns the fields of each line, after verifying heading and checksum.
    static func lines(_ text: String, _ heading: String) throws(Untrusted) -> [[String]] {
        // Parsed by bytes, which is fast: a compile report may have thousands of lines.
        let bytes = Array(text.utf8)
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, let last = lines.popLast(),
            lines.first?.elementsEqual(heading.utf8) == true
        else {
            throw Untrusted(description: "it is truncated, or does not begin with '\(heading)'")
        }
        let body = text.utf8.index(text.utf8.startIndex, offsetBy: last.startIndex)
        guard last.elementsEqual(sum(of: text[..<body]).utf8) else {
            throw Untrusted(description: "its checksum is wrong")
        }
        return lines.dropFirst().map { line in
            line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }

    /// Returns a field with control characters, such as tabs and newlines, replaced with spaces.
    static func plain(_ field: String) -> String {
        String(field.map { $0.unicodeScalars.contains { $0.value < 0x20 } ? " " : $0 })
    }

    private static func sum(of body: some StringProtocol) -> String {
        "sum \(String(identity(of: body), radix: 16))"
    }
}
