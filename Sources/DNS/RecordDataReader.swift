import Glibc
import Platform

/// A word of a zone file: a run of characters between blanks, or a quoted string.
package struct Word {
    /// Where it is in its source, without quotation marks around it. Escapes are still in it.
    package var text: Range<Int>
    package var isQuoted: Bool

    package init(text: Range<Int>, isQuoted: Bool) {
        self.text = text
        self.isQuoted = isQuoted
    }
}

/// How names in records are read that have no final dot.
package enum NameRule {
    /// They are relative to a name, as in zone files (RFC 1035 section 5.1).
    case relative(to: DomainName)
    /// A single label is in this zone; what has several is refused, since some mean it as it is, and some below the zone.
    /// Without zone, all names must be absolute.
    case unambiguous(in: DomainName?)
}

/// What is wrong with the data of a record, and where.
package struct RecordDataError: Error {
    /// The number of the word that is wrong, from 0; as many as there are words if one is missing at their end.
    package let word: Int
    package let reason: ContentError
}

/// What was changed in the data of a record, or what clients make no use of, and where.
package struct RecordDataWarning {
    /// The number of the word, from 0.
    package let word: Int
    package let message: String
}

/// Reads the data of records from words, into the form of messages and into the text that pdns takes from a backend.
///
/// To be kept, and used for many records: then it allocates no memory.
package struct RecordDataReader {
    /// The data as messages carry it, without compression: at most 65,535 bytes. Only after a `read` that succeeded.
    package private(set) var wire: [UInt8] = []
    /// The same as pdns takes it from a pipe backend: one line, without its end. Only after a `read` that succeeded.
    package private(set) var text: [UInt8] = []
    /// What is odd about the data that was read last. Only after a `read` that succeeded.
    package private(set) var warnings: [RecordDataWarning] = []
    /// The pdns that `text` is for; `nil` for the one that asks this process, which is looked for when a record needs it.
    private let dialect: RecordDialect?

    private var source = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private var words: ArraySlice<Word> = []
    /// The number of the word to be read next.
    private var next = 0
    private var layout = RecordType.a.layout
    private var types: [UInt16] = []
    private var value: [UInt8] = []

    package init(dialect: RecordDialect? = nil) { self.dialect = dialect }

    /// Reads what stands behind the type.
    ///
    /// - Parameter source: what the words are in.
    package mutating func read(
        _ words: ArraySlice<Word>, in source: UnsafeBufferPointer<UInt8>, type: RecordType, names: NameRule
    ) throws(RecordDataError) {
        if let refusal = type.refusal { throw RecordDataError(word: 0, reason: .refused(refusal)) }
        wire.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
        warnings.removeAll(keepingCapacity: true)
        (self.source, self.words) = (source, words)
        // Kept any longer, the words would have to be copied when the next ones are written in their place.
        defer { (self.source, self.words) = (UnsafeBufferPointer(start: nil, count: 0), []) }
        layout = type.layout
        next = 0
        let isGeneric: Bool
        do throws(ContentError) {
            isGeneric = try readGeneric()
            if !isGeneric {
                guard !layout.fields.isEmpty else { throw expected("\\# and the data in hexadecimal digits") }
                for field in layout.fields { try read(field, names) }
                guard next == words.count else {
                    next += 1
                    throw expected("no more words")
                }
            }
            guard wire.count < 1 << 16 else { throw .expected("at most 65535 bytes") }
        } catch {
            throw RecordDataError(word: max(next - 1, 0), reason: error)
        }
        if type.rawValue == 64 || type.rawValue == 65 { checkService(isGeneric: isGeneric) }
        var position = 0
        let data = wire
        do throws(ContentError) {
            try appendRecordText(ofWire: data.span, type: type, dialect: dialect, to: &text, field: &position)
        } catch {
            throw RecordDataError(word: min(isGeneric ? 2 : position, words.count - 1), reason: error)
        }
    }

    // MARK: - Words

    /// The complaint about the word that was read last.
    private func expected(_ what: String) -> ContentError {
        .expected("\(what), \(layout.fields.count == 1 ? "such as" : "as in") \(layout.example)")
    }

    private mutating func word(_ what: @autoclosure () -> String) throws(ContentError) -> UnsafeBufferPointer<UInt8> {
        next += 1
        guard next <= words.count else { throw expected(what()) }
        return UnsafeBufferPointer(rebasing: source[words[words.startIndex + next - 1].text])
    }

    /// Reads the form for unknown types, which all types may have (RFC 3597 section 5).
    ///
    /// - Returns: false, and nothing was read, if it is not that form.
    private mutating func readGeneric() throws(ContentError) -> Bool {
        guard let first = words.first, !first.isQuoted, source[first.text].elementsEqual("\\#".utf8) else {
            return false
        }
        next = 1
        guard let length = number(try word("the number of bytes"), max: 65_535) else {
            throw expected("the number of bytes, up to 65535")
        }
        try readHex()
        guard wire.count == length else { throw expected("\(length) bytes instead of \(wire.count)") }
        return true
    }

    // MARK: - Fields

    private mutating func read(_ field: RecordField, _ names: NameRule) throws(ContentError) {
        switch field {
        case .uint8: append(try readNumber(max: 0xff), bytes: 1)
        case .uint16: append(try readNumber(max: 0xffff), bytes: 2)
        case .uint32: append(try readNumber(max: 0xffff_ffff), bytes: 4)
        case .period: append(try readPeriod(), bytes: 4)
        case .time: append(try readTime(), bytes: 4)
        case .algorithm: append(try readNumber(max: 0xff, algorithms), bytes: 1)
        case .digest: append(try readNumber(max: 0xff, digests), bytes: 1)
        case .certificate: append(try readNumber(max: 0xffff, certificates), bytes: 2)
        case .type: append(UInt64(try readType().rawValue), bytes: 2)
        case .types: try readTypes()
        case .name: try readName(names)
        case .string: try readString()
        case .optionalString: if next < words.count { try readString() }
        case .strings:
            repeat { try readString(isSplit: true) } while next < words.count
        case .text: try appendUnescaped(try word("a text"))
        case .tag:
            let tag = try word("a property of letters and digits")
            guard 1...255 ~= tag.count, tag.allSatisfy(isLetterOrDigit) else {
                throw expected("a property of letters and digits")
            }
            append(UInt64(tag.count), bytes: 1)
            wire.append(contentsOf: tag)
        case .hex:
            let start = wire.count
            try readHex()
            if wire.count == start {
                next += 1
                throw expected("hexadecimal digits")
            }
        case .base64: try readBase64()
        case .salt: try readSalt()
        case .hash: try readHash()
        case .ipv4: try appendAddress(AF_INET, try word("an IPv4 address"))
        case .ipv6: try appendAddress(AF_INET6, try word("an IPv6 address"))
        case .eui48: try readHexGroups(count: 6, separator: "-")
        case .eui64: try readHexGroups(count: 8, separator: "-")
        case .locator: try readLocator()
        case .location: try readLocation()
        case .ipsec: try readIPSECKEY(names)
        case .prefixes:
            guard next < words.count else { throw .unservable("pdns takes no APL without a prefix") }
            repeat { try readPrefix() } while next < words.count
        case .parameters:
            let start = wire.count
            while next < words.count { try readParameter(start: start) }
        }
    }

    private mutating func append(_ number: UInt64, bytes: Int) {
        for shift in (0..<bytes).reversed() { wire.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * shift))) }
    }

    private mutating func readNumber(
        max: UInt64, _ mnemonics: KeyValuePairs<StaticString, UInt64> = [:]
    ) throws(ContentError) -> UInt64 {
        let word = try word("a number up to \(max)")
        if let number = number(word, max: max) { return number }
        for (mnemonic, number) in mnemonics where equals(word, mnemonic) { return number }
        throw expected(mnemonics.isEmpty ? "a number up to \(max)" : "a number up to \(max) or a name for it")
    }

    private mutating func readPeriod() throws(ContentError) -> UInt64 {
        guard let seconds = seconds(try word("a time in seconds").span), seconds <= 0xffff_ffff else {
            throw expected("a time of up to 4294967295 seconds, or such as 1h30m")
        }
        return seconds
    }

    private mutating func readTime() throws(ContentError) -> UInt64 {
        let what = "a time as YYYYMMDDHHmmSS, or in seconds since 1970"
        let word = try word(what)
        if word.count != 14 {
            guard let seconds = number(word, max: 0xffff_ffff) else { throw expected(what) }
            return seconds
        }
        func part(_ range: Range<Int>, _ allowed: ClosedRange<Int>) -> Int? {
            number(UnsafeBufferPointer(rebasing: word[range]), max: 9999).map { Int($0) }.flatMap {
                allowed.contains($0) ? $0 : nil
            }
        }
        guard let year = part(0..<4, 1970...9999), let month = part(4..<6, 1...12), let day = part(6..<8, 1...31),
            let hour = part(8..<10, 0...23), let minute = part(10..<12, 0...59), let second = part(12..<14, 0...59),
            day <= daysInMonth(month, of: year)
        else { throw expected(what) }
        // Modulo 2^32, as times of signatures are compared (RFC 1982).
        let days = daysSince1970(year: year, month: month, day: day)
        return UInt64(UInt32(truncatingIfNeeded: ((days * 24 + hour) * 60 + minute) * 60 + second))
    }

    private mutating func readType() throws(ContentError) -> RecordType {
        guard let type = RecordType(try word("a record type").span) else { throw expected("a record type") }
        return type
    }

    private mutating func readTypes() throws(ContentError) {
        types.removeAll(keepingCapacity: true)
        while next < words.count { types.append(try readType().rawValue) }
        types.sort()
        var window: UInt16?
        var lengthPosition = 0
        for type in types {
            if type >> 8 != window {
                window = type >> 8
                append(UInt64(type >> 8), bytes: 1)
                lengthPosition = wire.count
                wire.append(0)
            }
            let length = type >> 3 & 31 + 1
            while wire[lengthPosition] < length {
                wire.append(0)
                wire[lengthPosition] += 1
            }
            wire[wire.count - 1] |= 0x80 >> (type & 7)
        }
    }

    private mutating func readName(_ rule: NameRule) throws(ContentError) {
        let name = try word("a name")
        let origin: DomainName
        switch rule {
        case .relative(let base): origin = base
        case .unambiguous(let zone):
            guard isAbsolute(name) || zone != nil && !name.contains(UInt8(ascii: ".")) else {
                throw .noFinalDot(String(decoding: name, as: UTF8.self), origin: zone)
            }
            origin = zone ?? .root
        }
        do {
            try DomainName.appendWire(name.span, relativeTo: origin, to: &wire)
        } catch {
            throw .badName(String(decoding: name, as: UTF8.self), error)
        }
    }

    /// - Parameter isSplit: whether a text of more than 255 bytes may become several texts, which it does for pdns.
    private mutating func readString(isSplit: Bool = false) throws(ContentError) {
        let string = try word("a text")
        var lengthPosition = wire.count
        wire.append(0)
        try appendUnescaped(string)
        let count = wire.count - lengthPosition - 1
        if count > 255, isSplit {
            warn(
                "a text of \(count) bytes, of which one has at most 255 (RFC 1035 section 3.3); it is served in pieces of 255"
            )
            while wire.count - lengthPosition - 1 > 255 {
                wire[lengthPosition] = 255
                lengthPosition += 256
                wire.insert(0, at: lengthPosition)
            }
        }
        guard let length = UInt8(exactly: wire.count - lengthPosition - 1) else {
            throw expected("at most 255 bytes in each text")
        }
        wire[lengthPosition] = length
    }

    /// Warns of the word that was read last.
    private mutating func warn(_ message: String) {
        warnings.append(RecordDataWarning(word: max(next - 1, 0), message: message))
    }

    private mutating func appendUnescaped(_ text: UnsafeBufferPointer<UInt8>) throws(ContentError) {
        var i = 0
        while i < text.count {
            if text[i] != UInt8(ascii: "\\") {
                wire.append(text[i])
                i += 1
            } else {
                guard let (byte, next) = unescape(text.span, at: i) else {
                    throw expected("three digits up to 255 behind a backslash")
                }
                wire.append(byte)
                i = next
            }
        }
    }

    /// Reads all other words, if there are any.
    private mutating func readHex() throws(ContentError) {
        var high: UInt8?
        while next < words.count {
            for byte in try word("") {
                guard let digit = hexValue(byte) else { throw expected("hexadecimal digits") }
                if let first = high { wire.append(first << 4 | digit) }
                high = high == nil ? digit : nil
            }
        }
        guard high == nil else { throw expected("two hexadecimal digits for each byte") }
    }

    /// Reads all other words (RFC 4648 section 4).
    private mutating func readBase64() throws(ContentError) {
        var decoder = Base64Decoder()
        repeat { try append(try word("base64 digits"), &decoder) } while next < words.count
        guard decoder.isComplete else { throw expected("base64 digits, filled up with = to a multiple of four") }
    }

    private mutating func append(
        _ text: UnsafeBufferPointer<UInt8>, _ decoder: inout Base64Decoder
    ) throws(ContentError) {
        for digit in text {
            guard decoder.append(digit, to: &wire) else { throw expected("base64 digits") }
        }
    }

    private mutating func readSalt() throws(ContentError) {
        let salt = try word("a salt")
        if salt.elementsEqual("-".utf8) { return wire.append(0) }
        guard salt.count > 0, salt.count % 2 == 0, salt.count <= 510 else {
            throw expected("a salt of up to 255 bytes in hexadecimal digits, or -")
        }
        append(UInt64(salt.count / 2), bytes: 1)
        for i in stride(from: 0, to: salt.count, by: 2) {
            guard let high = hexValue(salt[i]), let low = hexValue(salt[i + 1]) else {
                throw expected("a salt in hexadecimal digits, or -")
            }
            wire.append(high << 4 | low)
        }
    }

    /// RFC 4648 section 7, without padding.
    private mutating func readHash() throws(ContentError) {
        let hash = try word("a hash in base32 digits")
        guard 1...255 ~= hash.count * 5 / 8 else {
            throw expected("a hash in base32 digits")
        }
        append(UInt64(hash.count * 5 / 8), bytes: 1)
        var bits: UInt32 = 0
        var count = 0
        for byte in hash {
            let value: UInt8
            switch lowerCase(byte) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "v"): value = lowerCase(byte) - UInt8(ascii: "a") + 10
            default: throw expected("a hash in base32 digits, 0 to 9 and A to V")
            }
            bits = bits << 5 | UInt32(value)
            count += 5
            if count >= 8 {
                count -= 8
                wire.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        guard count < 5, bits & (1 << UInt32(count) - 1) == 0 else { throw expected("a whole hash in base32 digits") }
    }

    private mutating func appendAddress(
        _ family: CInt, _ text: UnsafeBufferPointer<UInt8>
    ) throws(ContentError) {
        if family == AF_INET, let address = ipv4Address(text) { return append(UInt64(address), bytes: 4) }
        let size = family == AF_INET ? 4 : 16
        var address = in6_addr()
        let isAddress = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { copy in
            // What C reads ends at a 0.
            guard text.count < copy.count, !text.contains(0) else { return false }
            for i in 0..<text.count { copy[i] = CChar(bitPattern: text[i]) }
            copy[text.count] = 0
            return inet_pton(family, copy.baseAddress!, &address) == 1
        }
        guard isAddress else { throw expected(family == AF_INET ? "an IPv4 address" : "an IPv6 address") }
        withUnsafeBytes(of: &address) { wire.append(contentsOf: $0[..<size]) }
    }

    private mutating func readHexGroups(count: Int, separator: Unicode.Scalar) throws(ContentError) {
        func what() -> String { "\(count) bytes in hexadecimal digits with \(separator) between them" }
        let word = try word(what())
        guard word.count == 3 * count - 1 else { throw expected(what()) }
        for i in stride(from: 0, to: word.count, by: 3) {
            guard let high = hexValue(word[i]), let low = hexValue(word[i + 1]),
                i + 2 == word.count || word[i + 2] == UInt8(ascii: separator)
            else { throw expected(what()) }
            wire.append(high << 4 | low)
        }
    }

    private mutating func readLocator() throws(ContentError) {
        let what = "four numbers of up to four hexadecimal digits with : between them"
        var groups = 0
        var number: UInt64 = 0
        var digits = 0
        for byte in try word(what) {
            if byte == UInt8(ascii: ":"), digits > 0 {
                append(number, bytes: 2)
                groups += 1
                (number, digits) = (0, 0)
            } else {
                guard let digit = hexValue(byte), digits < 4 else { throw expected(what) }
                number = number << 4 | UInt64(digit)
                digits += 1
            }
        }
        guard groups == 3, digits > 0 else { throw expected(what) }
        append(number, bytes: 2)
    }

    private mutating func readIPSECKEY(_ names: NameRule) throws(ContentError) {
        append(try readNumber(max: 0xff), bytes: 1)
        let gateway = try readNumber(max: 3)
        append(gateway, bytes: 1)
        append(try readNumber(max: 0xff), bytes: 1)
        switch gateway {
        case 1: try read(.ipv4, names)
        case 2: try read(.ipv6, names)
        case 3: try read(.name, names)
        default:
            // What pdns reads from its own zone files has no dot here.
            if next < words.count, source[words[words.startIndex + next].text].elementsEqual(".".utf8) { next += 1 }
        }
        if next < words.count { try readBase64() }
    }

    private mutating func readPrefix() throws(ContentError) {
        let what = "a prefix, 1: for IPv4 or 2: for IPv6 before it and ! before that for an exception"
        var prefix = try word(what)
        let isNegated = prefix.first == UInt8(ascii: "!")
        if isNegated { prefix = UnsafeBufferPointer(rebasing: prefix.dropFirst()) }
        guard prefix.starts(with: "1:".utf8) || prefix.starts(with: "2:".utf8),
            let slash = prefix.firstIndex(of: UInt8(ascii: "/"))
        else { throw expected(what) }
        let isIPv4 = prefix[0] == UInt8(ascii: "1")
        guard let length = number(UnsafeBufferPointer(rebasing: prefix[(slash + 1)...]), max: isIPv4 ? 32 : 128) else {
            throw expected("a prefix length up to \(isIPv4 ? 32 : 128)")
        }
        append(isIPv4 ? 1 : 2, bytes: 2)
        append(length, bytes: 1)
        let lengthPosition = wire.count
        wire.append(0)
        try appendAddress(isIPv4 ? AF_INET : AF_INET6, UnsafeBufferPointer(rebasing: prefix[2..<slash]))
        // Bits behind the prefix are none of it, and no zeros are sent at the end.
        wire.removeSubrange((lengthPosition + 1 + (Int(length) + 7) / 8)...)
        if length % 8 != 0 { wire[wire.count - 1] &= ~(0xff >> UInt8(length % 8)) }
        while wire.count > lengthPosition + 1, wire[wire.count - 1] == 0 { wire.removeLast() }
        wire[lengthPosition] = UInt8(wire.count - lengthPosition - 1) | (isNegated ? 0x80 : 0)
    }
}

// MARK: - Places

extension RecordDataReader {
    /// RFC 1876 section 3.
    private mutating func readLocation() throws(ContentError) {
        let start = wire.count
        // Version, and what size and precision are if they are not given: 1 m, 10 km and 10 m.
        wire.append(contentsOf: [0, 0x12, 0x16, 0x13])
        try readAngle("N", "S", degrees: 90)
        try readAngle("E", "W", degrees: 180)
        let altitude = try readMetres(-10_000_000...4_284_967_295, "an altitude in metres from -100000 to 42849672.95")
        append(UInt64(altitude + 10_000_000), bytes: 4)
        for i in 1...3 where next < words.count {
            let centimetres = try readMetres(0...9_000_000_000, "a size in metres up to 90000000")
            var mantissa = centimetres
            var exponent: UInt8 = 0
            while mantissa > 9 {
                mantissa /= 10
                exponent += 1
            }
            wire[start + i] = UInt8(mantissa) << 4 | exponent
        }
    }

    /// Degrees, minutes if any, seconds if any, and a letter for the hemisphere.
    private mutating func readAngle(
        _ positive: Unicode.Scalar, _ negative: Unicode.Scalar, degrees: UInt64
    ) throws(ContentError) {
        var milliseconds: UInt64 = 0
        for count in 0... {
            func what() -> String {
                count == 0 ? "degrees up to \(degrees)" : "minutes, seconds, or \(positive) or \(negative)"
            }
            let word = try word(what())
            if count > 0, isLetter(word, positive) || isLetter(word, negative) {
                guard milliseconds <= degrees * 3_600_000 else { throw expected("at most \(degrees) degrees") }
                let sum = isLetter(word, positive) ? 1 << 31 + milliseconds : 1 << 31 - milliseconds
                return append(sum, bytes: 4)
            }
            let value = count < 2 ? number(word, max: count == 0 ? degrees : 59).map { $0 * 1_000 } : decimal(word, 3)
            guard count < 3, let value, value < 60_000 || count == 0 else { throw expected(what()) }
            switch count {
            case 0: milliseconds += value * 3_600
            case 1: milliseconds += value * 60
            default: milliseconds += value
            }
        }
    }

    private func isLetter(_ word: UnsafeBufferPointer<UInt8>, _ letter: Unicode.Scalar) -> Bool {
        word.count == 1 && lowerCase(word[0]) == lowerCase(UInt8(ascii: letter))
    }

    /// Centimetres, written as metres with up to two decimals, and `m` behind them or not.
    private mutating func readMetres(_ range: ClosedRange<Int64>, _ what: String) throws(ContentError) -> Int64 {
        var word = try word(what)
        let isNegative = word.first == UInt8(ascii: "-")
        if isNegative || word.first == UInt8(ascii: "+") { word = UnsafeBufferPointer(rebasing: word.dropFirst()) }
        if let last = word.last, lowerCase(last) == UInt8(ascii: "m") {
            word = UnsafeBufferPointer(rebasing: word.dropLast())
        }
        guard let size = decimal(word, 2), case let value = isNegative ? -Int64(size) : Int64(size),
            range.contains(value)
        else { throw expected(what) }
        return value
    }
}

// MARK: - Parameters of services

extension RecordDataReader {
    /// Drops the parameters of an alias, which clients ignore (RFC 9460 section 2.4.2) and pdns does not take, and warns of
    /// records that clients ignore. Of data that is malformed, writing it as text complains.
    private mutating func checkService(isGeneric: Bool) {
        var position = 2
        while position < wire.count, wire[position] != 0 { position += Int(wire[position]) + 1 }
        position += 1
        guard position < wire.count else { return }
        let start = position
        var keys: [UInt16] = []
        var mandatory: [UInt16] = []
        while position + 4 <= wire.count {
            let key = UInt16(wire[position]) << 8 | UInt16(wire[position + 1])
            let end = position + 4 + Int(wire[position + 2]) << 8 + Int(wire[position + 3])
            if key == 0, end <= wire.count {
                for i in stride(from: position + 4, to: end - 1, by: 2) {
                    mandatory.append(UInt16(wire[i]) << 8 | UInt16(wire[i + 1]))
                }
            }
            keys.append(key)
            position = end
        }
        guard position == wire.count else { return }
        next = isGeneric ? 1 : min(3, words.count)
        if wire[0] == 0, wire[1] == 0 {
            wire.removeSubrange(start...)
            return warn("an alias, of priority 0, has no parameters (RFC 9460 section 2.4.2); they are left out")
        }
        if keys.contains(2), !keys.contains(1) {
            warn(
                "no-default-alpn without alpn, and clients ignore the record (RFC 9460 section 7.1.1); write alpn, too")
        }
        if let missing = mandatory.first(where: { $0 == 0 || !keys.contains($0) }) {
            let name = Int(missing) < parameterNames.count ? parameterNames[Int(missing)] : "key\(missing)"
            warn(
                missing == 0
                    ? "'mandatory' lists itself, and clients ignore the record (RFC 9460 section 8); take it out of the list"
                    : "'mandatory' lists \(name), which the record lacks, and clients ignore it (RFC 9460 section 8); write \(name), too"
            )
        }
    }

    /// `key=value`, `key="value"` or `key` (RFC 9460 section 2.1); kept in the order of the keys, from `start` on.
    private mutating func readParameter(start: Int) throws(ContentError) {
        let what = "a parameter, such as alpn=h2 or key667=text"
        let word = try word(what)
        let equalSign = word.firstIndex(of: UInt8(ascii: "="))
        guard let key = parameterKey(UnsafeBufferPointer(rebasing: word[..<(equalSign ?? word.count)])) else {
            throw expected(what)
        }
        var text = UnsafeBufferPointer(rebasing: word[(equalSign.map { $0 + 1 } ?? word.count)...])
        if text.first == UInt8(ascii: "\"") {
            guard text.count >= 2, text.last == UInt8(ascii: "\"") else { throw expected(what) }
            text = UnsafeBufferPointer(rebasing: text[1..<(text.count - 1)])
        }
        let position = wire.count
        append(UInt64(key), bytes: 2)
        append(0, bytes: 2)
        if word.starts(with: "key".utf8) {
            try appendUnescaped(text)
        } else {
            try appendValue(text, of: key)
        }
        let length = wire.count - position - 4
        guard length < 1 << 16 else { throw expected("at most 65535 bytes") }
        wire[position + 2] = UInt8(length >> 8)
        wire[position + 3] = UInt8(length & 0xff)
        try sortParameter(at: position, key, start: start)
    }

    /// Moves the last parameter to before those with higher keys.
    private mutating func sortParameter(at position: Int, _ key: UInt16, start: Int) throws(ContentError) {
        var place = start
        while place < position {
            let other = UInt16(wire[place]) << 8 | UInt16(wire[place + 1])
            guard other != key else { throw expected("each parameter once") }
            if other > key { break }
            place += 4 + Int(wire[place + 2]) << 8 + Int(wire[place + 3])
        }
        reverse(place..<position)
        reverse(position..<wire.count)
        reverse(place..<wire.count)
    }

    private mutating func reverse(_ range: Range<Int>) {
        for i in 0..<(range.count / 2) { wire.swapAt(range.lowerBound + i, range.upperBound - 1 - i) }
    }

    /// Reads what is written in a form of its own: lists with commas, numbers, addresses.
    private mutating func appendValue(_ text: UnsafeBufferPointer<UInt8>, of key: UInt16) throws(ContentError) {
        switch key {
        case 0:
            types.removeAll(keepingCapacity: true)
            try forEachItem(of: text) { reader, item throws(ContentError) in
                guard let key = parameterKey(item) else { throw reader.expected("a list of parameters' names") }
                reader.types.append(key)
            }
            types.sort()
            for key in types { append(UInt64(key), bytes: 2) }
        case 1:
            try forEachItem(of: text) { reader, item throws(ContentError) in
                guard 1...255 ~= item.count else { throw reader.expected("protocols of 1 to 255 bytes") }
                reader.append(UInt64(item.count), bytes: 1)
                reader.wire.append(contentsOf: item)
            }
        case 2, 8:
            guard text.isEmpty else { throw expected("no value for \(parameterNames[Int(key)])") }
        case 9:
            try forEachItem(of: text) { reader, item throws(ContentError) in
                guard let group = number(item, max: 0xffff) else {
                    throw reader.expected("a list of groups' numbers up to 65535")
                }
                reader.append(group, bytes: 2)
            }
        case 3:
            guard let port = number(text, max: 0xffff) else { throw expected("a port up to 65535") }
            append(port, bytes: 2)
        case 4, 6:
            if text.elementsEqual("auto".utf8) {
                // The rest of the zone can be served.
                throw .unservable(
                    "pdns fills auto in by a look-up of its own, which has no client, so that the hint would be for another place; write the addresses, or leave the parameter out"
                )
            }
            try forEachItem(of: text) { reader, item throws(ContentError) in
                try reader.appendAddress(key == 4 ? AF_INET : AF_INET6, item)
            }
        case 5:
            var decoder = Base64Decoder()
            try append(text, &decoder)
            guard decoder.isComplete else { throw expected("base64 digits, filled up with = to a multiple of four") }
        default:
            try appendUnescaped(text)
        }
    }

    /// Calls `body` for each item of a list (RFC 9460 appendix A.1): what is unescaped as a text has escapes of its own.
    private mutating func forEachItem(
        of text: UnsafeBufferPointer<UInt8>,
        _ body: (inout RecordDataReader, UnsafeBufferPointer<UInt8>) throws(ContentError) -> Void
    ) throws(ContentError) {
        var item: [UInt8] = []
        swap(&item, &value)
        defer { swap(&item, &value) }
        item.removeAll(keepingCapacity: true)
        var i = 0
        func nextByte() throws(ContentError) -> UInt8? {
            guard i < text.count else { return nil }
            guard let (byte, next) = unescape(text.span, at: i) else {
                throw expected("three digits up to 255 behind a backslash")
            }
            i = next
            return byte
        }
        while true {
            let byte = try nextByte()
            if let byte, byte != UInt8(ascii: ",") {
                item.append(byte == UInt8(ascii: "\\") ? try nextByte() ?? byte : byte)
            } else {
                try item.withUnsafeBufferPointer { item throws(ContentError) in try body(&self, item) }
                item.removeAll(keepingCapacity: true)
                if byte == nil { return }
            }
        }
    }
}
