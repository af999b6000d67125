/// Numbers for offsets into a file: a hash table whose hash keeps the order, so that what is near in the file is near in
/// memory. Networks that are neighbours mostly have records that are neighbours, and a look-up that misses the
/// processor's caches costs more than all else that is done for a network.
struct OffsetTable {
    private var slots: [(offset: UInt32, number: UInt32)] = []
    /// What offsets are shifted by to become a position.
    private var shift: UInt32 = 6
    private let limit: UInt32

    /// So far behind its position an offset is looked for; more of them so near each other spread the table.
    private static var reach: Int { 64 }

    /// A table for offsets below `limit`.
    init(limit: UInt32) {
        self.limit = limit
        makeSlots()
    }

    private mutating func makeSlots() {
        slots = Array(repeating: (0, .max), count: Int(limit >> shift) + 1 + Self.reach)
    }

    /// The number of `offset`; `nil` if it has none.
    subscript(offset: UInt32) -> UInt32? {
        var slot = Int(offset >> shift)
        while slots[slot].number != .max {
            if slots[slot].offset == offset { return slots[slot].number }
            slot += 1
            guard slot < slots.count else { return nil }
        }
        return nil
    }

    /// Gives `offset`, which has none, the number `number`, below 2^32 - 1.
    mutating func insert(_ offset: UInt32, _ number: UInt32) {
        while !place(offset, number) { spread() }
    }

    private mutating func place(_ offset: UInt32, _ number: UInt32) -> Bool {
        let home = Int(offset >> shift)
        for slot in home..<min(home + Self.reach, slots.count) where slots[slot].number == .max {
            slots[slot] = (offset, number)
            return true
        }
        return false
    }

    private mutating func spread() {
        let old = slots
        // With no shift every offset has a slot of its own.
        repeat {
            shift -= 1
            makeSlots()
        } while !old.allSatisfy { $0.number == .max || place($0.offset, $0.number) }
    }
}
