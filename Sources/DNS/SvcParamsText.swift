/// Appends the SvcParams of a record (RFC 9460 sections 2.2 and 7).
func appendSvcParams(
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
            try appendNamedSvcParam(key, wire, value, to: &text)
            continue
        }
        appendSvcParamKey(key, to: &text)
        if key != 2 { text.append(UInt8(ascii: "=")) }
        switch key {
        case 0:
            try forEachNumber(wire, value) { mandatory throws(ContentError) in
                if text.last != UInt8(ascii: "=") { text.append(UInt8(ascii: ",")) }
                appendSvcParamKey(UInt64(mandatory), to: &text)
            }
        case 1: try appendALPN(wire, value, to: &text)
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

/// Appends a parameter that pdns 5.1 accepts only by name, and older releases only by number.
func appendNamedSvcParam(
    _ key: UInt64, _ wire: Span<UInt8>, _ value: Range<Int>, to text: inout [UInt8]
) throws(ContentError) {
    let name = svcParamKeyNames[Int(key)]
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

/// Appends the name of a key if every pdns knows it, and otherwise `key` and its number.
func appendSvcParamKey(_ key: UInt64, to text: inout [UInt8]) {
    if key <= 6 {
        text.append(contentsOf: svcParamKeyNames[Int(key)].utf8)
    } else {
        text.append(contentsOf: "key".utf8)
        appendDecimal(key, to: &text)
    }
}

func forEachNumber(
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

/// Appends a list of protocol ids. Commas and backslashes are escaped twice: for the list, and for the text that
/// contains it.
func appendALPN(
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
