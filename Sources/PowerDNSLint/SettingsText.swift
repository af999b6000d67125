import Configuration
import DNS
import Glibc
import Platform

/// A character of a settings file with its position.
struct SettingCharacter {
    var character: Character
    var place: SettingPosition

    /// Whether pdns treats the character as white space.
    var isSpace: Bool { character.isASCII && character.utf8.allSatisfy { isspace(CInt($0)) != 0 } }
}

/// A position in a settings file.
struct SettingPosition: Hashable {
    var file: String
    var position: Diagnostic.Position
}

/// A line of a settings file: `name=value`, `name+=value`, or `name`, which is `name=`.
struct Statement {
    var name: String
    var value: [SettingCharacter]
    /// Whether the line appends to the present value.
    var appends: Bool
    var place: SettingPosition
}

/// The lines of a settings file, parsed as pdns does: a line that ends with `\` continues in the next one, a `#` at the
/// start or after white space begins a comment, the first `+=` or else the first `=` ends a name, and quotation marks
/// have no meaning.
struct SettingsText {
    private(set) var statements: [Statement] = []
    private(set) var diagnostics: [Diagnostic] = []

    init(_ bytes: [UInt8], file: String) {
        var continued: [SettingCharacter] = []
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for (number, bytes) in zip(1..., lines) {
            var line = characters(bytes, file: file, line: number)[...].trimmedRight
            if line.last?.character == "\\" {
                continued += line.dropLast()
                continue
            }
            line = continued + line
            continued = []
            addStatement(withoutComment(line))
        }
        if let first = continued.first(where: { !$0.isSpace }) {
            warn(first.place, "the file ends after a \\, and pdns drops this line; take the \\ away")
        }
    }

    private mutating func addStatement(_ line: ArraySlice<SettingCharacter>) {
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

    /// Removes the comment. Only the first `#` of a line can begin one.
    private mutating func withoutComment(_ line: ArraySlice<SettingCharacter>) -> ArraySlice<SettingCharacter> {
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

    private mutating func warn(_ place: SettingPosition, _ message: String) {
        diagnostics.append(Diagnostic(file: place.file, position: place.position, message: message, isWarning: true))
    }
}

private func characters(_ bytes: ArraySlice<UInt8>, file: String, line: Int) -> [SettingCharacter] {
    // Bytes that are not UTF-8, as in an old comment, are replaced, so that the rest can be read.
    zip(1..., String(decoding: bytes, as: UTF8.self)).map { column, character in
        SettingCharacter(
            character: character, place: SettingPosition(file: file, position: .init(line: line, column: column)))
    }
}

extension ArraySlice<SettingCharacter> {
    var trimmedLeft: Self { drop(while: \.isSpace) }

    var trimmedRight: Self { self[..<(lastIndex { !$0.isSpace }.map { $0 + 1 } ?? startIndex)] }
}
