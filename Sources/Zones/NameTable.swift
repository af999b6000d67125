import Glibc

/// From names to numbers: a hash table that is made once and then only read.
struct NameTable: Sendable {
    /// Half of each slot is the hash, the other half one more than the number; 0 if the slot is free.
    private var slots: [UInt64]
    /// All keys, one behind the other.
    private var keys: [UInt8] = []
    /// Where each key ends.
    private var ends: [Int] = [0]

    /// A table for `capacity` names.
    init(capacity: Int) {
        var size = 8
        while size < 2 * capacity { size *= 2 }
        slots = Array(repeating: 0, count: size)
    }

    /// Adds a name that is not there yet, and gives it the next number, beginning with 0.
    mutating func append(_ name: DomainName) {
        let key = name.key
        let hash = nameHash(key.span)
        let number = ends.count - 1
        keys.append(contentsOf: key)
        ends.append(keys.count)
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt64(hash) << 32 | UInt64(number + 1)
    }

    /// The number of the name that `key` holds.
    func number(of key: borrowing NameKey) -> Int? {
        let hash = key.hash
        let slots = slots.span
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if UInt32(truncatingIfNeeded: slots[slot] >> 32) == hash {
                let number = Int(UInt32(truncatingIfNeeded: slots[slot])) - 1
                if isKey(key, at: ends[number]..<ends[number + 1]) { return number }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isKey(_ key: borrowing NameKey, at range: Range<Int>) -> Bool {
        guard key.count == range.count else { return false }
        return keys.withUnsafeBufferPointer { memcmp($0.baseAddress! + range.lowerBound, key.bytes, range.count) == 0 }
    }

    /// The key of a number.
    func key(of number: Int) -> ArraySlice<UInt8> { keys[ends[number]..<ends[number + 1]] }
}

/// A name as it is looked for: in lower case and with all escapes written alike. Memory for one name, used again and again.
public struct NameKey: ~Copyable {
    /// Longer than the longest name: 255 bytes, each of which may need an escape of four.
    private static let capacity = 1024

    let bytes: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private(set) var hash: UInt32 = 0

    public init() {
        bytes = .allocate(capacity: Self.capacity + 8)
    }

    deinit { bytes.deallocate() }

    /// Takes over a name in presentation format, with or without a final dot.
    ///
    /// - Returns: false if that is no name.
    public mutating func set(_ name: Span<UInt8>) -> Bool {
        guard 1...Self.capacity ~= name.count else { return false }
        count = 0
        var needsUnescaping = false
        for i in 0..<name.count {
            let byte = name[unchecked: i]
            // Bytes that pdns would have escaped, and escapes that it would have written otherwise.
            needsUnescaping = needsUnescaping || byte == UInt8(ascii: "\\") || byte <= 0x20 || byte >= 0x7f
            bytes[i] = lowerCase(byte)
        }
        count = name.count
        if needsUnescaping {
            guard escapeAnew(name) else { return false }
        } else if count > 1, bytes[count - 1] == UInt8(ascii: ".") {
            count -= 1
        }
        hash = nameHash(UnsafeBufferPointer(start: bytes, count: count).span)
        return true
    }

    private mutating func escapeAnew(_ name: Span<UInt8>) -> Bool {
        count = 0
        var i = 0
        while i < name.count {
            // An escape may become longer by three bytes.
            guard count + 4 <= Self.capacity else { return false }
            if name[i] == UInt8(ascii: ".") {
                i += 1
                guard i < name.count || count == 0 else { break }
                bytes[count] = UInt8(ascii: ".")
                count += 1
            } else {
                guard let (byte, next) = unescape(name, at: i) else { return false }
                appendEscaped(lowerCase(byte)) {
                    bytes[count] = $0
                    count += 1
                }
                i = next
            }
        }
        return true
    }
}

/// A hash of 32 bits that takes eight bytes at a time. Who may choose the names in a table is its operator, so it need not
/// resist an attack.
private func nameHash(_ key: Span<UInt8>) -> UInt32 {
    var hash = UInt64(key.count) &* 0x9e37_79b9_7f4a_7c15
    var i = 0
    key.withUnsafeBytes { bytes in
        while i + 8 <= bytes.count {
            hash = mix(hash, bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
            i += 8
        }
        var rest: UInt64 = 0
        while i < bytes.count {
            rest = rest << 8 | UInt64(bytes[i])
            i += 1
        }
        hash = mix(hash, rest)
    }
    return UInt32(truncatingIfNeeded: hash >> 32)
}

@inline(__always)
private func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let (high, low) = (hash ^ word).multipliedFullWidth(by: 0x9fb2_1c65_1e98_df25)
    return high ^ low &+ 0x9e37_79b9_7f4a_7c15
}
