/// A position in the wire form of a record's data. Its methods throw `ContentError.malformed` if the data end too early.
struct WireCursor {
    var position = 0

    /// Reads a number in network byte order, 1...8 bytes long.
    mutating func number(_ wire: Span<UInt8>, bytes: Int) throws(ContentError) -> UInt64 {
        guard position + bytes <= wire.count else { throw .malformed }
        var number: UInt64 = 0
        for _ in 0..<bytes {
            number = number << 8 | UInt64(wire[position])
            position += 1
        }
        return number
    }

    /// Returns the range of the next `count` bytes, and moves after it.
    mutating func take(_ count: Int, of wire: Span<UInt8>) throws(ContentError) -> Range<Int> {
        guard position + count <= wire.count else { throw .malformed }
        defer { position += count }
        return position..<(position + count)
    }

    /// Reads a length byte and returns the range of that many bytes after it.
    mutating func counted(_ wire: Span<UInt8>) throws(ContentError) -> Range<Int> {
        try take(Int(try number(wire, bytes: 1)), of: wire)
    }

    /// Returns the range of the remaining bytes, of which there must be at least one.
    mutating func rest(of wire: Span<UInt8>) throws(ContentError) -> Range<Int> {
        guard position < wire.count else { throw .malformed }
        return try take(wire.count - position, of: wire)
    }
}
