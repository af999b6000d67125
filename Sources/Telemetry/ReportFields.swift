// The fields of the lines that coprocesses send to the agent.

/// Reads a non-negative number in digits; `nil` for any other text.
func fieldNumber(_ text: Substring) -> Int? {
    guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
    return Int(text)
}

/// Reads a decimal number, which may have a sign, a fraction and an exponent; `nil` for any other text.
func fieldDecimal(_ text: Substring) -> Double? {
    guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || ".-+e".utf8.contains($0) }) else {
        return nil
    }
    return Double(text)
}

/// Returns a name as a field: truncated to `Report.nameLimit` bytes, and escaped, which may double its length.
func escapedField(_ name: String) -> String {
    var end = name.endIndex
    if name.utf8.count > Report.nameLimit {
        end = name.utf8.index(name.startIndex, offsetBy: Report.nameLimit)
        while end.samePosition(in: name.unicodeScalars) == nil { name.utf8.formIndex(before: &end) }
    }
    var text = ""
    for scalar in name.unicodeScalars[..<end] {
        switch scalar {
        case "\t": text += "\\t"
        case "\n": text += "\\n"
        case "\\": text += "\\\\"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text
}

/// Reads a field that `escapedField` wrote; `nil` if it is invalid.
func fieldName(_ field: Substring) -> String? {
    var text = ""
    var scalars = field.unicodeScalars.makeIterator()
    while let scalar = scalars.next() {
        guard scalar == "\\" else {
            text.unicodeScalars.append(scalar)
            continue
        }
        switch scalars.next() {
        case "t": text += "\t"
        case "n": text += "\n"
        case "\\": text += "\\"
        default: return nil
        }
    }
    return text.utf8.count <= Report.nameLimit ? text : nil
}

/// Returns the sender of a datagram and the fields of its lines between the title and the end; `nil` if it is damaged,
/// too long, or of another kind.
func datagramLines(
    _ datagram: some Collection<UInt8>, title: String
) -> (sender: Report.Sender, lines: ArraySlice<[Substring]>)? {
    guard datagram.count <= Report.sizeLimit, let text = String(validating: datagram, as: UTF8.self),
        text.utf8.last == UInt8(ascii: "\n")
    else { return nil }
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        .map { $0.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { Substring($0) } }
    guard lines.count >= 2, lines.last == ["end"], lines[0].count == 3, lines[0][0] == title,
        let process = fieldNumber(lines[0][1]), let start = fieldNumber(lines[0][2])
    else { return nil }
    return (Report.Sender(process: process, start: start), lines.dropFirst().dropLast())
}
