import Glibc

/// What standard output is: a terminal with columns and colours, or anything else without.
struct Terminal {
    /// `nil` for anything but a terminal.
    var columns: Int?
    var hasColour = false

    enum Style: String {
        case error = "1;31"
        case warning = "1;33"
        case note = "1;36"
        case success = "1;32"
        case place = "1"
        case margin = "2"
    }

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
