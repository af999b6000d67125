/// Why a text is not JSON.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    /// The number of bytes before the error.
    public let offset: Int
    /// What was found or expected there.
    public let reason: String

    /// Makes an error at a byte, counted from 0.
    public init(offset: Int, reason: String) { (self.offset, self.reason) = (offset, reason) }

    /// The error for a person; bytes count from 1.
    public var description: String { "not JSON: at byte \(offset + 1), \(reason)" }
}

extension JSON {
    /// The largest number of nested lists and objects.
    public static let maximumDepth = 100

    /// Reads one value, with only whitespace around it (RFC 8259).
    ///
    /// It is strict: strings must be UTF-8, and surrogates must be in pairs. A number without a fraction and an
    /// exponent becomes an `integer` if it fits, and any other a `number`; a number outside of the range of `Double` is
    /// an error. All members with the same name are kept. The time is linear in the number of bytes for any input.
    ///
    /// - Parameter valueLimit: the largest number of values, nested ones included. It bounds the memory: a value of two
    ///   bytes may take a hundred.
    public init(reading bytes: some Sequence<UInt8>, valueLimit: Int = .max) throws(JSONError) {
        // This does not copy if it is an array already.
        let bytes = Array(bytes)
        self = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            var reader = JSONReader(bytes: buffer, valueLimit: valueLimit)
            return try reader.document()
        }
    }

    /// Returns the value of a member, of the last one if several have the same name; `nil` if there is none, or this
    /// is not an object.
    public subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// The text; `nil` if this is not a `text`.
    public var string: String? { if case .text(let text) = self { text } else { nil } }

    /// The boolean; `nil` if this is not a `boolean`.
    public var bool: Bool? { if case .boolean(let value) = self { value } else { nil } }

    /// The items; `nil` if this is not a `list`.
    public var items: [JSON]? { if case .list(let items) = self { items } else { nil } }

    /// The integer; `nil` if this is neither an `integer` nor a `number` without a fraction.
    public var int: Int? {
        switch self {
        case .integer(let number): number
        case .number(let number): Int(exactly: number)
        default: nil
        }
    }

    /// The number; `nil` if this is neither an `integer` nor a `number`.
    public var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
}

/// A recursive-descent parser of JSON.
private struct JSONReader {
    let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var depth = 0
    /// The number of values that may still come.
    private var remaining: Int

    init(bytes: UnsafeBufferPointer<UInt8>, valueLimit: Int) { (self.bytes, remaining) = (bytes, valueLimit) }

    mutating func document() throws(JSONError) -> JSON {
        if hasByteOrderMark(bytes) { throw error("there is a byte order mark; write UTF-8 without one") }
        let value = try value()
        skipBlanks()
        guard position == bytes.count else { throw error("something follows the value") }
        return value
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func value() throws(JSONError) -> JSON {
        skipBlanks()
        guard remaining > 0 else { throw error("there are too many values") }
        remaining -= 1
        switch next {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try list()
        case UInt8(ascii: "\""): return .text(try string())
        case let byte where byte == UInt8(ascii: "-") || isDigit(byte): return try number()
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw error("the text ends where a value should be")
        default: throw error("there is no value")
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        var members: [(name: String, value: JSON)] = []
        try parts(until: UInt8(ascii: "}"), "'}'") { reader throws(JSONError) in
            reader.skipBlanks()
            guard reader.next == UInt8(ascii: "\"") else { throw reader.error("there is no name in quotation marks") }
            let name = try reader.string()
            reader.skipBlanks()
            guard reader.take(UInt8(ascii: ":")) else { throw reader.error("there is no ':' after a name") }
            members.append((name, try reader.value()))
        }
        return .object(members)
    }

    private mutating func list() throws(JSONError) -> JSON {
        var items: [JSON] = []
        try parts(until: UInt8(ascii: "]"), "']'") { reader throws(JSONError) in items.append(try reader.value()) }
        return .list(items)
    }

    /// Reads comma-separated parts, from after the opening bracket to the closing one.
    private mutating func parts(
        until closing: UInt8, _ bracket: String, _ read: (inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard depth < JSON.maximumDepth else {
            throw error("more than \(JSON.maximumDepth) lists and objects are nested")
        }
        depth += 1
        defer { depth -= 1 }
        position += 1
        skipBlanks()
        if take(closing) { return }
        while true {
            try read(&self)
            skipBlanks()
            if take(closing) { return }
            guard take(UInt8(ascii: ",")) else {
                throw error(next == nil ? "the text ends before a \(bracket)" : "there is neither ',' nor \(bracket)")
            }
        }
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        // Most strings have no escapes.
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        if next == UInt8(ascii: "\"") {
            defer { position += 1 }
            return try text(UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
        }
        var decoded = Array(bytes[start..<position])
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try decoded.withUnsafeBufferPointer { bytes throws(JSONError) in try text(bytes, at: start) }
            case UInt8(ascii: "\\"): try escape(&decoded)
            case ..<0x20:
                position -= 1
                throw error("a text has a control character; write \\n or the like")
            default: decoded.append(byte)
            }
        }
        throw error("the text ends before a quotation mark")
    }

    private func text(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw JSONError(offset: start, reason: "a text is not UTF-8")
        }
        return text
    }

    /// Reads an escape, from after the backslash on.
    private mutating func escape(_ decoded: inout [UInt8]) throws(JSONError) {
        let start = position - 1
        guard let byte = next else { throw error("the text ends before a quotation mark") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0c)
        case UInt8(ascii: "n"): decoded.append(0x0a)
        case UInt8(ascii: "r"): decoded.append(0x0d)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            var value = try hexadecimal(start)
            if 0xd800..<0xdc00 ~= value, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
                let low = try hexadecimal(start)
                guard 0xdc00..<0xe000 ~= low else { throw JSONError(offset: start, reason: Self.lonely) }
                value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw JSONError(offset: start, reason: Self.lonely) }
            decoded.append(contentsOf: UTF8.encode(scalar)!)
        default: throw JSONError(offset: start, reason: "a backslash comes before a character that needs none")
        }
    }

    private static let lonely = "there is one half of a surrogate pair"

    private mutating func hexadecimal(_ start: Int) throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = next.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }), next! < 0x80 else {
                throw JSONError(offset: start, reason: "\\u is not followed by four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if isDigit(next) { throw JSONError(offset: start, reason: "a number begins with 0") }
        } else {
            try digits()
        }
        var isWhole = true
        if take(UInt8(ascii: ".")) {
            isWhole = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isWhole = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        // -0 is not an integer.
        if isWhole, text != "-0", let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw JSONError(offset: start, reason: "a number is too large")
        }
        return .number(number)
    }

    private mutating func digits() throws(JSONError) {
        guard isDigit(next) else { throw error("a digit is missing") }
        while isDigit(next) { position += 1 }
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        byte.map { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ?? false
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let length = word.utf8CodeUnitCount
        guard position + length <= bytes.count,
            UnsafeBufferPointer(rebasing: bytes[position..<position + length])
                .elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: length))
        else { throw error("there is no value") }
        position += length
        return value
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }
}
