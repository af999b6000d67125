import DNS
import Glibc

/// The names of a zone that is being built. Each name has a number, and the parent of a name always has a lower number.
struct NameSet {
    /// A hash table: one more than the number of a name; 0 for a free slot.
    private var slots: [UInt32] = Array(repeating: 0, count: 16)
    private var hashes: [UInt32] = []
    /// All keys one after another, and the end of each.
    private var keys: [UInt8]
    private var ends: [Int]
    /// The number of the parent of each name; -1 for the apex.
    private(set) var parents: [Int32] = []

    /// Makes a set of one name, the apex of the zone, which has number 0.
    init(apex: [UInt8]) {
        keys = []
        ends = [0]
        insert(apex.span, hash: nameHash(apex.span), parent: -1)
    }

    var count: Int { hashes.count }

    func hash(of number: Int) -> UInt32 { hashes[number] }

    func keyRange(of number: Int) -> Range<Int> { ends[number]..<ends[number + 1] }

    /// Calls `body` with the key of a name.
    func withKey<Result>(of number: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        body(keys.span.extracting(keyRange(of: number)))
    }

    func text(of number: Int) -> String { String(decoding: keys[keyRange(of: number)], as: UTF8.self) }

    /// Returns the number of a name; `nil` if it is not in the set.
    func number(of key: Span<UInt8>) -> Int? {
        let slot = slot(of: key, hash: nameHash(key))
        return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
    }

    /// Returns the number of a name, which must be at or below the apex. Adds the name and the names between it and the
    /// apex if they are missing.
    mutating func insert(_ key: Span<UInt8>) -> Int {
        let hash = nameHash(key)
        let slot = slot(of: key, hash: hash)
        if slots[slot] != 0 { return Int(slots[slot]) - 1 }
        let start = parentStart(of: key)
        // The parent of a single label is the root, which must be the apex then.
        let parent = start == key.count ? 0 : insert(key.extracting(start..<key.count))
        return insert(key, hash: hash, parent: Int32(parent))
    }

    @discardableResult
    private mutating func insert(_ key: Span<UInt8>, hash: UInt32, parent: Int32) -> Int {
        let number = hashes.count
        slots[slot(of: key, hash: hash)] = UInt32(number + 1)
        hashes.append(hash)
        parents.append(parent)
        key.withUnsafeBufferPointer { keys.append(contentsOf: $0) }
        ends.append(keys.count)
        if 2 * hashes.count > slots.count { grow() }
        return number
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: 2 * slots.count)
        for (number, hash) in hashes.enumerated() {
            var slot = Int(hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }

    /// Returns the slot of `key`, or the free slot where it belongs.
    private func slot(of key: Span<UInt8>, hash: UInt32) -> Int {
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if hashes[number] == hash, isKey(key, number) { return slot }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private func isKey(_ key: Span<UInt8>, _ number: Int) -> Bool {
        let range = keyRange(of: number)
        guard range.count == key.count else { return false }
        return key.withUnsafeBytes { key in
            keys.withUnsafeBytes { memcmp($0.baseAddress! + range.lowerBound, key.baseAddress!, key.count) == 0 }
        }
    }
}

/// Returns the start of the parent in a name in presentation format, which is after the first dot that is not escaped;
/// the end if there is none.
public func parentStart(of key: Span<UInt8>) -> Int {
    var i = 0
    while i < key.count {
        if key[i] == UInt8(ascii: "\\") {
            i += 1
        } else if key[i] == UInt8(ascii: ".") {
            return i + 1
        }
        i += 1
    }
    return key.count
}
