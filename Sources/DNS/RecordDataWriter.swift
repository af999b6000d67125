/// Appends the data of a record, given in wire format, to `text` in the form that pdns takes from a pipe backend: names
/// without a final dot, the preference of MX and SRV as a separate field, and the generic form (RFC 3597) where pdns
/// knows no other.
///
/// Source: https://doc.powerdns.com/authoritative/appendices/types.html
///
/// - Parameters:
///   - dialect: the dialect of the text; `nil` for that of the pdns that asks this process.
///   - position: on an error, the number of the wrong field: the data is not valid for the type, or pdns does not
///     accept it.
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
        if case .svcParams = field {
            try appendSvcParams(wire, &cursor, dialect, to: &text)
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

/// Checks the length of a digest of a known kind (RFC 4034, 4255, 4509, 5933, 6594, 6605 and 8976).
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

private func append(
    _ field: RecordField, of wire: Span<UInt8>, _ cursor: inout WireCursor, to text: inout [UInt8]
) throws(ContentError) {
    switch field {
    case .uint8, .algorithm, .digest: appendDecimal(try cursor.number(wire, bytes: 1), to: &text)
    case .uint16: appendDecimal(try cursor.number(wire, bytes: 2), to: &text)
    case .uint32, .ttl, .timestamp: appendDecimal(try cursor.number(wire, bytes: 4), to: &text)
    case .certificateType:
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
    case .nsec3Salt:
        let salt = try cursor.counted(wire)
        if salt.isEmpty { text.append(UInt8(ascii: "-")) }
        for i in salt { appendHex(wire[i], to: &text) }
    case .nextHashedOwner:
        let hash = try cursor.counted(wire)
        guard !hash.isEmpty else { throw .malformed }
        appendBase32(wire, hash, to: &text)
    case .ipv4: appendIPv4(wire, try cursor.take(4, of: wire).lowerBound, to: &text)
    case .ipv6: appendIPv6(wire, try cursor.take(16, of: wire).lowerBound, to: &text)
    case .eui48: appendGroups(wire, try cursor.take(6, of: wire), size: 1, separator: "-", to: &text)
    case .eui64: appendGroups(wire, try cursor.take(8, of: wire), size: 1, separator: "-", to: &text)
    case .locator: appendGroups(wire, try cursor.take(8, of: wire), size: 2, separator: ":", to: &text)
    case .location: try appendLocation(wire, &cursor, to: &text)
    case .ipseckey: try appendIPSECKEY(wire, &cursor, to: &text)
    case .apl: try appendAPL(wire, &cursor, to: &text)
    case .svcParams: try appendSvcParams(wire, &cursor, nil, to: &text)
    }
}

// MARK: - Fields

private func append(_ type: RecordType, to text: inout [UInt8]) {
    // Inside data, pdns knows only the mnemonics of types that it takes as text.
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

/// Appends the fields of IPSECKEY (RFC 4025). pdns writes no gateway as nothing, and accepts neither a key without an
/// algorithm nor an algorithm above 2.
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
        throw .expected(algorithm == 0 ? "no key, because the algorithm is 0" : "a key, because the algorithm is not 0")
    }
    if algorithm > 0 {
        text.append(UInt8(ascii: " "))
        try append(.base64, of: wire, &cursor, to: &text)
    }
}

/// Appends the prefixes of APL (RFC 3123 section 4). pdns does not accept an empty list.
private func appendAPL(
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
