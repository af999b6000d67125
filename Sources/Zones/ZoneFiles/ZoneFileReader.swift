import DNS
import Glibc
import Platform

/// Reads zone files (master files: RFC 1035 section 5, RFC 2308 section 4 for `$TTL`, RFC 3597 for unknown types), and
/// collects what is wrong with them instead of stopping.
struct ZoneFileReader {
    /// What was read, and the complaints.
    var contents: ZoneContents
    /// All files that were read, the zone's own first.
    private(set) var files: [SourceFile] = []
    /// The paths of files that could not be read.
    private(set) var missing: [String] = []
    /// The zone file's folder as it is named; ends with a slash.
    private var namedFolder = ""
    /// The first `$TTL`, in seconds.
    private(set) var firstDefaultTTL: UInt32?

    /// The folder that nothing is included from outside of, with all links resolved; ends with a slash.
    private var folder = ""
    /// The files that are being read, each included by the one before.
    private var reading: [Int] = []
    private var origin: DomainName {
        didSet {
            originText = Self.text(ofOrigin: origin)
            originKey = Self.key(ofOrigin: origin, in: contents.apex)
        }
    }
    /// The origin as it is written, in lower case; empty if it has a single label, with which a name may well end.
    private var originText: [UInt8] = []
    /// The key of the origin; empty if it is the root, or not in the zone.
    private var originKey: [UInt8] = []
    /// The names of which it was said that they have the origin twice.
    private var repeatedOwners: Set<Int32> = []
    private var owner = Owner.none
    /// From the last `$TTL`, or from the configuration before the first.
    private var defaultTTL: UInt32?
    /// The TTL of the last record that had one.
    private var lastTTL: UInt32?
    private var data = RecordDataReader()
    private var wire: [UInt8] = []
    /// Where complaints point to while records are read that are not written in the file.
    private var generatedFrom: Int?
    private var hasWarnedOfGenerated = false

    /// Who has the next record, if it does not say.
    private enum Owner {
        case none, outside
        case name(Int32)
    }

    /// More files than this belong to no zone that was meant.
    private static let mostFiles = 1000

    /// - Parameter defaultTTL: for records that have no TTL, until the first `$TTL`, in seconds.
    init(_ contents: ZoneContents, defaultTTL: UInt32?) {
        self.contents = contents
        self.defaultTTL = defaultTTL
        origin = contents.apex
        originText = Self.text(ofOrigin: origin)
        originKey = Self.key(ofOrigin: origin, in: contents.apex)
    }

    private static func key(ofOrigin origin: DomainName, in apex: DomainName) -> [UInt8] {
        origin != .root && origin.isAtOrBelow(apex) ? origin.key : []
    }

    private static func text(ofOrigin origin: DomainName) -> [UInt8] { origin.labelCount > 1 ? origin.key : [] }

    /// Reads the zone file at `path`.
    ///
    /// - Parameter position: where the configuration names it.
    mutating func read(path: String, namedAt position: SourcePosition?) {
        do throws(SourceFile.Unreadable) {
            let file = try SourceFile(path: path)
            guard let real = realPath(of: path) else { throw SourceFile.Unreadable() }
            folder = String(real[...real.lastIndex(of: "/")!])
            namedFolder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
            read(file)
        } catch {
            contents.complain(.configuration(position), "cannot read the zone file \(path): \(error.reason)")
        }
    }

    private mutating func read(_ file: SourceFile) {
        reading.append(files.count)
        files.append(file)
        defer { reading.removeLast() }
        if let encoding = wideEncoding(file.bytes) {
            return complain(0, "the file is in \(encoding); save it in UTF-8")
        }
        if let start = file.bytes.baseAddress, let zero = memchr(start, 0, file.bytes.count) {
            let offset = UnsafeRawPointer(zero) - UnsafeRawPointer(start)
            return complain(offset, "a byte of value 0, which no text has; name a zone file in text form")
        }
        var lexer = ZoneFileLexer(file.bytes)
        while true {
            do throws(ZoneFileLexer.Failure) {
                guard try lexer.next() else { break }
                readEntry(lexer.words, startsWithBlank: lexer.startsWithBlank, in: file.bytes)
            } catch {
                complain(error.offset, error.message)
            }
        }
    }

    private mutating func readEntry(_ words: [Word], startsWithBlank: Bool, in bytes: UnsafeBufferPointer<UInt8>) {
        let first = words[0]
        if !startsWithBlank, !first.isQuoted, bytes[first.text.lowerBound] == UInt8(ascii: "$") {
            switch string(first, bytes).uppercased() {
            case "$ORIGIN": setOrigin(words, bytes)
            case "$TTL": setDefaultTTL(words, bytes)
            case "$INCLUDE": include(words, bytes)
            case "$GENERATE": generate(words, bytes)
            default:
                complain(
                    first, "unknown directive '\(string(first, bytes))'; there are $ORIGIN, $TTL, $INCLUDE, $GENERATE")
            }
        } else {
            readRecord(words, startsWithBlank: startsWithBlank, in: bytes)
        }
    }
}

// MARK: - Records

extension ZoneFileReader {
    private mutating func readRecord(_ words: [Word], startsWithBlank: Bool, in bytes: UnsafeBufferPointer<UInt8>) {
        if !startsWithBlank { setOwner(words[0], bytes) }
        var next = startsWithBlank ? 0 : 1
        var ttl: UInt32?
        var hasClass = false
        while next < words.count, !words[next].isQuoted {
            let word = words[next]
            let text = bytes.extracting(word.text)
            if ttl == nil, isDigit(text[0]), let seconds = seconds(text.span) {
                ttl = limited(seconds, word)
            } else if !hasClass, let isInternet = classIsInternet(text.span) {
                hasClass = true
                guard isInternet else {
                    return complain(word, "the class is '\(string(word, bytes))'; write IN, or leave it out")
                }
            } else {
                break
            }
            next += 1
        }
        guard next < words.count else {
            return complain(words[words.count - 1], "a record needs a type and data, such as www A 192.0.2.1")
        }
        guard let type = RecordType(bytes.extracting(words[next].text).span), type != .any else {
            return complain(
                words[next],
                "'\(string(words[next], bytes))' is no record type"
                    + (next > (startsWithBlank ? 0 : 1) ? "" : ", class or TTL")
                    + "; a record is written NAME TTL IN TYPE DATA"
            )
        }
        do throws(RecordDataError) {
            try data.read(words[(next + 1)...], in: bytes, type: type, names: .relative(to: origin))
        } catch {
            // The error's word is counted among those of the data, and may be one that is missing.
            let word = words[min(next + 1 + error.word, words.count - 1)]
            let message = "\(type): \(error.reason)"
            if case .unservable = error.reason { return warn(word, message) }
            return complain(word, message)
        }
        for warning in data.warnings {
            warn(words[min(next + 1 + warning.word, words.count - 1)], "\(type): \(warning.message)")
        }
        append(type, ttl, place: words[next])
    }

    /// Adds the record whose data was read.
    private mutating func append(_ type: RecordType, _ ttl: UInt32?, place: Word) {
        if let ttl { lastTTL = ttl }
        // RFC 1035 knows the last TTL only, RFC 2308 the default; a zone with neither has that of its SOA record.
        var used = ttl ?? defaultTTL ?? lastTTL
        if used == nil, type == .soa {
            used = data.wire.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
            lastTTL = used
            warn(place, "the zone has no TTL; using the SOA's minimum. Write $TTL 3600, or what fits, before it")
        }
        guard let used else {
            return complain(place, "the record has no TTL; write $TTL 3600 as the file's first line")
        }
        switch owner {
        case .none: complain(place, "the record has no owner: it begins with a blank, and no record is before it")
        case .outside: break
        case .name(0) where type == .ds: warn(place, ZoneContents.dsAtApex)
        case .name(let name) where type == .soa && name != 0:
            warn(
                place,
                "an SOA record at \(contents.names.text(of: Int(name))), which is not the top of the zone; it is left out"
            )
        case .name(let name):
            let text = data.text
            contents.append(
                name: name, type: type, ttl: used, text: text.span, place: self.place(place.text.lowerBound))
        }
    }

    private mutating func setOwner(_ word: Word, _ bytes: UnsafeBufferPointer<UInt8>) {
        if isPlainLabel(bytes.extracting(word.text)) {
            let name = contents.insert(label: bytes.extracting(word.text), below: originKey)
            owner = .name(name)
            return warnOfRepeatedOrigin(word, bytes, name)
        }
        wire.removeAll(keepingCapacity: true)
        do throws(NameError) {
            try DomainName.appendWire(bytes.extracting(word.text).span, relativeTo: origin, to: &wire)
        } catch {
            // What follows belongs to nobody; one complaint is enough.
            owner = .outside
            return complain(word, "'\(string(word, bytes))' is no name: \(error)")
        }
        let name = wire
        if let name = contents.insert(wire: name.span) {
            owner = .name(name)
            warnOfRepeatedOrigin(word, bytes, name)
        } else {
            owner = .outside
            warn(
                word,
                "\(string(word, bytes)) is not in the zone \(contents.apex), and left out; a name without final dot is below \(origin)"
            )
        }
    }

    /// Whether a word is the only label of a name below the origin, and stands in a key as it is, but for its case. Most owners are
    /// like that.
    private func isPlainLabel(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !originKey.isEmpty, 1...63 ~= text.count, text.count + 1 + origin.wire.count <= 255,
            text.count > 1 || text[0] != UInt8(ascii: "@")
        else { return false }
        return text.allSatisfy { 0x21...0x7e ~= $0 && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "\\") }
    }

    /// Warns of an owner that ends in the name of the origin, which is added to it once more: a final dot was forgotten.
    private mutating func warnOfRepeatedOrigin(_ word: Word, _ bytes: UnsafeBufferPointer<UInt8>, _ name: Int32) {
        guard ends(word, with: originText, bytes), !repeatedOwners.contains(name) else { return }
        repeatedOwners.insert(name)
        let text = string(word, bytes)
        warn(
            word,
            "'\(text)' has no final dot and is \(text).\(origin), with the name of the zone twice; write '\(text).', or '\(text).\(origin).' if that is meant"
        )
    }

    /// Whether a word is `suffix`, which is in lower case, or that behind a dot.
    private func ends(_ word: Word, with suffix: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let rest = word.text.count - suffix.count
        guard !suffix.isEmpty, rest >= 0 else { return false }
        let start = word.text.lowerBound + rest
        guard rest == 0 || bytes[start - 1] == UInt8(ascii: ".") else { return false }
        for i in suffix.indices.reversed() where lowerCase(bytes[start + i]) != suffix[i] { return false }
        return true
    }

    /// RFC 8767 section 4: 32 bits, of which the highest does not make it 0, as RFC 2181 section 8 had it. Resolvers that go by
    /// RFC 2181 still take it for 0, so that it is capped.
    private mutating func limited(_ seconds: UInt64, _ word: Word) -> UInt32 {
        guard seconds > Int32.max else { return UInt32(seconds) }
        guard seconds <= UInt32.max else {
            complain(word, "a TTL has no more than 32 bits; write at most 2147483647")
            return 0
        }
        warn(
            word,
            "a TTL above 2147483647, which is served in its place, since older resolvers take a larger one for 0 (RFC 8767 section 4); write a smaller one"
        )
        return UInt32(Int32.max)
    }
}

/// Whether a word names the class IN; `nil` if it names no class at all (RFC 1035 section 3.2.4, RFC 3597 section 5).
private func classIsInternet(_ text: Span<UInt8>) -> Bool? {
    func has(_ name: StaticString) -> Bool {
        guard text.count >= name.utf8CodeUnitCount else { return false }
        for i in 0..<name.utf8CodeUnitCount where lowerCase(text[i]) != name.utf8Start[i] { return false }
        return true
    }
    switch text.count {
    case 2: return has("in") ? true : has("ch") || has("hs") || has("cs") ? false : nil
    case 6...10:
        guard has("class") else { return nil }
        for i in 5..<text.count where !isDigit(text[i]) { return nil }
        return text.count == 6 && text[5] == UInt8(ascii: "1")
    default: return nil
    }
}

// MARK: - Directives

extension ZoneFileReader {
    private mutating func setOrigin(_ words: [Word], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard words.count == 2 else { return complain(words[0], "$ORIGIN needs one name; write $ORIGIN example.com.") }
        if ends(words[1], with: originText, bytes) {
            let text = string(words[1], bytes)
            warn(
                words[1],
                "'\(text)' has no final dot and is \(text).\(origin); write $ORIGIN \(text)., or a final dot behind the longer name"
            )
        }
        if let name = name(words[1], bytes) { origin = name }
    }

    private mutating func setDefaultTTL(_ words: [Word], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard words.count == 2, let time = seconds(bytes.extracting(words[1].text).span) else {
            return complain(words[words.count > 1 ? 1 : 0], "$TTL needs one time; write $TTL 3600, or $TTL 1h")
        }
        let seconds = limited(time, words[1])
        defaultTTL = seconds
        firstDefaultTTL = firstDefaultTTL ?? seconds
    }

    private mutating func include(_ words: [Word], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard 2...3 ~= words.count else {
            return complain(words[0], "$INCLUDE needs a file, and may have an origin; write $INCLUDE hosts.inc")
        }
        var inner = origin
        if words.count == 3 {
            guard let name = name(words[2], bytes) else { return }
            inner = name
        }
        let path = string(words[1], bytes)
        let place = path.hasPrefix("/") ? path : folder + path
        let name = path.hasPrefix("/") ? path : namedFolder + path
        guard let real = realPath(of: place) else {
            missing.append(name)
            return complain(words[1], "cannot read '\(path)': \(String(cString: strerror(errno)))")
        }
        guard real.hasPrefix(folder) else {
            return complain(words[1], "'\(path)' is outside of the zone file's folder; put it into \(folder)")
        }
        guard files.count < Self.mostFiles else {
            return complain(words[1], "a zone has at most \(Self.mostFiles) files; put some into one")
        }
        do throws(SourceFile.Unreadable) {
            let file = try SourceFile(path: real, name: name, within: folder)
            guard !reading.contains(where: { files[$0].path == real || files[$0].identity == file.identity }) else {
                return complain(words[1], "'\(path)' includes itself; take one $INCLUDE out")
            }
            // An included file changes neither origin nor owner of the one around it.
            let outer = (origin, owner)
            origin = inner
            read(file)
            (origin, owner) = outer
        } catch {
            missing.append(name)
            complain(words[1], "cannot read '\(path)': \(error.reason)")
        }
    }

    private mutating func name(_ word: Word, _ bytes: UnsafeBufferPointer<UInt8>) -> DomainName? {
        do throws(NameError) {
            return try DomainName(bytes.extracting(word.text).span, relativeTo: origin)
        } catch {
            complain(word, "'\(string(word, bytes))' is no name: \(error)")
            return nil
        }
    }

    /// `$GENERATE FIRST-LAST[/STEP] OWNER [TTL] [CLASS] TYPE DATA`, BIND's shorthand for many records alike.
    private mutating func generate(_ words: [Word], _ bytes: UnsafeBufferPointer<UInt8>) {
        guard words.count >= 5, let range = GenerateRange(bytes.extracting(words[1].text).span) else {
            return complain(
                words[0], "$GENERATE needs a range and a record; write $GENERATE 1-100 host$ A 192.0.2.$")
        }
        var template: [GenerateTemplate] = []
        for position in 2..<words.count {
            let word = words[position]
            // Data of several words is quoted as a whole.
            let isAllData =
                position == words.count - 1 && RecordType(bytes.extracting(words[position - 1].text).span) != nil
            let isQuoted = word.isQuoted && !isAllData
            guard let part = GenerateTemplate(bytes.extracting(word.text).span, isQuoted: isQuoted) else {
                return complain(word, "'\(string(word, bytes))' has a ${ that is not ${OFFSET,WIDTH,BASE}")
            }
            template.append(part)
        }
        generatedFrom = words[0].text.lowerBound
        defer { (generatedFrom, hasWarnedOfGenerated) = (nil, false) }
        var line: [UInt8] = []
        for number in range.numbers {
            let problems = contents.problems.count
            line.removeAll(keepingCapacity: true)
            for part in template { part.append(number, to: &line) }
            line.withUnsafeBufferPointer { line in
                var lexer = ZoneFileLexer(line)
                do throws(ZoneFileLexer.Failure) {
                    if try lexer.next() { readRecord(lexer.words, startsWithBlank: false, in: line) }
                } catch {
                    complain(error.offset, error.message)
                }
            }
            // What is wrong with one is wrong with many, and all of them are in one place.
            if contents.problems.count > problems, !contents.problems.last!.isWarning { return }
        }
    }
}

// MARK: - Complaints

extension ZoneFileReader {
    private func place(_ offset: Int) -> ZoneContents.Place {
        .file(Int32(reading.last ?? 0), offset: generatedFrom ?? offset)
    }

    private mutating func complain(_ offset: Int, _ message: String) { contents.complain(place(offset), message) }

    private mutating func complain(_ word: Word, _ message: String) { complain(word.text.lowerBound, message) }

    private mutating func warn(_ word: Word, _ message: String) {
        if generatedFrom != nil {
            guard !hasWarnedOfGenerated else { return }
            hasWarnedOfGenerated = true
        }
        contents.warn(place(word.text.lowerBound), message)
    }

    private func string(_ word: Word, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
        String(decoding: bytes[word.text], as: UTF8.self)
    }
}

/// The path without links; `nil`, with errno set, if there is nothing.
func realPath(of path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
}
