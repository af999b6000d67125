import Configuration
import DNS
import Glibc
import Platform

/// A character of a settings file, and where it stands.
struct Glyph {
    var character: Character
    var place: Place

    /// What pdns takes for white space.
    var isSpace: Bool { character.isASCII && character.utf8.allSatisfy { isspace(CInt($0)) != 0 } }
}

/// Where something stands.
struct Place: Hashable {
    var file: String
    var position: Complaint.Position
}

/// A line of a settings file: `name=value`, `name+=value`, or `name`, which is `name=`.
struct Statement {
    var name: String
    var value: [Glyph]
    /// Adds to the value that there is already.
    var appends: Bool
    var place: Place
}

/// What stands in a settings file, read as pdns reads it: lines that end with `\` go on in the next, a `#` at the start or
/// behind white space begins a comment, the first `+=` ends a name, else the first `=` does, and quotes mean nothing.
struct SettingsText {
    private(set) var statements: [Statement] = []
    private(set) var complaints: [Complaint] = []

    init(_ bytes: [UInt8], file: String) {
        var continued: [Glyph] = []
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for (number, bytes) in zip(1..., lines) {
            var line = glyphs(bytes, file: file, line: number)[...].trimmedRight
            if line.last?.character == "\\" {
                continued += line.dropLast()
                continue
            }
            line = continued + line
            continued = []
            addStatement(withoutComment(line))
        }
        if let first = continued.first(where: { !$0.isSpace }) {
            warn(first.place, "the file ends behind a \\, and pdns drops this line; take the \\ away")
        }
    }

    private mutating func addStatement(_ line: ArraySlice<Glyph>) {
        let line = line.trimmedLeft.trimmedRight
        let equals = line.firstIndex { $0.character == "=" }
        let plus = line.indices.dropLast().first { line[$0].character == "+" && line[$0 + 1].character == "=" }
        let name = line[..<(plus ?? equals ?? line.endIndex)].trimmedRight
        guard let first = name.first else { return }
        let value = plus.map { line[($0 + 2)...] } ?? equals.map { line[($0 + 1)...] } ?? []
        statements.append(
            Statement(
                name: String(name.map(\.character)), value: Array(value.trimmedLeft), appends: plus != nil,
                place: first.place))
    }

    /// Only the first `#` of a line can begin a comment.
    private mutating func withoutComment(_ line: ArraySlice<Glyph>) -> ArraySlice<Glyph> {
        guard let hash = line.firstIndex(where: { $0.character == "#" }),
            hash == line.startIndex || line[hash - 1].isSpace
        else { return line }
        let row = line[hash].place.position.line
        if let swallowed = line[hash...].first(where: { $0.place.position.line != row && !$0.isSpace }),
            swallowed.character != "#"
        {
            warn(
                swallowed.place,
                "the comment above ends with a \\, and pdns takes this line for a part of it; take the \\ away")
        }
        return line[..<hash]
    }

    private mutating func warn(_ place: Place, _ message: String) {
        complaints.append(Complaint(file: place.file, position: place.position, message: message, isWarning: true))
    }
}

private func glyphs(_ bytes: ArraySlice<UInt8>, file: String, line: Int) -> [Glyph] {
    // A byte that is not UTF-8, as in a comment of old, is no reason not to read the rest.
    zip(1..., String(decoding: bytes, as: UTF8.self)).map { column, character in
        Glyph(character: character, place: Place(file: file, position: .init(line: line, column: column)))
    }
}

extension ArraySlice<Glyph> {
    var trimmedLeft: Self { drop(while: \.isSpace) }

    var trimmedRight: Self { self[..<(lastIndex { !$0.isSpace }.map { $0 + 1 } ?? startIndex)] }
}
