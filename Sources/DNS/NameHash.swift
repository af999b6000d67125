/// Returns a 32-bit hash, computed eight bytes at a time. It need not resist collision attacks, because the names in
/// tables come from the operator.
@inlinable @inline(__always)
package func nameHash(_ key: Span<UInt8>) -> UInt32 { nameHash(hash64(key)) }

/// Returns the half of a name's `hash64` that tables use.
@inlinable @inline(__always)
package func nameHash(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

/// Returns the 64-bit hash that `nameHash` is the upper half of.
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

    /// Begins a hash of `count` bytes in total.
    @inlinable @inline(__always)
    package init(count: Int) { hash = UInt64(truncatingIfNeeded: count) &* 0x9e37_79b9_7f4a_7c15 }

    /// Adds eight bytes, the first in the lowest bits.
    @inlinable @inline(__always)
    package mutating func combine(_ word: UInt64) {
        let (high, low) = (hash ^ word).multipliedFullWidth(by: 0x9fb2_1c65_1e98_df25)
        hash = high ^ low &+ 0x9e37_79b9_7f4a_7c15
    }

    /// Adds the last `count` bytes, 0...7, the first in the lowest bits, and returns the hash. Later bytes of the
    /// word are ignored.
    @inlinable @inline(__always)
    package mutating func finish(_ word: UInt64, count: Int) -> UInt64 {
        // With `count` 0 the word becomes 0: 8 bits are shifted out first, then 56, because a shift by 64 would be
        // masked to 0.
        combine((word.byteSwapped &>> 8) &>> UInt64(truncatingIfNeeded: 56 &- 8 &* count))
        return hash
    }
}

/// Reads the bytes from `start` to `end`, at most seven, the first in the lowest bits; the other bits are 0. No byte
/// after `end` is read.
@inlinable @inline(__always)
package func lastBytes(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> UInt64 {
    let count = end - start
    guard count > 0 else { return 0 }
    // Usually there are eight bytes that end with the last one.
    if end >= 8 {
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self))
            &>> UInt64(64 &- 8 &* count)
    }
    var word: UInt64 = 0
    for i in (start..<end).reversed() { word = word << 8 | UInt64(bytes.load(fromByteOffset: i, as: UInt8.self)) }
    return word
}
