/// Whether two byte ranges of the same length are equal. It is inlined, because names are usually short.
@inlinable @inline(__always)
public func areEqual(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, count: Int) -> Bool {
    guard count >= 8 else {
        var i = 0
        while i < count {
            guard first.load(fromByteOffset: i, as: UInt8.self) == second.load(fromByteOffset: i, as: UInt8.self) else {
                return false
            }
            i &+= 1
        }
        return true
    }
    // The last word ends with the last byte, and may overlap the one before it.
    var i = 0
    while i < count &- 8 {
        guard isWordEqual(first, second, at: i) else { return false }
        i &+= 8
    }
    return isWordEqual(first, second, at: count &- 8)
}

@inlinable @inline(__always)
func isWordEqual(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, at offset: Int) -> Bool {
    first.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        == second.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
}
