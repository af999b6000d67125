import DNS
import Glibc
import Platform

/// Reads zone files (master files: RFC 1035 section 5, RFC 2308 section 4 for `$TTL`, RFC 3597 for unknown types). It
/// does not stop at an error, but collects diagnostics.
struct ZoneFileReader {
    /// The names and records that were read, and the diagnostics.
    var contents: ParsedZone
    /// All files that were read, the zone's own first.
    private(set) var files: [SourceFile] = []
    /// The paths of files that could not be read.
    var missing: [String] = []
    /// The folder of the zone file as the configuration names it; ends with a slash.
    var namedFolder = ""
    /// The first `$TTL`, in seconds.
    var firstDefaultTTL: UInt32?

    /// The folder that all included files must be in or below, with symbolic links resolved; ends with a slash.
    var folder = ""
    /// The stack of files that are being read, each included by the one before.
    var reading: [Int] = []
    var origin: DomainName {
        didSet {
            originText = Self.text(ofOrigin: origin)
            originKey = Self.key(ofOrigin: origin, in: contents.apex)
        }
    }
    /// The key of the origin, to detect that it was appended twice; empty if it has a single label, because names often
    /// end with that on purpose.
    var originText: [UInt8] = []
    /// The key of the origin; empty if it is the root, or not in the zone.
    var originKey: [UInt8] = []
    /// The names that have been warned about because they end with the origin twice.
    var repeatedOwners: Set<Int32> = []
    var owner = Owner.none
    /// The TTL of the last `$TTL`; before the first one, that of the configuration.
    var defaultTTL: UInt32?
    /// The TTL of the last record that had one.
    var lastTTL: UInt32?
    var data = RecordDataReader()
    var wire: [UInt8] = []
    /// The offset of the `$GENERATE` directive whose records are being read; their diagnostics refer to it.
    var generatedFrom: Int?
    var hasWarnedOfGenerated = false

    /// The owner of the next record that begins with a space.
    enum Owner {
        case none, outside
        case name(Int32)
    }

    /// The largest number of files of a zone, which bounds the work for a file that includes many others.
    static let maxFiles = 1000

    /// Makes a reader.
    ///
    /// - Parameter defaultTTL: the TTL in seconds of records without one before the first `$TTL`.
    init(_ contents: ParsedZone, defaultTTL: UInt32?) {
        self.contents = contents
        self.defaultTTL = defaultTTL
        origin = contents.apex
        originText = Self.text(ofOrigin: origin)
        originKey = Self.key(ofOrigin: origin, in: contents.apex)
    }

    static func key(ofOrigin origin: DomainName, in apex: DomainName) -> [UInt8] {
        origin != .root && origin.isAtOrBelow(apex) ? origin.key : []
    }

    static func text(ofOrigin origin: DomainName) -> [UInt8] { origin.labelCount > 1 ? origin.key : [] }

    /// Reads the zone file at `path`.
    ///
    /// - Parameter position: where the configuration names the file.
    mutating func read(path: String, namedAt position: SourcePosition?) {
        do throws(SourceFile.Unreadable) {
            let file = try SourceFile(path: path)
            guard let real = realPath(of: path) else { throw SourceFile.Unreadable() }
            folder = String(real[...real.lastIndex(of: "/")!])
            namedFolder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
            read(file)
        } catch {
            contents.diagnose(.configuration(position), "cannot read the zone file \(path): \(error.reason)")
        }
    }

    mutating func read(_ file: SourceFile) {
        reading.append(files.count)
        files.append(file)
        defer { reading.removeLast() }
        if let encoding = wideEncoding(file.bytes) {
            return diagnose(0, "the file is in \(encoding); save it in UTF-8")
        }
        if let start = file.bytes.baseAddress, let zero = memchr(start, 0, file.bytes.count) {
            let offset = UnsafeRawPointer(zero) - UnsafeRawPointer(start)
            return diagnose(offset, "a byte of value 0, so this is not a text file; name a zone file in text form")
        }
        var lexer = ZoneFileLexer(file.bytes)
        while true {
            do throws(ZoneFileLexer.Failure) {
                guard try lexer.next() else { break }
                readEntry(lexer.tokens, startsWithBlank: lexer.startsWithBlank, in: file.bytes)
            } catch {
                diagnose(error.offset, error.message)
            }
        }
    }

    private mutating func readEntry(_ tokens: [Token], startsWithBlank: Bool, in bytes: UnsafeBufferPointer<UInt8>) {
        let first = tokens[0]
        if !startsWithBlank, !first.isQuoted, bytes[first.text.lowerBound] == UInt8(ascii: "$") {
            switch string(first, bytes).uppercased() {
            case "$ORIGIN": setOrigin(tokens, bytes)
            case "$TTL": setDefaultTTL(tokens, bytes)
            case "$INCLUDE": include(tokens, bytes)
            case "$GENERATE": generate(tokens, bytes)
            default:
                diagnose(
                    first, "unknown directive '\(string(first, bytes))'; write $ORIGIN, $TTL, $INCLUDE or $GENERATE")
            }
        } else {
            readRecord(tokens, startsWithBlank: startsWithBlank, in: bytes)
        }
    }
}

// MARK: - Diagnostics

extension ZoneFileReader {
    func place(_ offset: Int) -> ParsedZone.Place {
        .file(Int32(reading.last ?? 0), offset: generatedFrom ?? offset)
    }

    mutating func diagnose(_ offset: Int, _ message: String) { contents.diagnose(place(offset), message) }

    mutating func diagnose(_ token: Token, _ message: String) { diagnose(token.text.lowerBound, message) }

    mutating func warn(_ token: Token, _ message: String) {
        if generatedFrom != nil {
            guard !hasWarnedOfGenerated else { return }
            hasWarnedOfGenerated = true
        }
        contents.warn(place(token.text.lowerBound), message)
    }

    func string(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
        String(decoding: bytes[token.text], as: UTF8.self)
    }
}

/// Returns the path with symbolic links resolved; `nil`, with the reason in `errno`, if there is no file.
func realPath(of path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
}
