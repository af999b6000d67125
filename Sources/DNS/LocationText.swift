/// Appends the fields of LOC (RFC 1876 section 3). pdns counts centimetres in 32 bits, and has only one form of zero.
func appendLocation(
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

func appendAngle(
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
