/// Appends the data of a record, given as messages carry it, to `text` as pdns takes it from a pipe backend: names
/// without final dot, the preference of MX and SRV a field of its own, and the form for unknown types (RFC 3597) where pdns
/// knows no other.
///
/// Source: https://doc.powerdns.com/authoritative/appendices/types.html
///
/// - Parameters:
///   - dialect: the pdns that it is for; `nil` for the one that asks this process.
///     to the number of the field that is wrong, where this throws: data that is no data of that type, or that pdns cannot be told.
func appendRecordText(
    ofWire wire: Span<UInt8>, type: RecordType, dialect: RecordDialect?, to text: inout [UInt8],
    field position: inout Int
) throws(ContentError) {
    let layout = type.layout
    let start = text.count
    var cursor = WireCursor()
    position = 0
    for field in layout.fields {
        if position > 0, text.last != UInt8(ascii: " ") {
            text.append(UInt8(ascii: position == 1 && (type == .mx || type == .srv) ? "\t" : " "))
        }
        if case .parameters = field {
            try appendParameters(wire, &cursor, dialect, to: &text)
        } else {
            try append(field, of: wire, &cursor, to: &text)
        }
        position += 1
    }
    guard layout.fields.isEmpty || cursor.position == wire.count else { throw .malformed }
    try checkDigest(wire, type)
    if text.count > start, text.last == UInt8(ascii: " ") { text.removeLast() }
    let isText =
        switch layout.text {
        case .always: true
        case .since5_1: (dialect ?? .decisiveForRecord) == .since5_1
        case .never: false
        }
    if !isText {
        text.removeSubrange(start...)
        text.append(contentsOf: "\\# ".utf8)
        appendDecimal(UInt64(wire.count), to: &text)
        if !wire.isEmpty { text.append(UInt8(ascii: " ")) }
        for i in 0..<wire.count { appendHex(wire[i], to: &text) }
    }
}

/// Digests of known kinds have their lengths (RFC 4034, 4255, 4509, 5933, 6594, 6605 and 8976).
private func checkDigest(_ wire: Span<UInt8>, _ type: RecordType) throws(ContentError) {
    let start: Int
    switch type.rawValue {
    case 43, 59, 32768, 32769: start = 4
    case 44: start = 2
    case 63: start = 6
    default: return
    }
    let kind = wire[start - 1]
    let length: Int
    switch (kind, type.rawValue) {
    case (1, 63): length = 48
    case (2, 63): length = 64
    case (1, _): length = 20
    case (2, _): length = 32
    case (3, let type) where type != 44: length = 32
    case (4, let type) where type != 44: length = 48
    default: return
    }
    guard wire.count - start == length else {
        throw .expected("\(length) bytes in a digest of kind \(kind), instead of \(wire.count - start)")
    }
}

/// A place in the data of a record.
private struct WireCursor {
    var position = 0

    mutating func number(_ wire: Span<UInt8>, bytes: Int) throws(ContentError) -> UInt64 {
        guard position + bytes <= wire.count else { throw .malformed }
        var number: UInt64 = 0
        for _ in 0..<bytes {
            number = number << 8 | UInt64(wire[position])
            position += 1
        }
        return number
    }

    mutating func take(_ count: Int, of wire: Span<UInt8>) throws(ContentError) -> Range<Int> {
        guard position + count <= wire.count else { throw .malformed }
        defer { position += count }
        return position..<(position + count)
    }

    /// A length of one byte, and so many bytes.
    mutating func counted(_ wire: Span<UInt8>) throws(ContentError) -> Range<Int> {
        try take(Int(try number(wire, bytes: 1)), of: wire)
    }

    /// All that is left, if that is anything.
    mutating func rest(of wire: Span<UInt8>) throws(ContentError) -> Range<Int> {
        guard position < wire.count else { throw .malformed }
        return try take(wire.count - position, of: wire)
    }
}

private func append(
    _ field: RecordField, of wire: Span<UInt8>, _ cursor: inout WireCursor, to text: inout [UInt8]
) throws(ContentError) {
    switch field {
    case .uint8, .algorithm, .digest: appendDecimal(try cursor.number(wire, bytes: 1), to: &text)
    case .uint16: appendDecimal(try cursor.number(wire, bytes: 2), to: &text)
    case .uint32, .period, .time: appendDecimal(try cursor.number(wire, bytes: 4), to: &text)
    case .certificate:
        let number = try cursor.number(wire, bytes: 2)
        guard number > 0 else { throw .expected("a kind of certificate, which is never 0") }
        appendDecimal(number, to: &text)
    case .type: append(RecordType(rawValue: UInt16(try cursor.number(wire, bytes: 2))), to: &text)
    case .types: try appendTypes(wire, &cursor, to: &text)
    case .name:
        guard let length = DomainName.appendPresentation(ofWire: wire.extracting(cursor.position...), to: &text) else {
            throw .malformed
        }
        cursor.position += length
    case .string: appendQuoted(wire, try cursor.counted(wire), to: &text)
    case .optionalString: if cursor.position < wire.count { appendQuoted(wire, try cursor.counted(wire), to: &text) }
    case .strings:
        appendQuoted(wire, try cursor.counted(wire), to: &text)
        while cursor.position < wire.count {
            text.append(UInt8(ascii: " "))
            appendQuoted(wire, try cursor.counted(wire), to: &text)
        }
    case .text: appendQuoted(wire, try cursor.take(wire.count - cursor.position, of: wire), to: &text)
    case .tag:
        let tag = try cursor.counted(wire)
        guard !tag.isEmpty else { throw .malformed }
        for i in tag {
            guard isLetterOrDigit(wire[i]) else { throw .malformed }
            text.append(wire[i])
        }
    case .hex: for i in try cursor.rest(of: wire) { appendHex(wire[i], to: &text) }
    case .base64: appendBase64(wire, try cursor.rest(of: wire), to: &text)
    case .salt:
        let salt = try cursor.counted(wire)
        if salt.isEmpty { text.append(UInt8(ascii: "-")) }
        for i in salt { appendHex(wire[i], to: &text) }
    case .hash:
        let hash = try cursor.counted(wire)
        guard !hash.isEmpty else { throw .malformed }
        appendBase32(wire, hash, to: &text)
    case .ipv4: appendIPv4(wire, try cursor.take(4, of: wire).lowerBound, to: &text)
    case .ipv6: appendIPv6(wire, try cursor.take(16, of: wire).lowerBound, to: &text)
    case .eui48: appendGroups(wire, try cursor.take(6, of: wire), size: 1, separator: "-", to: &text)
    case .eui64: appendGroups(wire, try cursor.take(8, of: wire), size: 1, separator: "-", to: &text)
    case .locator: appendGroups(wire, try cursor.take(8, of: wire), size: 2, separator: ":", to: &text)
    case .location: try appendLocation(wire, &cursor, to: &text)
    case .ipsec: try appendIPSECKEY(wire, &cursor, to: &text)
    case .prefixes: try appendPrefixes(wire, &cursor, to: &text)
    case .parameters: try appendParameters(wire, &cursor, nil, to: &text)
    }
}

// MARK: - Fields

private func append(_ type: RecordType, to text: inout [UInt8]) {
    // pdns takes no other mnemonics inside of data than those of types that it takes as text.
    if type.layout.text == .always {
        text.append(contentsOf: type.description.utf8)
    } else {
        text.append(contentsOf: "TYPE".utf8)
        appendDecimal(UInt64(type.rawValue), to: &text)
    }
}

private func appendTypes(_ wire: Span<UInt8>, _ cursor: inout WireCursor, to text: inout [UInt8]) throws(ContentError) {
    var last = -1
    while cursor.position < wire.count {
        let window = Int(try cursor.number(wire, bytes: 1))
        let bitmap = try cursor.counted(wire)
        guard window > last, 1...32 ~= bitmap.count, wire[bitmap.upperBound - 1] != 0 else { throw .malformed }
        last = window
        for (i, position) in bitmap.enumerated() {
            for bit in 0..<8 where wire[position] & 0x80 >> UInt8(bit) != 0 {
                if text.last != UInt8(ascii: " ") { text.append(UInt8(ascii: " ")) }
                append(RecordType(rawValue: UInt16(window << 8 | i << 3 | bit)), to: &text)
            }
        }
    }
}

private func appendQuoted(_ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for i in range { appendEscapedInQuotes(wire[i], to: &text) }
    text.append(UInt8(ascii: "\""))
}

private func appendEscapedInQuotes(_ byte: UInt8, to text: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        text.append(UInt8(ascii: "\\"))
        text.append(byte)
    case UInt8(ascii: "."), UInt8(ascii: " "): text.append(byte)
    default: appendEscaped(byte) { text.append($0) }
    }
}

private func appendDecimal(_ number: UInt64, to text: inout [UInt8]) {
    if number >= 10 { appendDecimal(number / 10, to: &text) }
    text.append(UInt8(ascii: "0") + UInt8(number % 10))
}

/// A number in hundredths or thousandths.
private func appendDecimal(_ number: UInt64, decimals: Int, to text: inout [UInt8]) {
    let unit: UInt64 = decimals == 2 ? 100 : 1_000
    appendDecimal(number / unit, to: &text)
    text.append(UInt8(ascii: "."))
    if decimals == 3 { appendDecimal(number / 100 % 10, to: &text) }
    appendDecimal(number / 10 % 10, to: &text)
    appendDecimal(number % 10, to: &text)
}

private func appendHex(_ byte: UInt8, to text: inout [UInt8]) {
    text.append(hexDigit(byte >> 4))
    text.append(hexDigit(byte & 15))
}

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
}

private func appendGroups(
    _ wire: Span<UInt8>, _ range: Range<Int>, size: Int, separator: Unicode.Scalar, to text: inout [UInt8]
) {
    for (i, position) in range.enumerated() {
        if i > 0, i % size == 0 { text.append(UInt8(ascii: separator)) }
        appendHex(wire[position], to: &text)
    }
}

/// RFC 4648 section 4.
private func appendBase64(_ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
    for i in stride(from: range.lowerBound, to: range.upperBound, by: 3) {
        let count = min(3, range.upperBound - i)
        var bits: UInt32 = 0
        for offset in 0..<3 { bits = bits << 8 | (offset < count ? UInt32(wire[i + offset]) : 0) }
        for digit in 0..<4 {
            text.append(digit <= count ? base64Digit(UInt8(bits >> UInt32(18 - 6 * digit) & 63)) : UInt8(ascii: "="))
        }
    }
}

/// RFC 4648 section 7, without padding.
private func appendBase32(_ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
    var bits: UInt32 = 0
    var count: UInt32 = 0
    func append(_ value: UInt32) {
        let value = UInt8(value & 31)
        text.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value)
    }
    for i in range {
        bits = bits << 8 | UInt32(wire[i])
        count += 8
        while count >= 5 {
            count -= 5
            append(bits >> count)
        }
    }
    if count > 0 { append(bits << (5 - count)) }
}

private func appendIPv4(_ wire: Span<UInt8>, _ start: Int, to text: inout [UInt8]) {
    for i in 0..<4 {
        if i > 0 { text.append(UInt8(ascii: ".")) }
        appendDecimal(UInt64(wire[start + i]), to: &text)
    }
}

/// RFC 5952 section 4.
private func appendIPv6(_ wire: Span<UInt8>, _ start: Int, to text: inout [UInt8]) {
    func group(_ i: Int) -> UInt16 { UInt16(wire[start + 2 * i]) << 8 | UInt16(wire[start + 2 * i + 1]) }
    // The longest run of zeros, if there are two or more.
    var zeros = 0..<1
    var i = 0
    while i < 8 {
        let first = i
        while i < 8, group(i) == 0 { i += 1 }
        if i - first > zeros.count { zeros = first..<i }
        i += 1
    }
    i = 0
    while i < 8 {
        if zeros.count > 1, i == zeros.lowerBound {
            text.append(UInt8(ascii: ":"))
            if zeros.upperBound == 8 { text.append(UInt8(ascii: ":")) }
            i = zeros.upperBound
        } else {
            if i > 0 { text.append(UInt8(ascii: ":")) }
            let value = group(i)
            for shift in stride(from: 12, through: 0, by: -4) where value >> shift > 0 || shift == 0 {
                text.append(hexDigit(UInt8(value >> shift & 15)))
            }
            i += 1
        }
    }
}

/// RFC 1876 section 3. pdns counts centimetres with 32 bits, and its text knows zero in one form only.
private func appendLocation(
    _ wire: Span<UInt8>, _ cursor: inout WireCursor, to text: inout [UInt8]
) throws(ContentError) {
    guard try cursor.number(wire, bytes: 1) == 0 else { throw .malformed }
    let sizes = try cursor.take(3, of: wire)
    try appendAngle(try cursor.number(wire, bytes: 4), "N", "S", degrees: 90, to: &text)
    try appendAngle(try cursor.number(wire, bytes: 4), "E", "W", degrees: 180, to: &text)
    let altitude = Int64(try cursor.number(wire, bytes: 4)) - 10_000_000
    if altitude < 0 { text.append(UInt8(ascii: "-")) }
    appendDecimal(altitude.magnitude, decimals: 2, to: &text)
    text.append(UInt8(ascii: "m"))
    for i in sizes {
        guard wire[i] >> 4 <= 9, wire[i] & 15 <= 9 else { throw .malformed }
        var centimetres = UInt64(wire[i] >> 4)
        guard centimetres > 0 || wire[i] == 0 else { throw .malformed }
        for _ in 0..<(wire[i] & 15) { centimetres *= 10 }
        guard centimetres <= UInt32.max else { throw .unservable("pdns takes sizes up to 40000000m only") }
        text.append(UInt8(ascii: " "))
        appendDecimal(centimetres, decimals: 2, to: &text)
        text.append(UInt8(ascii: "m"))
    }
}

private func appendAngle(
    _ angle: UInt64, _ positive: Unicode.Scalar, _ negative: Unicode.Scalar, degrees: Int64, to text: inout [UInt8]
) throws(ContentError) {
    let angle = Int64(angle) - 1 << 31
    guard angle.magnitude <= degrees * 3_600_000 else { throw .malformed }
    appendDecimal(UInt64(angle.magnitude) / 3_600_000, to: &text)
    text.append(UInt8(ascii: " "))
    appendDecimal(UInt64(angle.magnitude) / 60_000 % 60, to: &text)
    text.append(UInt8(ascii: " "))
    appendDecimal(UInt64(angle.magnitude) % 60_000, decimals: 3, to: &text)
    text.append(UInt8(ascii: " "))
    text.append(UInt8(ascii: angle < 0 ? negative : positive))
    text.append(UInt8(ascii: " "))
}

/// pdns writes nothing for no gateway, and knows neither a key without algorithm nor an algorithm above 2.
private func appendIPSECKEY(
    _ wire: Span<UInt8>, _ cursor: inout WireCursor, to text: inout [UInt8]
) throws(ContentError) {
    appendDecimal(try cursor.number(wire, bytes: 1), to: &text)
    text.append(UInt8(ascii: " "))
    let gateway = try cursor.number(wire, bytes: 1)
    appendDecimal(gateway, to: &text)
    text.append(UInt8(ascii: " "))
    let algorithm = try cursor.number(wire, bytes: 1)
    guard algorithm <= 2 else { throw .unservable("pdns takes algorithms up to 2 only") }
    appendDecimal(algorithm, to: &text)
    if gateway > 0 { text.append(UInt8(ascii: " ")) }
    switch gateway {
    case 0: break
    case 1: try append(.ipv4, of: wire, &cursor, to: &text)
    case 2: try append(.ipv6, of: wire, &cursor, to: &text)
    case 3: try append(.name, of: wire, &cursor, to: &text)
    default: throw .malformed
    }
    guard (algorithm == 0) == (cursor.position == wire.count) else {
        throw .expected(algorithm == 0 ? "no key, where the algorithm is 0" : "a key, where the algorithm is not 0")
    }
    if algorithm > 0 {
        text.append(UInt8(ascii: " "))
        try append(.base64, of: wire, &cursor, to: &text)
    }
}

/// RFC 3123 section 4. pdns takes no empty list.
private func appendPrefixes(
    _ wire: Span<UInt8>, _ cursor: inout WireCursor, to text: inout [UInt8]
) throws(ContentError) {
    var isFirst = true
    repeat {
        let family = try cursor.number(wire, bytes: 2)
        let length = try cursor.number(wire, bytes: 1)
        guard 1...2 ~= family, length <= (family == 1 ? 32 : 128) else { throw .malformed }
        let count = try cursor.number(wire, bytes: 1)
        let bytes = try cursor.take(Int(count & 0x7f), of: wire)
        var address = InlineArray<16, UInt8>(repeating: 0)
        guard bytes.count <= (Int(length) + 7) / 8 else { throw .malformed }
        for (i, position) in bytes.enumerated() { address[i] = wire[position] }
        if let last = bytes.last {
            let hostBits = max(0, 8 * bytes.count - Int(length))
            guard wire[last] != 0, wire[last] & (1 << UInt8(hostBits) - 1) == 0 else { throw .malformed }
        }
        if !isFirst { text.append(UInt8(ascii: " ")) }
        isFirst = false
        if count & 0x80 != 0 { text.append(UInt8(ascii: "!")) }
        appendDecimal(family, to: &text)
        text.append(UInt8(ascii: ":"))
        if family == 1 { appendIPv4(address.span, 0, to: &text) } else { appendIPv6(address.span, 0, to: &text) }
        text.append(UInt8(ascii: "/"))
        appendDecimal(length, to: &text)
    } while cursor.position < wire.count
}

// MARK: - Parameters of services

/// RFC 9460 sections 2.2 and 7.
private func appendParameters(
    _ wire: Span<UInt8>, _ cursor: inout WireCursor, _ dialect: RecordDialect?, to text: inout [UInt8]
) throws(ContentError) {
    guard cursor.position < wire.count else { return }
    guard wire[0] != 0 || wire[1] != 0 else { throw .malformed }
    var last: UInt64?
    while cursor.position < wire.count {
        let key = try cursor.number(wire, bytes: 2)
        guard key > last ?? 0 || last == nil else { throw .malformed }
        last = key
        let value = try cursor.take(Int(try cursor.number(wire, bytes: 2)), of: wire)
        if text.last != UInt8(ascii: " ") { text.append(UInt8(ascii: " ")) }
        if key == 8 || key == 9, (dialect ?? .decisiveForRecord) == .since5_1 {
            try appendNamedParameter(key, wire, value, to: &text)
            continue
        }
        appendKey(key, to: &text)
        if key != 2 { text.append(UInt8(ascii: "=")) }
        switch key {
        case 0:
            try forEachNumber(wire, value) { mandatory throws(ContentError) in
                if text.last != UInt8(ascii: "=") { text.append(UInt8(ascii: ",")) }
                appendKey(UInt64(mandatory), to: &text)
            }
        case 1: try appendProtocols(wire, value, to: &text)
        case 2:
            guard value.isEmpty else { throw .malformed }
        case 3:
            guard value.count == 2 else { throw .malformed }
            appendDecimal(UInt64(wire[value.lowerBound]) << 8 | UInt64(wire[value.lowerBound + 1]), to: &text)
        case 4, 6:
            let size = key == 4 ? 4 : 16
            guard !value.isEmpty, value.count % size == 0 else { throw .malformed }
            for i in stride(from: value.lowerBound, to: value.upperBound, by: size) {
                if i > value.lowerBound { text.append(UInt8(ascii: ",")) }
                if key == 4 { appendIPv4(wire, i, to: &text) } else { appendIPv6(wire, i, to: &text) }
            }
        case 5:
            guard !value.isEmpty else { throw .malformed }
            text.append(UInt8(ascii: "\""))
            appendBase64(wire, value, to: &text)
            text.append(UInt8(ascii: "\""))
        default: appendQuoted(wire, value, to: &text)
        }
    }
}

/// A parameter that pdns 5.1 takes by its name only, and by its number only before.
private func appendNamedParameter(
    _ key: UInt64, _ wire: Span<UInt8>, _ value: Range<Int>, to text: inout [UInt8]
) throws(ContentError) {
    let name = parameterNames[Int(key)]
    text.append(contentsOf: name.utf8)
    if key == 8 {
        guard value.isEmpty else { throw .unservable("pdns 5.1 takes no value for \(name)") }
        return
    }
    guard !value.isEmpty, value.count % 2 == 0 else {
        throw .unservable("pdns 5.1 takes numbers of two bytes in \(name) only")
    }
    for i in stride(from: value.lowerBound, to: value.upperBound, by: 2) {
        text.append(UInt8(ascii: i == value.lowerBound ? "=" : ","))
        appendDecimal(UInt64(wire[i]) << 8 | UInt64(wire[i + 1]), to: &text)
    }
}

/// The names that every pdns knows, and numbers for all others.
private func appendKey(_ key: UInt64, to text: inout [UInt8]) {
    if key <= 6 {
        text.append(contentsOf: parameterNames[Int(key)].utf8)
    } else {
        text.append(contentsOf: "key".utf8)
        appendDecimal(key, to: &text)
    }
}

private func forEachNumber(
    _ wire: Span<UInt8>, _ range: Range<Int>, _ body: (UInt16) throws(ContentError) -> Void
) throws(ContentError) {
    guard !range.isEmpty, range.count % 2 == 0 else { throw .malformed }
    var last: UInt16 = 0
    for i in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
        let number = UInt16(wire[i]) << 8 | UInt16(wire[i + 1])
        guard number > last || i == range.lowerBound else { throw .malformed }
        last = number
        try body(number)
    }
}

/// A list of texts, in which commas and backslashes are escaped for the list, and again for the text it stands in.
private func appendProtocols(
    _ wire: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]
) throws(ContentError) {
    guard !range.isEmpty else { throw .malformed }
    var i = range.lowerBound
    text.append(UInt8(ascii: "\""))
    while i < range.upperBound {
        let end = i + 1 + Int(wire[i])
        guard end > i + 1, end <= range.upperBound else { throw .malformed }
        if i > range.lowerBound { text.append(UInt8(ascii: ",")) }
        for position in (i + 1)..<end {
            let byte = wire[position]
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\\") { text.append(contentsOf: #"\\"#.utf8) }
            appendEscapedInQuotes(byte, to: &text)
        }
        i = end
    }
    text.append(UInt8(ascii: "\""))
}
