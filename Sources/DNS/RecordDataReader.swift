import Glibc
import Platform

/// A token of a zone file: a run of characters between spaces, or a quoted string.
package struct Token {
    /// The position in the source, without enclosing quotation marks. Escapes are not decoded.
    package var text: Range<Int>
    package var isQuoted: Bool

    package init(text: Range<Int>, isQuoted: Bool) {
        self.text = text
        self.isQuoted = isQuoted
    }
}

/// How relative names in RDATA are resolved.
package enum NameRule {
    /// Names are relative to an origin, as in zone files (RFC 1035 section 5.1).
    case relative(to: DomainName)
    /// A single label is relative to this zone. A relative name of several labels is refused as ambiguous. Without a
    /// zone, all names must be absolute.
    case unambiguous(in: DomainName?)
}

/// An error in the data of a record, and its position.
package struct RecordDataError: Error {
    /// The number of the wrong token, beginning with 0; the number of all tokens if one is missing at the end.
    package let token: Int
    package let reason: ContentError
}

/// A change that was made in the data of a record, or a part that clients ignore, and its position.
package struct RecordDataWarning {
    /// The number of the token, beginning with 0.
    package let token: Int
    package let message: String
}

/// Reads the data of records from tokens, and makes the wire format of it and the text that pdns takes from a pipe
/// backend.
///
/// Reuse one instance for many records: its buffers are kept, so that it allocates no more memory.
package struct RecordDataReader {
    /// The data in wire format without compression, at most 65,535 bytes. Valid only after a successful `read`.
    package internal(set) var wire: [UInt8] = []
    /// The data as pdns takes it from a pipe backend: one line, without a line end. Valid only after a successful
    /// `read`.
    package internal(set) var text: [UInt8] = []
    /// The warnings about the data that was read last. Valid only after a successful `read`.
    package internal(set) var warnings: [RecordDataWarning] = []
    /// The dialect of `text`; `nil` for that of the pdns that asks this process, which is detected when a record
    /// needs it.
    private let dialect: RecordDialect?

    var source = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    var tokens: ArraySlice<Token> = []
    /// The number of the next token.
    var next = 0
    var layout = RecordType.a.layout
    var types: [UInt16] = []
    var value: [UInt8] = []

    package init(dialect: RecordDialect? = nil) { self.dialect = dialect }

    /// Reads the tokens after the record type.
    ///
    /// - Parameter source: the bytes that the tokens are positions in.
    package mutating func read(
        _ tokens: ArraySlice<Token>, in source: UnsafeBufferPointer<UInt8>, type: RecordType, names: NameRule
    ) throws(RecordDataError) {
        if let refusal = type.refusal { throw RecordDataError(token: 0, reason: .refused(refusal)) }
        wire.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
        warnings.removeAll(keepingCapacity: true)
        (self.source, self.tokens) = (source, tokens)
        // If these references stayed, the caller's array would be copied when it is changed for the next record.
        defer { (self.source, self.tokens) = (UnsafeBufferPointer(start: nil, count: 0), []) }
        layout = type.layout
        next = 0
        let isGeneric: Bool
        do throws(ContentError) {
            isGeneric = try readGeneric()
            if !isGeneric {
                guard !layout.fields.isEmpty else { throw expected("\\# and the data in hexadecimal digits") }
                for field in layout.fields { try read(field, names) }
                guard next == tokens.count else {
                    next += 1
                    throw expected("no more fields")
                }
            }
            guard wire.count < 1 << 16 else { throw .expected("at most 65535 bytes") }
        } catch {
            throw RecordDataError(token: max(next - 1, 0), reason: error)
        }
        if type.rawValue == 64 || type.rawValue == 65 { checkSvcParams(isGeneric: isGeneric) }
        var position = 0
        let data = wire
        do throws(ContentError) {
            try appendRecordText(ofWire: data.span, type: type, dialect: dialect, to: &text, field: &position)
        } catch {
            throw RecordDataError(token: min(isGeneric ? 2 : position, tokens.count - 1), reason: error)
        }
    }

    // MARK: - Tokens

    /// Returns an error about the token that was read last.
    func expected(_ what: String) -> ContentError {
        .expected("\(what), \(layout.fields.count == 1 ? "such as" : "as in") \(layout.example)")
    }

    mutating func token(_ what: @autoclosure () -> String) throws(ContentError) -> UnsafeBufferPointer<UInt8> {
        next += 1
        guard next <= tokens.count else { throw expected(what()) }
        return UnsafeBufferPointer(rebasing: source[tokens[tokens.startIndex + next - 1].text])
    }

    /// Reads the generic form, `\# LENGTH HEX`, which all types may use (RFC 3597 section 5).
    ///
    /// - Returns: false if the tokens are not in that form; nothing is read then.
    mutating func readGeneric() throws(ContentError) -> Bool {
        guard let first = tokens.first, !first.isQuoted, source[first.text].elementsEqual("\\#".utf8) else {
            return false
        }
        next = 1
        guard let length = number(try token("the number of bytes"), max: 65_535) else {
            throw expected("the number of bytes, up to 65535")
        }
        try readHex()
        guard wire.count == length else { throw expected("\(length) bytes instead of \(wire.count)") }
        return true
    }

    // MARK: - Fields

    mutating func read(_ field: RecordField, _ names: NameRule) throws(ContentError) {
        switch field {
        case .uint8: append(try readNumber(max: 0xff), bytes: 1)
        case .uint16: append(try readNumber(max: 0xffff), bytes: 2)
        case .uint32: append(try readNumber(max: 0xffff_ffff), bytes: 4)
        case .ttl: append(try readTTL(), bytes: 4)
        case .timestamp: append(try readTimestamp(), bytes: 4)
        case .algorithm: append(try readNumber(max: 0xff, dnssecAlgorithms), bytes: 1)
        case .digest: append(try readNumber(max: 0xff, digestAlgorithms), bytes: 1)
        case .certificateType: append(try readNumber(max: 0xffff, certificateTypes), bytes: 2)
        case .type: append(UInt64(try readType().rawValue), bytes: 2)
        case .types: try readTypes()
        case .name: try readName(names)
        case .string: try readString()
        case .optionalString: if next < tokens.count { try readString() }
        case .strings:
            repeat { try readString(isSplit: true) } while next < tokens.count
        case .text: try appendUnescaped(try token("a text"))
        case .tag:
            let tag = try token("a property of letters and digits")
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
        case .nsec3Salt: try readNSEC3Salt()
        case .nextHashedOwner: try readNextHashedOwner()
        case .ipv4: try appendAddress(AF_INET, try token("an IPv4 address"))
        case .ipv6: try appendAddress(AF_INET6, try token("an IPv6 address"))
        case .eui48: try readHexGroups(count: 6, separator: "-")
        case .eui64: try readHexGroups(count: 8, separator: "-")
        case .locator: try readLocator()
        case .location: try readLocation()
        case .ipseckey: try readIPSECKEY(names)
        case .apl:
            guard next < tokens.count else { throw .unservable("pdns takes no APL without a prefix") }
            repeat { try readAPLItem() } while next < tokens.count
        case .svcParams:
            let start = wire.count
            while next < tokens.count { try readSvcParam(start: start) }
        }
    }

    mutating func append(_ number: UInt64, bytes: Int) {
        for shift in (0..<bytes).reversed() { wire.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * shift))) }
    }

    mutating func readNumber(
        max: UInt64, _ mnemonics: KeyValuePairs<StaticString, UInt64> = [:]
    ) throws(ContentError) -> UInt64 {
        let token = try token("a number up to \(max)")
        if let number = number(token, max: max) { return number }
        for (mnemonic, number) in mnemonics where equals(token, mnemonic) { return number }
        throw expected(mnemonics.isEmpty ? "a number up to \(max)" : "a number up to \(max) or a name for it")
    }

    mutating func readTTL() throws(ContentError) -> UInt64 {
        guard let seconds = seconds(try token("a time in seconds").span), seconds <= 0xffff_ffff else {
            throw expected("a time of up to 4294967295 seconds, or such as 1h30m")
        }
        return seconds
    }

    mutating func readTimestamp() throws(ContentError) -> UInt64 {
        let what = "a time as YYYYMMDDHHmmSS, or in seconds since 1970"
        let token = try token(what)
        if token.count != 14 {
            guard let seconds = number(token, max: 0xffff_ffff) else { throw expected(what) }
            return seconds
        }
        func part(_ range: Range<Int>, _ allowed: ClosedRange<Int>) -> Int? {
            number(UnsafeBufferPointer(rebasing: token[range]), max: 9999).map { Int($0) }.flatMap {
                allowed.contains($0) ? $0 : nil
            }
        }
        guard let year = part(0..<4, 1970...9999), let month = part(4..<6, 1...12), let day = part(6..<8, 1...31),
            let hour = part(8..<10, 0...23), let minute = part(10..<12, 0...59), let second = part(12..<14, 0...59),
            day <= daysInMonth(month, of: year)
        else { throw expected(what) }
        // Modulo 2^32, because signature times are compared by serial number arithmetic (RFC 1982).
        let days = daysSince1970(year: year, month: month, day: day)
        return UInt64(UInt32(truncatingIfNeeded: ((days * 24 + hour) * 60 + minute) * 60 + second))
    }

    mutating func readType() throws(ContentError) -> RecordType {
        guard let type = RecordType(try token("a record type").span) else { throw expected("a record type") }
        return type
    }

    mutating func readTypes() throws(ContentError) {
        types.removeAll(keepingCapacity: true)
        while next < tokens.count { types.append(try readType().rawValue) }
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

    mutating func readName(_ rule: NameRule) throws(ContentError) {
        let name = try token("a name")
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

    /// - Parameter isSplit: whether to split a text of more than 255 bytes into several strings, as pdns does.
    mutating func readString(isSplit: Bool = false) throws(ContentError) {
        let string = try token("a text")
        var lengthPosition = wire.count
        wire.append(0)
        try appendUnescaped(string)
        let count = wire.count - lengthPosition - 1
        if count > 255, isSplit {
            warn(
                "a text of \(count) bytes is longer than 255 bytes (RFC 1035 section 3.3); it is served as several strings of 255 bytes"
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

    /// Adds a warning about the token that was read last.
    mutating func warn(_ message: String) {
        warnings.append(RecordDataWarning(token: max(next - 1, 0), message: message))
    }

    mutating func appendUnescaped(_ text: UnsafeBufferPointer<UInt8>) throws(ContentError) {
        var i = 0
        while i < text.count {
            if text[i] != UInt8(ascii: "\\") {
                wire.append(text[i])
                i += 1
            } else {
                guard let (byte, next) = unescape(text.span, at: i) else {
                    throw expected("three digits up to 255 after a backslash")
                }
                wire.append(byte)
                i = next
            }
        }
    }

    mutating func appendAddress(
        _ family: CInt, _ text: UnsafeBufferPointer<UInt8>
    ) throws(ContentError) {
        if family == AF_INET, let address = ipv4Address(text) { return append(UInt64(address), bytes: 4) }
        let size = family == AF_INET ? 4 : 16
        var address = in6_addr()
        let isAddress = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { copy in
            // inet_pton(3) would stop at a 0 byte.
            guard text.count < copy.count, !text.contains(0) else { return false }
            for i in 0..<text.count { copy[i] = CChar(bitPattern: text[i]) }
            copy[text.count] = 0
            return inet_pton(family, copy.baseAddress!, &address) == 1
        }
        guard isAddress else { throw expected(family == AF_INET ? "an IPv4 address" : "an IPv6 address") }
        withUnsafeBytes(of: &address) { wire.append(contentsOf: $0[..<size]) }
    }
}
