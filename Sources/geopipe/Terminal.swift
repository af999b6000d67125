import Glibc
import Platform

/// What standard output is: a terminal with columns and colours, or anything else without.
struct Terminal {
    /// `nil` for anything but a terminal.
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

    /// Of the terminal at standard output.
    static var size: (columns: Int, lines: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return (80, 24) }
        // A terminal may know one of both, or nothing.
        return (size.ws_col > 0 ? Int(size.ws_col) : 80, size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// What colours the terminal at standard output has; none if that is no terminal.
    static var colours: TerminalColours {
        guard isatty(STDOUT_FILENO) == 1 else { return .none }
        return TerminalColours(
            type: environment("TERM"), depth: environment("COLORTERM"), refusal: environment("NO_COLOR"))
    }

    /// Whether terminals of this environment take UTF-8.
    static var isUnicode: Bool { isUnicodeLocale(["LC_ALL", "LC_CTYPE", "LANG"].map(environment)) }

    /// The size of a picture that is printed: as the environment's `COLUMNS` and `LINES` say, as the terminal is, or 80 by 24.
    static var printedSize: (columns: Int, lines: Int) {
        let size = isatty(STDOUT_FILENO) == 1 ? Self.size : (columns: 80, lines: 24)
        func number(_ name: String) -> Int? {
            environment(name).flatMap(Int.init).flatMap { 1...1_000 ~= $0 ? $0 : nil }
        }
        return (number("COLUMNS") ?? size.columns, number("LINES") ?? size.lines)
    }

    /// Whether the whole of it can be drawn.
    var canBeDrawn: Bool { columns != nil && !["dumb", nil].contains(environment("TERM")) }

    func styled(_ text: String, _ style: Style) -> String {
        hasColour ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
    }
}

/// A variable of the environment, unless it is empty.
private func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
}

/// Returns a line for each row, in which what belongs to one column begins in the same place.
func table(_ rows: [[String]]) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
        let cells = row.enumerated().map { $1 + String(repeating: " ", count: widths[$0] - $1.count) }
        let line = cells.joined(separator: "  ")
        return String(line[..<(line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex)])
    }
}
