import DNS

/// The range of a `$GENERATE` directive: `FIRST-LAST` or `FIRST-LAST/STEP`.
///
/// Source: BIND 9 Administrator Reference Manual, "BIND Primary File Extension: the $GENERATE Directive"
struct GenerateRange {
    let numbers: StrideThrough<Int>

    /// The largest number of records that a directive may generate.
    static let maxCount = 1 << 20

    /// A reason why a text is not a usable range.
    enum Unusable: Error {
        case malformed
        /// It has more numbers than `maxCount`, or numbers above 2^31 - 1.
        case tooLarge
    }

    init(_ text: Span<UInt8>) throws(Unusable) {
        var values = [0]
        var separators: [UInt8] = []
        for i in 0..<text.count {
            if isDigit(text[i]) {
                values[values.count - 1] = values[values.count - 1] * 10 + Int(text[i] - UInt8(ascii: "0"))
                guard values[values.count - 1] <= Int(Int32.max) else { throw .tooLarge }
            } else {
                separators.append(text[i])
                values.append(0)
            }
        }
        guard [Array("-".utf8), Array("-/".utf8)].contains(separators) else { throw .malformed }
        let step = values.count == 3 ? values[2] : 1
        guard values[0] <= values[1], step > 0 else { throw .malformed }
        guard (values[1] - values[0]) / step < Self.maxCount else { throw .tooLarge }
        numbers = stride(from: values[0], through: values[1], by: step)
    }
}

/// A token of a `$GENERATE` directive. `$` stands for the number, `${OFFSET,WIDTH,BASE}` for the number plus an offset
/// in the given format, and `\$` or `$$` for a dollar sign.
struct GenerateTemplate {
    private var parts: [Part] = []

    private enum Part {
        case text([UInt8])
        case number(offset: Int, width: Int, base: UInt8)
    }

    init?(_ text: Span<UInt8>, isQuoted: Bool) {
        var literal: [UInt8] = isQuoted ? [UInt8(ascii: "\"")] : []
        var i = 0
        while i < text.count {
            if text[i] == UInt8(ascii: "\\"), i + 1 < text.count {
                if text[i + 1] != UInt8(ascii: "$") { literal.append(text[i]) }
                literal.append(text[i + 1])
                i += 2
            } else if text[i] == UInt8(ascii: "$"), i + 1 < text.count, text[i + 1] == UInt8(ascii: "$") {
                literal.append(text[i])
                i += 2
            } else if text[i] == UInt8(ascii: "$") {
                parts.append(.text(literal))
                literal = []
                i += 1
                if i < text.count, text[i] == UInt8(ascii: "{") {
                    guard let (part, next) = Self.modifiers(text, from: i + 1) else { return nil }
                    parts.append(part)
                    i = next
                } else {
                    parts.append(.number(offset: 0, width: 0, base: UInt8(ascii: "d")))
                }
            } else {
                literal.append(text[i])
                i += 1
            }
        }
        if isQuoted { literal.append(UInt8(ascii: "\"")) }
        parts.append(.text(literal))
    }

    /// Reads `OFFSET[,WIDTH[,BASE]]}`, and returns the position after it.
    private static func modifiers(_ text: Span<UInt8>, from start: Int) -> (Part, next: Int)? {
        var end = start
        while end < text.count, text[end] != UInt8(ascii: "}") { end += 1 }
        guard end < text.count else { return nil }
        let inside = String(decoding: (start..<end).map { text[$0] }, as: UTF8.self)
        let fields = inside.split(separator: ",", omittingEmptySubsequences: false)
        guard 1...3 ~= fields.count, let offset = Int32(fields[0]) else { return nil }
        let width = fields.count > 1 ? UInt8(fields[1]) : 0
        let base = fields.count > 2 ? fields[2] : "d"
        guard let width, base.utf8.count == 1, let letter = base.utf8.first, "doxXnN".utf8.contains(letter) else {
            return nil
        }
        return (.number(offset: Int(offset), width: Int(width), base: letter), end + 1)
    }

    /// Appends the token for a number, and a space.
    func append(_ number: Int, to line: inout [UInt8]) {
        for part in parts {
            switch part {
            case .text(let text): line += text
            case .number(let offset, let width, let base): Self.append(number + offset, width, base, to: &line)
            }
        }
        line.append(UInt8(ascii: " "))
    }

    private static func append(_ value: Int, _ width: Int, _ base: UInt8, to line: inout [UInt8]) {
        let magnitude = value.magnitude
        switch base {
        case UInt8(ascii: "n"), UInt8(ascii: "N"):
            // Hexadecimal digits as labels, the lowest first, as in ip6.arpa; the width includes the dots.
            var digits = Array(String(magnitude, radix: 16, uppercase: base == UInt8(ascii: "N")).utf8)
            while 2 * digits.count - 1 < width { digits.insert(UInt8(ascii: "0"), at: 0) }
            line += digits.reversed().map { [$0] }.joined(separator: [UInt8(ascii: ".")])
        default:
            let radix = base == UInt8(ascii: "o") ? 8 : base == UInt8(ascii: "d") ? 10 : 16
            let digits = String(magnitude, radix: radix, uppercase: base == UInt8(ascii: "X")).utf8
            if value < 0 { line.append(UInt8(ascii: "-")) }
            for _ in 0..<max(0, width - digits.count - (value < 0 ? 1 : 0)) { line.append(UInt8(ascii: "0")) }
            line += digits
        }
    }
}
