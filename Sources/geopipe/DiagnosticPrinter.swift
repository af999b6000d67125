import Configuration
import Glibc
import Platform

/// Prints diagnostics: on a terminal with the line of the file and a caret, in a pipe one line each.
struct DiagnosticPrinter {
    private let terminal = Terminal.standardOutput
    private var sources: [String: [Substring]] = [:]

    mutating func print(_ diagnostics: [Diagnostic]) {
        for diagnostic in diagnostics { print(diagnostic) }
    }

    /// Prints the last line: a summary, or that there are no problems.
    func printEnd(_ text: String, isError: Bool) {
        Swift.print(terminal.styled(text, isError ? .error : .success))
    }

    private mutating func print(_ diagnostic: Diagnostic) {
        guard let columns = terminal.columns else { return Swift.print(visible(diagnostic.description)) }
        let place = diagnostic.position.map { "\(diagnostic.file):\($0.line):\($0.column)" } ?? diagnostic.file
        let style: Terminal.Style =
            switch diagnostic.severity {
            case .error: .error
            case .warning: .warning
            case .note: .note
            }
        Swift.print(
            terminal.styled(visible(place) + ":", .place), terminal.styled(diagnostic.severity.rawValue + ":", style),
            terminal.styled(visible(diagnostic.summary), .place) + visible(diagnostic.hint.map { "; \($0)" } ?? ""))
        guard let position = diagnostic.position, let line = line(position.line, of: diagnostic.file) else { return }
        let (text, offset) = excerpt(of: line, column: position.column, columns: max(20, columns - 10))
        let number = String(position.line)
        let margin = String(repeating: " ", count: max(0, 6 - number.count))
        Swift.print(terminal.styled("\(margin)\(number) | ", .margin) + text)
        Swift.print(
            terminal.styled("\(String(repeating: " ", count: max(6, number.count))) | ", .margin)
                + String(repeating: " ", count: offset) + terminal.styled("^", style))
    }

    // MARK: Lines of files

    private mutating func line(_ number: Int, of file: String) -> Substring? {
        if sources[file] == nil { sources[file] = lines(of: file) }
        guard let lines = sources[file], lines.indices.contains(number - 1) else { return nil }
        return lines[number - 1]
    }
}

/// Returns the lines of a text file, without the byte order mark; none if it cannot be read or is too large.
private func lines(of file: String) -> [Substring] {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 1 << 28 else {
        return []
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var count = 0
    while count < bytes.count {
        let received = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + count, $0.count - count) }
        guard received > 0 else { break }
        count += received
    }
    bytes.removeLast(bytes.count - count)
    if hasByteOrderMark(bytes) { bytes.removeFirst(byteOrderMark.count) }
    return String(decoding: bytes, as: UTF8.self).utf8.split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    )
    .map { Substring($0) }
}

/// Returns the part of a line around a column, at most `columns` wide, and the number of terminal columns before that
/// column.
///
/// - Parameter column: counted from 1, in characters of Unicode.
func excerpt(of line: Substring, column: Int, columns: Int) -> (text: String, offset: Int) {
    // Each character as it is shown, and its width.
    var cells: [(text: String, width: Int)] = []
    var width = 0
    let scalars = line.hasSuffix("\r") ? line.dropLast().unicodeScalars : line.unicodeScalars
    for scalar in scalars {
        if scalar == "\t" {
            let gap = 8 - width % 8
            cells.append((String(repeating: " ", count: gap), gap))
        } else {
            let text = visible(String(scalar))
            cells.append((text, text.unicodeScalars.reduce(0) { $0 + terminalWidth($1) }))
        }
        width += cells.last!.width
    }
    let place = min(max(0, column - 1), cells.count)
    var start = 0
    var end = cells.count
    func length(_ range: Range<Int>) -> Int { cells[range].reduce(0) { $0 + $1.width } }
    if width > columns {
        // One column for each ellipsis, and as much as possible of the text after the column.
        let room = columns - 2
        start = place
        var taken = 0
        while start > 0, taken + cells[start - 1].width <= room / 2 {
            start -= 1
            taken += cells[start].width
        }
        end = place
        while end < cells.count, taken + cells[end].width <= room {
            taken += cells[end].width
            end += 1
        }
        while start > 0, taken + cells[start - 1].width <= room {
            start -= 1
            taken += cells[start].width
        }
        // A combining character stays with the one before it.
        while start > 0, start < place, cells[start].width == 0 { start += 1 }
    }
    let text = cells[start..<end].map(\.text).joined()
    return (
        (start > 0 ? "…" : "") + text + (end < cells.count ? "…" : ""), (start > 0 ? 1 : 0) + length(start..<place)
    )
}

/// Returns the number of terminal columns of a character (Unicode Standard Annex 11).
private func terminalWidth(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    return switch scalar.value {
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff,
        0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f900...0x1f9ff,
        0x20000...0x3fffd:
        2
    default: 1
    }
}

extension Diagnostic {
    /// The diagnostic for programs. Missing members are null.
    var json: JSON {
        .object([
            "file": .text(file), "line": position.map { .integer($0.line) } ?? .null,
            "column": position.map { .integer($0.column) } ?? .null, "severity": .text(severity.rawValue),
            "message": .text(summary), "hint": hint.map(JSON.text) ?? .null,
        ])
    }
}

extension [Diagnostic] {
    /// Returns the diagnostics for programs, and their numbers.
    var json: JSON {
        .object([
            "errors": .integer(count(of: .error)), "warnings": .integer(count(of: .warning)),
            "diagnostics": .list(map(\.json)),
        ])
    }

    /// How many there are, those that are left out too.
    func count(of severity: Diagnostic.Severity) -> Int {
        filter { $0.severity == severity }.reduce(0) { $0 + $1.count }
    }
}
