/// A hash of 32 bits that takes eight bytes at a time. Who may choose the names in a table is its operator, so it need not
/// resist an attack.
@inlinable @inline(__always)
package func nameHash(_ key: Span<UInt8>) -> UInt32 { nameHash(hash64(key)) }

/// The half of a name's `hash64` that tables use.
@inlinable @inline(__always)
package func nameHash(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

/// The hash that `nameHash` takes a half of.
@inlinable @inline(__always)
package func hash64(_ key: Span<UInt8>) -> UInt64 {
    key.withUnsafeBytes { bytes in
        var hasher = NameHasher(count: bytes.count)
        guard let start = bytes.baseAddress else { return hasher.finish(0, count: 0) }
        var i = 0
        while i &+ 8 <= bytes.count {
            hasher.combine(UInt64(littleEndian: start.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i &+= 8
        }
        return hasher.finish(lastBytes(start, from: i, to: bytes.count), count: bytes.count - i)
    }
}

/// Computes `hash64` of bytes that come eight at a time.
@usableFromInline
package struct NameHasher {
    @usableFromInline var hash: UInt64

    /// - Parameter count: the number of all bytes.
    @inlinable @inline(__always)
    package init(count: Int) { hash = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15 }

    /// Adds eight bytes, the first in the lowest bits.
    @inlinable @inline(__always)
    package mutating func combine(_ word: UInt64) {
        let (high, low) = (hash ^ word).multipliedFullWidth(by: 0x9fb2_1c65_1e98_df25)
        hash = high ^ low &+ 0x9e37_79b9_7f4a_7c15
    }

    /// Adds the last `count` bytes, which are fewer than eight, the first in the lowest bits, and returns the hash. What is after
    /// them in the word does not count.
    @inlinable @inline(__always)
    package mutating func finish(_ word: UInt64, count: Int) -> UInt64 {
        // Zero for none: the shift is by 56 bits at most.
        combine((word.byteSwapped &>> 8) &>> UInt64(truncatingIfNeeded: 56 &- 8 &* count))
        return hash
    }
}

/// Reads the bytes from `start` to `end`, fewer than eight: the first in the lowest bits, and zeros after them. Nothing after
/// `end` is read.
@inlinable @inline(__always)
package func lastBytes(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> UInt64 {
    let count = end - start
    guard count > 0 else { return 0 }
    // The eight bytes that end with the last are mostly there.
    if end >= 8 {
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self))
            &>> UInt64(64 &- 8 &* count)
    }
    var word: UInt64 = 0
    for i in (start..<end).reversed() { word = word << 8 | UInt64(bytes.load(fromByteOffset: i, as: UInt8.self)) }
    return word
}
