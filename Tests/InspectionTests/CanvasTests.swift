import Platform
import Support
import Testing

@testable import Inspection

@Suite("A terminal's canvas")
struct CanvasTests {
    @Test("cuts a text by columns, and marks the cut")
    func cut() {
        var canvas = Canvas(lines: 6, columns: 8, isUnicode: true)
        canvas.put("12345678", in: canvas.area, line: 0)
        canvas.put("123456789", in: canvas.area, line: 1)
        canvas.put("日本語日", in: canvas.area, line: 2)
        canvas.put("日本語日本", in: canvas.area, line: 3)
        canvas.put("right", in: canvas.area, line: 4, column: 1, width: 6, isAtEnd: true)
        canvas.put("beyond", in: canvas.area, line: 5, column: 8)
        canvas.put("beyond", in: canvas.area, line: 6)
        canvas.put("beyond", in: canvas.area, line: -1)
        #expect(canvas.text(.none) == ["12345678", "1234567…", "日本語日", "日本語…", "  right", ""])
        var plain = Canvas(lines: 1, columns: 4, isUnicode: false)
        plain.put("12345", in: plain.area)
        #expect(plain.text(.none) == ["123>"])
    }

    @Test("draws bars in eighths of a column, or in whole columns without Unicode", arguments: [true, false])
    func bars(isUnicode: Bool) {
        let parts = [0, 0.001, 0.25, 0.3, 0.99, 1, 7, -1]
        var canvas = Canvas(lines: parts.count, columns: 6, isUnicode: isUnicode)
        for (line, part) in parts.enumerated() {
            canvas.putBar(part, .plain, in: canvas.area, line: line, column: 1, width: 4)
        }
        #expect(
            canvas.text(.none)
                == (isUnicode
                    ? ["", " ▏", " █", " █▎", " ████", " ████", " ████", ""]
                    : ["", " -", " #", " #", " ####", " ####", " ####", ""]))
    }

    @Test("uses the colours of the terminal")
    func colours() {
        var canvas = Canvas(lines: 1, columns: 9, isUnicode: true)
        canvas.put("a", .like(.error), in: canvas.area)
        canvas.put("b", .datacenter(1, false), in: canvas.area, column: 1)
        canvas.put("c", in: canvas.area, column: 3)
        #expect(canvas.text(.none) == ["ab c"])
        #expect(canvas.text(.sixteen) == ["\u{1b}[1;31ma\u{1b}[0m\u{1b}[33mb\u{1b}[0m c"])
        #expect(canvas.text(.many) == ["\u{1b}[1;31ma\u{1b}[0m\u{1b}[38;5;214mb\u{1b}[0m c"])
    }

    /// A terminal emulator with the escapes that a canvas uses.
    private struct StandInTerminal {
        var cells: [[String]]
        var (line, column) = (0, 0)

        init(lines: Int, columns: Int) {
            cells = Array(repeating: Array(repeating: "?", count: columns), count: lines)
        }

        mutating func take(_ text: String) {
            var rest = Substring(text).unicodeScalars
            while let scalar = rest.popFirst() {
                guard scalar == "\u{1b}" else {
                    put(scalar)
                    continue
                }
                rest.removeFirst()
                let parameters = rest.prefix { !("A"..."z" ~= $0) }
                rest = rest.dropFirst(parameters.count)
                let numbers = String(parameters).split(separator: ";").map { Int($0)! }
                switch rest.popFirst() {
                case "H": (line, column) = (numbers[0] - 1, numbers[1] - 1)
                case "G": column = numbers[0] - 1
                case "J": for line in cells.indices { cells[line] = cells[line].map { _ in " " } }
                default: break
                }
            }
        }

        private mutating func put(_ scalar: Unicode.Scalar) {
            let columns = displayColumns(String(scalar), isUnicode: true)
            if scalar.properties.generalCategory == .nonspacingMark {
                let place = cells[line][column - 1].isEmpty ? column - 2 : column - 1
                cells[line][place].unicodeScalars.append(scalar)
                return
            }
            // Overwriting half of a wide character erases the other half.
            if cells[line][column].isEmpty { cells[line][column - 1] = " " }
            let next = column + columns
            if next < cells[line].count, cells[line][next].isEmpty { cells[line][next] = " " }
            cells[line][column] = String(scalar)
            if columns == 2 { cells[line][column + 1] = "" }
            column += columns
        }
    }

    @Test("an update makes the terminal show the new picture")
    func updates() {
        var random = SeededGenerator(seed: Effort.seed)
        let words = ["", "a", "bb", "日本", "e\u{301}", "x日y", "\u{1b}[2J", "0123456789abcdef", "한국😀", " "]
        let styles: [Canvas.Style] = [.plain, .like(.error), .reversed, .land, .datacenter(3, true), .site(1)]
        for round in 0..<(200 * Effort.rounds) {
            let (lines, columns) = (random.number(1...6), random.number(1...20))
            var terminal = StandInTerminal(lines: lines, columns: columns)
            var shown: Canvas?
            for _ in 0..<6 {
                var canvas = shown ?? Canvas(lines: lines, columns: columns, isUnicode: true)
                for _ in 0..<random.number(0...4) {
                    canvas.put(
                        random.one(of: words), random.one(of: styles), in: canvas.area, line: random.number(0...lines),
                        column: random.number(0...columns))
                }
                terminal.take(canvas.update(from: shown, .many))
                let text = terminal.cells.map { line in
                    let end = line.lastIndex { $0 != " " }.map { $0 + 1 } ?? 0
                    return line[..<end].joined()
                }
                #expect(text == canvas.text(.none).map(withoutEnd), "seed \(Effort.seed), round \(round)")
                #expect(canvas.update(from: canvas, .many).isEmpty)
                shown = canvas
            }
        }
    }

    /// Without the spaces at its end, which may have a colour.
    private func withoutEnd(_ line: String) -> String {
        String(line[..<(line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex)])
    }
}
