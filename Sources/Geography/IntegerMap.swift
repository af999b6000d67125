/// Numbers for keys: a hash table of integers, several times faster than a dictionary.
struct Numbering<Key: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    private var slots: [(key: Key, number: UInt32)]
    private var count = 0
    /// Known to no maker of a database that is to fill one part of the table.
    private let seed = UInt64.random(in: .min ... .max)

    init() { slots = Array(repeating: (0, .max), count: 1 << 10) }

    /// The number of `key`; `nil` if it has none.
    subscript(key: Key) -> UInt32? {
        let slot = slot(of: key)
        return slots[slot].number == .max ? nil : slots[slot].number
    }

    /// The number of `key`, if it is where it is looked for first; else `UInt32.max`, with a number or without.
    ///
    /// It takes no branch, so that the processor waits for the memory of several keys at once.
    @inline(__always)
    func likelyNumber(of key: Key) -> UInt32 {
        let entry = slots[firstSlot(of: key)]
        return entry.key == key ? entry.number : .max
    }

    /// Gives `key`, which has none, the number `number`, below 2^32 - 1.
    mutating func insert(_ key: Key, _ number: UInt32) {
        if 8 * count >= 5 * slots.count {
            let old = slots
            slots = Array(repeating: (0, .max), count: 2 * old.count)
            for entry in old where entry.number != .max {
                slots[slot(of: entry.key)] = entry
            }
        }
        slots[slot(of: key)] = (key, number)
        count += 1
    }

    /// Where `key` is, or would be.
    private func slot(of key: Key) -> Int {
        var slot = firstSlot(of: key)
        while slots[slot].number != .max, slots[slot].key != key { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    /// Where `key` is looked for first.
    @inline(__always)
    private func firstSlot(of key: Key) -> Int {
        // The halves must not cancel each other out before the seed comes in.
        let high = (UInt64(truncatingIfNeeded: key >> 64) ^ seed) &* 0xa076_1d64_78bd_642f
        var hash = (UInt64(truncatingIfNeeded: key) ^ seed ^ high ^ high >> 32) &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1)
    }
}
