import Glibc
import Platform

/// The width and colours of standard output, if it is a terminal.
struct Terminal {
    /// `nil` if it is not a terminal.
    var columns: Int?
    var hasColour = false

    typealias Style = TerminalStyle

    static var standardOutput: Terminal {
        var terminal = Terminal()
        guard isatty(STDOUT_FILENO) == 1 else { return terminal }
        terminal.columns = Self.size.columns
        // https://no-color.org
        terminal.hasColour = environment("NO_COLOR") == nil && environment("TERM") != "dumb"
        return terminal
    }

    /// The size of the terminal at standard output.
    static var size: (columns: Int, lines: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return (80, 24) }
        // A terminal may report only one of both, or none.
        return (size.ws_col > 0 ? Int(size.ws_col) : 80, size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// The colours of the terminal at standard output; none if it is not a terminal.
    static var colours: TerminalColours {
        guard isatty(STDOUT_FILENO) == 1 else { return .none }
        return TerminalColours(
            type: environment("TERM"), depth: environment("COLORTERM"), refusal: environment("NO_COLOR"))
    }

    /// Whether terminals of this environment use UTF-8.
    static var isUnicode: Bool { isUnicodeLocale(["LC_ALL", "LC_CTYPE", "LANG"].map(environment)) }

    /// The size of a printed picture: from `COLUMNS` and `LINES`, else the terminal's, else 80 by 24.
    static var printedSize: (columns: Int, lines: Int) {
        let size = isatty(STDOUT_FILENO) == 1 ? Self.size : (columns: 80, lines: 24)
        func number(_ name: String) -> Int? {
            environment(name).flatMap(Int.init).flatMap { 1...1_000 ~= $0 ? $0 : nil }
        }
        return (number("COLUMNS") ?? size.columns, number("LINES") ?? size.lines)
    }

    /// Whether it supports full-screen output.
    var canBeDrawn: Bool { columns != nil && !["dumb", nil].contains(environment("TERM")) }

    func styled(_ text: String, _ style: Style) -> String {
        hasColour ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
    }
}

/// Returns an environment variable; `nil` if it is empty.
private func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
}

/// Returns a line for each row, with aligned columns.
func table(_ rows: [[String]]) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
        let cells = row.enumerated().map { $1 + String(repeating: " ", count: widths[$0] - $1.count) }
        let line = cells.joined(separator: "  ")
        return String(line[..<(line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex)])
    }
}
