import CBytes

/// The positions of the fields of a line, which tabs separate. Fields after the eighth are only counted.
@usableFromInline
struct Fields: ~Copyable {
    /// The start of each field; after the last one, the end of the line plus 1. So a field ends 1 before the next
    /// bound.
    @usableFromInline var bounds: InlineArray<9, Int>
    @usableFromInline var count = 1

    @inlinable @inline(__always)
    init(_ line: Span<UInt8>) {
        bounds = .init(repeating: 0)
        line.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            let length = bytes.count
            guard length >= 16 else { return addFields(ofShort: bytes) }
            var i = 0
            while i &+ 16 <= length {
                add(bytes16_tabs(start + i), at: i)
                i &+= 16
            }
            if i < length {
                // The last sixteen bytes; the first of them have been searched already, and are masked out.
                let position = length &- 16
                add(bytes16_tabs(start + position) & (.max &<< UInt32(truncatingIfNeeded: i &- position)), at: position)
            }
        }
        if count < 9 { bounds[unchecked: count] = line.count &+ 1 }
    }

    /// Adds a field for each tab.
    ///
    /// - Parameters:
    ///   - tabs: a bit for each byte, the lowest for the first byte.
    ///   - position: the position of the first byte in the line.
    @inlinable @inline(__always)
    mutating func add(_ tabs: UInt32, at position: Int) {
        var (tabs, count) = (tabs, count)
        while tabs != 0 {
            if count < 9 { bounds[unchecked: count] = position &+ tabs.trailingZeroBitCount &+ 1 }
            count &+= 1
            tabs &= tabs &- 1
        }
        self.count = count
    }

    /// Adds the fields of a line that is shorter than sixteen bytes.
    @usableFromInline
    mutating func addFields(ofShort line: UnsafeRawBufferPointer) {
        for i in line.indices where line[i] == UInt8(ascii: "\t") {
            if count < 9 { bounds[count] = i + 1 }
            count += 1
        }
    }

    /// The position of a field. `position` must be below `count`, and below 8.
    @inlinable @inline(__always)
    subscript(position: Int) -> Range<Int> {
        // Through a span, because indexing the array itself copies all of it.
        let bounds = bounds.span
        return Range(uncheckedBounds: (bounds[position], bounds[position &+ 1] &- 1))
    }

    /// Whether the first field of the line is `tag`.
    func tag(in line: Span<UInt8>, is tag: StaticString) -> Bool {
        let field = self[0]
        guard field.count == tag.utf8CodeUnitCount else { return false }
        for i in field where line[i] != tag.utf8Start[i] { return false }
        return true
    }
}
