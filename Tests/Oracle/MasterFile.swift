import Support

/// Writes a zone with random spellings, of all that RFC 1035 section 5, RFC 2308 section 4 and RFC 3597 section 5
/// allow.
struct MasterFileWriter {
    private var generator: SeededGenerator
    /// The files; the first one is the zone itself.
    private(set) var files: [(name: String, text: String)] = []
    private let name: String

    private var text = ""
    private var origin: Name
    /// The value of the last `$TTL`.
    private var defaultTTL: Int?
    /// The TTL of the last record, which is the default without `$TTL`.
    private var lastTTL: Int?
    /// The owner of a line that omits it.
    private var lastOwner: Name?
    private let newline: String
    /// The depth of `$INCLUDE`.
    private var depth = 0

    init(_ zone: MasterZone, name: String, using generator: inout SeededGenerator) {
        self.generator = generator
        self.name = name
        origin = zone.apex
        newline = generator.once(in: 6) ? "\r\n" : "\n"
        // The order of records has no meaning, but BIND needs another line between name servers and their addresses.
        var records = zone.records
        if generator.once(in: 3),
            let fixed = records.firstIndex(where: { $0.owner == RandomZones.first(in: zone.apex) })
        {
            records[(fixed + 1)...].shuffle(using: &self.generator)
        }
        if !self.generator.once(in: 5) { writeDefaultTTL(records[0].ttl) }
        write(records[...], in: zone.apex)
        if self.generator.once(in: 5), text.hasSuffix(newline) { text.removeLast() }
        files.insert((name, text), at: 0)
        generator = self.generator
    }

    // MARK: Entries

    private mutating func write(_ records: ArraySlice<ZoneRecord>, in apex: Name) {
        var position = records.startIndex
        while position < records.endIndex {
            let record = records[position]
            switch generator.number(0...40) {
            case 0: writeOrigin(near: record.owner)
            case 1 where depth == 0 && defaultTTL != nil: writeDefaultTTL(generator.one(of: Array(records)).ttl)
            case 2 where depth < 2 && position > 0:
                // The last line may lack its newline, but BIND refuses this line without one.
                let end = generator.number(position...min(position + 8, records.endIndex - 1))
                writeInclude(records[position..<end], in: apex)
                position = end
                continue
            case 3: text += generator.one(of: ["", "   ", "\t", "; a comment (with \"things\" in it", ";"]) + newline
            case 4 where apex != .root:
                // The TTL is omitted.
                text += "host.out-of-zone.test. 60 A 192.0.2.1\(comment())\(newline)"
                (lastOwner, lastTTL) = (nil, 60)
            default: break
            }
            let end = endOfRun(in: records, from: position)
            if end > position + 2, generator.once(in: 2) {
                writeRun(of: record, count: end - position)
                position = end
                continue
            }
            let previous = position > records.startIndex ? records[position - 1] : nil
            let isInSet =
                lastOwner == record.owner && previous?.owner == record.owner && previous?.data.type == record.data.type
            // All records of an RRset have the TTL of the first one.
            write(record, ttl: isInSet && generator.once(in: 20) ? 7 : record.ttl)
            // A repeated record counts once.
            if generator.once(in: 40), position > 0 { write(record, ttl: record.ttl) }
            position += 1
        }
    }

    /// Returns the end of the run of records whose addresses count upwards from 192.0.2.0.
    private func endOfRun(in records: ArraySlice<ZoneRecord>, from start: Int) -> Int {
        let first = records[start]
        guard first.owner.labels.joined().allSatisfy(isLetter) else { return start }
        var end = start
        while end < records.endIndex, records[end].owner == first.owner, records[end].data.type == 1,
            records[end].ttl == first.ttl, records[end].data.wire == [192, 0, 2, UInt8(end - start)]
        {
            end += 1
        }
        return end
    }

    /// Writes `$GENERATE`, a directive of BIND that pdns has too.
    private mutating func writeRun(of record: ZoneRecord, count: Int) {
        text += "$GENERATE 0-\(count - 1) \(record.owner) \(record.ttl) IN A 192.0.2.$\(comment())\(newline)"
        // Whether the owner and the TTL stay in force afterwards is unspecified.
        (lastOwner, lastTTL) = (nil, nil)
    }

    private mutating func writeDefaultTTL(_ ttl: Int) {
        text += "\(generator.one(of: ["$TTL", "$TTL", "$ttl"]))\(blank())\(time(ttl))\(comment())\(newline)"
        defaultTTL = ttl
    }

    private mutating func writeOrigin(near name: Name) {
        let ancestors = name.ancestors(to: .root)
        let next = generator.one(of: ancestors)
        text += "$ORIGIN\(blank())\(spelled(next))\(comment())\(newline)"
        origin = next
    }

    /// Writes `$INCLUDE`. The lines after it continue as if it were absent (RFC 1035 section 5.1).
    private mutating func writeInclude(_ records: ArraySlice<ZoneRecord>, in apex: Name) {
        let outside = (text, origin)
        text = ""
        let file = "\(name).\(files.count + 1).inc"
        var line = "$INCLUDE\(blank())\(generator.once(in: 3) ? "\"\(file)\"" : file)"
        if generator.once(in: 2) {
            let next = generator.one(of: (records.first?.owner ?? origin).ancestors(to: .root))
            line += "\(blank())\(spelled(next))"
            origin = next
        }
        files.append((file, ""))
        let number = files.count - 1
        (lastOwner, lastTTL) = (nil, nil)
        depth += 1
        write(records, in: apex)
        depth -= 1
        files[number].text = text
        text = outside.0 + line + comment() + newline
        origin = outside.1
        // Whether the owner and the TTL stay in force afterwards is unspecified.
        (lastOwner, lastTTL) = (nil, nil)
    }

    private mutating func write(_ record: ZoneRecord, ttl: Int) {
        var isOpen = false
        var line = ""
        if record.owner == lastOwner, !generator.once(in: 4) {
            line += gap(&isOpen)
        } else {
            line += spelled(record.owner) + gap(&isOpen)
        }
        lastOwner = record.owner
        var words: [String] = []
        if ttl != defaultTTL ?? lastTTL || generator.once(in: 4) {
            words.append(time(ttl))
            lastTTL = ttl
        }
        if generator.once(in: 3) { words.append(generator.one(of: ["IN", "IN", "in", "CLASS1"])) }
        if generator.once(in: 2) { words.reverse() }
        words.append(type(of: record.data))
        words += self.words(of: record.data)
        for word in words { line += "\(word)\(gap(&isOpen))" }
        text += line + (isOpen ? ")" : "") + comment() + newline
    }

    /// Returns the white space between two tokens: a line may end where a parenthesis is open.
    private mutating func gap(_ isOpen: inout Bool) -> String {
        let gap = generator.one(of: [" ", " ", " ", "\t", "  \t "])
        if isOpen { return generator.once(in: 3) ? "\(comment())\(newline)\(gap)" : gap }
        isOpen = generator.once(in: 12)
        return isOpen ? gap + generator.one(of: ["(", "( ", "( ; (\(newline)"]) : gap
    }

    // MARK: Tokens

    private mutating func type(of data: RecordData) -> String {
        let name = generator.once(in: 12) ? "TYPE\(data.type)" : data.plainType
        return generator.once(in: 8) ? name.lowercased() : name
    }

    private mutating func words(of data: RecordData) -> [String] {
        if data.isGeneric || generator.once(in: 15) {
            let wire = data.wire
            return ["\\#", "\(wire.count)"] + pieces(of: wire.map(hexadecimal).joined())
        }
        return data.fields.enumerated().flatMap { index, field -> [String] in
            switch field {
            // The timers of an SOA record.
            case .number(let number, _): return [data.type == 6 && index > 2 ? time(number) : "\(number)"]
            case .name(let name): return [spelled(name)]
            case .string(let bytes): return [spelled(bytes)]
            case .rest(let bytes): return [quoted(bytes)]
            case .base16(let bytes): return pieces(of: bytes.map(hexadecimal).joined())
            case .base64(let bytes): return pieces(of: base64(bytes))
            case .words(let spellings, _): return [generator.one(of: spellings)]
            }
        }
    }

    /// Returns a text split at random positions.
    private mutating func pieces(of text: String) -> [String] {
        guard text.count > 1, generator.once(in: 2) else { return text.isEmpty ? [] : [text] }
        let middle = text.index(text.startIndex, offsetBy: generator.number(1...text.count - 1))
        return [String(text[..<middle])] + pieces(of: String(text[middle...]))
    }

    /// Returns a time in seconds, or with units.
    private mutating func time(_ seconds: Int) -> String {
        guard generator.once(in: 2), seconds > 0 else { return "\(seconds)" }
        var rest = seconds
        var text = ""
        for (unit, letter) in [(604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] where rest >= unit {
            guard !generator.once(in: 3) || unit == 1 else { continue }
            text += "\(rest / unit)\(generator.once(in: 3) ? letter.uppercased() : letter)"
            rest %= unit
        }
        return text
    }

    /// Returns a name, absolute or relative to the origin, with the necessary escapes and some others.
    private mutating func spelled(_ name: Name) -> String {
        // A relative name has the letter case of the origin.
        let isBelow = name.labels.suffix(origin.labels.count) == origin.labels[...]
        if isBelow, name == origin, generator.once(in: 2) { return "@" }
        let isRelative = isBelow && name != origin && !generator.once(in: 4)
        let labels = isRelative ? Array(name.labels.dropLast(origin.labels.count)) : name.labels
        guard !labels.isEmpty else { return "." }
        let text = labels.map { label in label.map { spelled($0) }.joined() }.joined(separator: ".")
        return isRelative ? text : text + "."
    }

    private mutating func spelled(_ string: [UInt8]) -> String {
        let isPlain = !string.isEmpty && generator.once(in: 3)
        guard !isPlain else { return string.map { spelled($0) }.joined() }
        let text = string.map { byte in
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                generator.once(in: 3) ? decimalEscape(byte) : "\\" + character(byte)
            case 0x20...0x7e: generator.once(in: 30) && !isDigit(byte) ? "\\" + character(byte) : character(byte)
            default: decimalEscape(byte)
            }
        }
        return "\"\(text.joined())\""
    }

    /// Returns one byte outside quotation marks.
    private mutating func spelled(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "*"):
            generator.once(in: 60) ? decimalEscape(byte) : character(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character(byte)
        // A token that begins with `\#` announces data in the form of RFC 3597.
        case UInt8(ascii: "#"): decimalEscape(byte)
        case 0x21...0x7e: generator.once(in: 2) ? decimalEscape(byte) : "\\" + character(byte)
        default: decimalEscape(byte)
        }
    }

    private func character(_ byte: UInt8) -> String { String(UnicodeScalar(byte)) }

    private mutating func blank() -> String { generator.one(of: [" ", "\t", "   "]) }

    private mutating func comment() -> String {
        generator.once(in: 8) ? generator.one(of: [" ; comment", ";", "\t;\"(;)\\"]) : ""
    }
}
