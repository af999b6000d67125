import Platform

/// A grid of styled terminal cells. Drawing outside of the grid has no effect.
package struct Canvas: Equatable, Sendable {
    /// The style of a cell.
    package enum Style: Equatable, Sendable {
        case plain
        case like(TerminalStyle)
        case reversed
        /// Land on the map.
        case land
        /// Something of a datacenter, by its number; `true` for bold.
        case datacenter(Int, Bool)
        /// The location of a datacenter.
        case site(Int)
    }

    package struct Cell: Equatable, Sendable {
        /// A character of one or two columns; empty in the right half of a wide character.
        package var text = " "
        package var style = Style.plain
    }

    /// A rectangle of the canvas.
    package struct Area: Equatable, Sendable {
        package var line: Int
        package var column: Int
        package var lines: Int
        package var columns: Int

        /// Cuts lines off the top and returns them as an area.
        mutating func takeLines(_ count: Int) -> Area {
            let taken = Area(line: line, column: column, lines: min(count, lines), columns: columns)
            (line, lines) = (line + taken.lines, lines - taken.lines)
            return taken
        }

        /// Returns areas side by side, of nearly the same width, with gaps of two columns.
        func columns(_ count: Int) -> [Area] {
            (0..<count).map { number in
                let start = (columns + 2) * number / count
                let end = (columns + 2) * (number + 1) / count - 2
                return Area(line: line, column: column + start, lines: lines, columns: max(0, end - start))
            }
        }
    }

    package let lines: Int
    package let columns: Int
    /// Whether characters other than ASCII may be used.
    package let isUnicode: Bool
    private var cells: [Cell]

    package init(lines: Int, columns: Int, isUnicode: Bool) {
        (self.lines, self.columns, self.isUnicode) = (max(1, lines), max(1, columns), isUnicode)
        cells = Array(repeating: Cell(), count: self.lines * self.columns)
    }

    var area: Area { Area(line: 0, column: 0, lines: lines, columns: columns) }

    /// Accesses a cell inside the canvas.
    subscript(line: Int, column: Int) -> Cell {
        get { cells[line * columns + column] }
        set { cells[line * columns + column] = newValue }
    }

    /// Draws a text in a line of an area. A text that is too long is cut, and ends with a mark.
    ///
    /// - Parameters:
    ///   - line: the line in the area; nothing is drawn outside of the area.
    ///   - column: the column in the area.
    ///   - width: the maximum number of columns; `nil` for all to the end of the area.
    ///   - isAtEnd: whether to align the text to the right.
    /// - Returns: the number of columns that the text takes.
    @discardableResult
    mutating func put(
        _ text: String, _ style: Style = .plain, in area: Area, line: Int = 0, column: Int = 0, width: Int? = nil,
        isAtEnd: Bool = false
    ) -> Int {
        guard 0..<area.lines ~= line, 0..<lines ~= area.line + line, column >= 0 else { return 0 }
        let start = area.column + column
        let room = min(width ?? .max, area.columns - column, columns - start)
        guard room > 0, start >= 0 else { return 0 }
        // Only as many characters as fit are measured, because a text may be of any length.
        var characters = displayCharacters(String(text.unicodeScalars.prefix(4 * room + 8)), isUnicode: isUnicode)
        var taken = characters.reduce(0) { $0 + $1.columns }
        if taken > room {
            let end = isUnicode ? "…" : ">"
            while taken > room - 1, let last = characters.popLast() { taken -= last.columns }
            characters.append(DisplayCharacter(text: end, columns: 1))
            taken += 1
        }
        var place = start + (isAtEnd ? room - taken : 0)
        // Overwriting half of a wide character erases the other half.
        if taken > 0, self[area.line + line, place].text.isEmpty { self[area.line + line, place - 1].text = " " }
        let end = place + taken
        if taken > 0, end < columns, self[area.line + line, end].text.isEmpty {
            self[area.line + line, end].text = " "
        }
        for character in characters {
            self[area.line + line, place] = Cell(text: character.text, style: style)
            if character.columns == 2 { self[area.line + line, place + 1] = Cell(text: "", style: style) }
            place += character.columns
        }
        return taken
    }

    /// Draws a bar.
    ///
    /// - Parameter part: the filled part of the width, 0...1; larger values are drawn as 1.
    mutating func putBar(_ part: Double, _ style: Style, in area: Area, line: Int, column: Int, width: Int) {
        guard width > 0, part > 0 else { return }
        let eighths = Int((min(1, part) * Double(8 * width)).rounded())
        var text = String(repeating: isUnicode ? "█" : "#", count: eighths / 8)
        if isUnicode, eighths % 8 > 0 {
            text.unicodeScalars.append(Unicode.Scalar(0x2590 - UInt32(eighths % 8))!)
        } else if eighths < 8, text.isEmpty {
            text = isUnicode ? "▏" : "-"
        }
        put(text, style, in: area, line: line, column: column, width: width)
    }

    // MARK: For the terminal

    /// Returns the lines as text, without spaces at their ends.
    package func text(_ colours: TerminalColours) -> [String] {
        (0..<lines).map { line in
            let cells = self.cells[line * columns..<(line + 1) * columns]
            let end = cells.lastIndex { $0 != Cell() }.map { $0 + 1 } ?? cells.startIndex
            return Self.text(of: cells[..<end], colours)
        }
    }

    /// Returns the text that makes a terminal show this canvas: only the parts of lines that differ from what it
    /// shows.
    ///
    /// - Parameter shown: the canvas that the terminal shows; `nil` if unknown.
    package func update(from shown: Canvas?, _ colours: TerminalColours) -> String {
        let shown = shown.flatMap { $0.lines == lines && $0.columns == columns ? $0 : nil }
        var text = ""
        if shown == nil { text += "\u{1b}[0m\u{1b}[2J" }
        for line in 0..<lines {
            let range = line * columns..<(line + 1) * columns
            guard let shown else {
                text += "\u{1b}[\(line + 1);1H" + Self.text(of: cells[range], colours, from: 1)
                continue
            }
            guard var start = range.first(where: { cells[$0] != shown.cells[$0] }),
                var end = range.last(where: { cells[$0] != shown.cells[$0] })
            else { continue }
            // Include both halves of wide characters of either canvas.
            while start > range.lowerBound, cells[start].text.isEmpty || shown.cells[start].text.isEmpty { start -= 1 }
            while end + 1 < range.upperBound, cells[end + 1].text.isEmpty || shown.cells[end + 1].text.isEmpty {
                end += 1
            }
            let column = start - range.lowerBound + 1
            text += "\u{1b}[\(line + 1);\(column)H" + Self.text(of: cells[start...end], colours, from: column)
        }
        return text
    }

    /// - Parameter column: the column of the first cell, from 1. After a character whose width terminals disagree on,
    ///   an escape sets the column, so that the rest stays in place. `nil` for text without such escapes.
    private static func text(
        of cells: ArraySlice<Cell>, _ colours: TerminalColours, from column: Int? = nil
    ) -> String {
        var text = ""
        var style = Style.plain
        var isUncertain = false
        for (number, cell) in cells.enumerated() {
            if isUncertain, !cell.text.isEmpty {
                if let column { text += "\u{1b}[\(column + number)G" }
                isUncertain = false
            }
            if cell.text.isEmpty || cell.text.unicodeScalars.count > 1 { isUncertain = true }
            if cell.style != style {
                let (before, now) = (style.parameters(colours), cell.style.parameters(colours))
                if before != now {
                    if before != nil { text += "\u{1b}[0m" }
                    if let now { text += "\u{1b}[\(now)m" }
                }
                style = cell.style
            }
            text += cell.text
        }
        return style.parameters(colours) == nil ? text : text + "\u{1b}[0m"
    }
}

extension Canvas.Style {
    /// The parameters of SGR (ECMA-48, section 8.3.117); `nil` for none.
    fileprivate func parameters(_ colours: TerminalColours) -> String? {
        if colours == .none { return nil }
        switch self {
        case .plain: return nil
        case .like(let style): return style.rawValue
        case .reversed: return "7"
        case .land: return colours == .many ? "38;5;239" : "2"
        case .datacenter(let number, let isBold):
            return (isBold ? "1;" : "") + Self.colour(of: number, colours)
        case .site(let number): return "1;7;" + Self.colour(of: number, colours)
        }
    }

    /// The nearest colours to the map's palette.
    private static func colour(of datacenter: Int, _ colours: TerminalColours) -> String {
        let many = [33, 214, 36, 175, 117, 166, 227, 250]
        let sixteen = [34, 33, 32, 35, 36, 31, 93, 37]
        return colours == .many
            ? "38;5;\(many[datacenter % many.count])" : "\(sixteen[datacenter % sixteen.count])"
    }
}
