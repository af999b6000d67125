import DNS

/// Cuts a zone file into entries, and these into words (RFC 1035 section 5.1): comments, blanks, quoted strings, and
/// parentheses that let an entry go on over several lines.
struct ZoneFileLexer {
    /// The words of the entry that was read last.
    private(set) var words: [Word] = []
    /// Whether that entry began with a blank, which means: the same owner as before.
    private(set) var startsWithBlank = false

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    /// What breaks the rules of words, and where.
    struct Failure: Error {
        var offset: Int
        var message: String
    }

    /// - Parameter bytes: must outlive the lexer.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        // What some editors put before UTF-8.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// Reads the next entry that has words. After a failure the next line is the next to be read.
    ///
    /// - Returns: false at the end.
    mutating func next() throws(Failure) -> Bool {
        words.removeAll(keepingCapacity: true)
        while position < bytes.count, words.isEmpty {
            startsWithBlank = isBlank(bytes[position])
            do {
                try readEntry()
            } catch {
                while position < bytes.count, bytes[position] != lineFeed { position += 1 }
                throw error
            }
        }
        return !words.isEmpty
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
                    throw Failure(offset: position, message: "a ) without a ( before it; take it out")
                }
                position += 1
            case UInt8(ascii: "\""):
                let start = position + 1
                try skipString()
                words.append(Word(text: start..<(position - 1), isQuoted: true))
            default:
                try readWord()
            }
        }
        if let first = open.first {
            throw Failure(offset: first, message: "a ( that is never closed; write ) behind the entry's last word")
        }
    }

    private mutating func readWord() throws(Failure) {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case lineFeed, UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: ";"),
                UInt8(ascii: "("), UInt8(ascii: ")"):
                return words.append(Word(text: start..<position, isQuoted: false))
            case UInt8(ascii: "\""):
                // Blanks may be quoted inside of key="value" (RFC 9460 section 2.1).
                guard position > start, bytes[position - 1] == UInt8(ascii: "=") else {
                    return words.append(Word(text: start..<position, isQuoted: false))
                }
                try skipString()
            case UInt8(ascii: "\\"):
                try skipEscape()
            default:
                position += 1
            }
        }
        words.append(Word(text: start..<position, isQuoted: false))
    }

    /// Goes behind the quotation mark that ends the string beginning here.
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
            throw Failure(offset: position, message: "nothing behind a backslash; write \\\\ for a backslash itself")
        }
        position += 2
    }
}

private let lineFeed = UInt8(ascii: "\n")

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
