import DNS

/// Splits a zone file into entries, and entries into tokens (RFC 1035 section 5.1). It handles comments, quoted
/// strings, escapes, and parentheses that continue an entry over several lines.
struct ZoneFileLexer {
    /// The tokens of the entry that was read last.
    private(set) var tokens: [Token] = []
    /// Whether the entry began with a space or tab, which means that it has the owner of the entry before.
    private(set) var startsWithBlank = false

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    /// A lexical error and its position.
    struct Failure: Error {
        var offset: Int
        var message: String
    }

    /// - Parameter bytes: must outlive the lexer.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        // Skip the byte order mark that some editors write before UTF-8.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// Reads the next entry that has tokens. After an error, reading goes on with the next line.
    ///
    /// - Returns: false at the end.
    mutating func next() throws(Failure) -> Bool {
        tokens.removeAll(keepingCapacity: true)
        while position < bytes.count, tokens.isEmpty {
            startsWithBlank = isBlank(bytes[position])
            do {
                try readEntry()
            } catch {
                while position < bytes.count, bytes[position] != lineFeed { position += 1 }
                throw error
            }
        }
        return !tokens.isEmpty
    }

    private mutating func readEntry() throws(Failure) {
        var open: [Int] = []
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case lineFeed:
                position += 1
                if open.isEmpty { return }
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                position += 1
            case UInt8(ascii: ";"):
                while position < bytes.count, bytes[position] != lineFeed { position += 1 }
            case UInt8(ascii: "("):
                open.append(position)
                position += 1
            case UInt8(ascii: ")"):
                guard open.popLast() != nil else {
                    throw Failure(offset: position, message: "a ) without a ( before it; remove it")
                }
                position += 1
            case UInt8(ascii: "\""):
                let start = position + 1
                try skipString()
                tokens.append(Token(text: start..<(position - 1), isQuoted: true))
            default:
                try readWord()
            }
        }
        if let first = open.first {
            throw Failure(offset: first, message: "an unclosed (; write ) after the last field of the record")
        }
    }

    private mutating func readWord() throws(Failure) {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case lineFeed, UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: ";"),
                UInt8(ascii: "("), UInt8(ascii: ")"):
                return tokens.append(Token(text: start..<position, isQuoted: false))
            case UInt8(ascii: "\""):
                // key="value" may have quoted spaces (RFC 9460 section 2.1).
                guard position > start, bytes[position - 1] == UInt8(ascii: "=") else {
                    return tokens.append(Token(text: start..<position, isQuoted: false))
                }
                try skipString()
            case UInt8(ascii: "\\"):
                try skipEscape()
            default:
                position += 1
            }
        }
        tokens.append(Token(text: start..<position, isQuoted: false))
    }

    /// Skips past the closing quotation mark of the string that begins here.
    private mutating func skipString() throws(Failure) {
        let start = position
        position += 1
        while position < bytes.count, bytes[position] != lineFeed {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try skipEscape()
            default: position += 1
            }
        }
        throw Failure(offset: start, message: "a string without its closing quotation mark; write \" on the same line")
    }

    private mutating func skipEscape() throws(Failure) {
        guard position + 1 < bytes.count, bytes[position + 1] != lineFeed else {
            throw Failure(
                offset: position, message: "a backslash at the end of the line; write \\\\ for a backslash itself")
        }
        position += 2
    }
}

private let lineFeed = UInt8(ascii: "\n")

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
