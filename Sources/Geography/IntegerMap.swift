/// A hash table from integers to integers, several times faster than a dictionary.
struct IntegerMap<Key: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    private var slots: [(key: Key, number: UInt32)]
    private var count = 0
    private let seed = randomSeed

    init() { slots = Array(repeating: (0, .max), count: 1 << 5) }

    /// Returns the number of `key`; `nil` if it has none.
    subscript(key: Key) -> UInt32? {
        let slot = slot(of: key)
        return slots[slot].number == .max ? nil : slots[slot].number
    }

    /// Returns the number of `key` if it is in its first slot; `UInt32.max` otherwise, whether it has a number or not.
    ///
    /// It has no branch, so that the processor waits for the memory of several keys at once.
    @inline(__always)
    func likelyNumber(of key: Key) -> UInt32 {
        let entry = slots[firstSlot(of: key)]
        return entry.key == key ? entry.number : .max
    }

    /// Inserts `key`, which must be new, with a number below 2^32 - 1.
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

    /// Returns the slot of `key`, or the free slot where it belongs.
    private func slot(of key: Key) -> Int {
        var slot = firstSlot(of: key)
        while slots[slot].number != .max, slots[slot].key != key { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    /// Returns the slot where the search for `key` begins.
    @inline(__always)
    private func firstSlot(of key: Key) -> Int {
        // Each half is mixed with the seed before they are combined. Otherwise keys whose halves cancel out would
        // collide with any seed.
        let high = (UInt64(truncatingIfNeeded: key >> 64) ^ seed) &* 0xa076_1d64_78bd_642f
        var hash = (UInt64(truncatingIfNeeded: key) ^ seed ^ high ^ high >> 32) &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1)
    }
}

/// A random number of this process, so that a crafted database cannot force collisions.
private let randomSeed = UInt64.random(in: .min ... .max)
