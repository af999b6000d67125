/// A value for every address of a family: ranges without a gap, in the order of their addresses.
package struct AddressRanges<Address: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    /// The first address of each range; the first of them is 0. A range ends where the next begins.
    @usableFromInline package var starts: [Address] = [0]
    /// The value of each range. Neighbours differ.
    @usableFromInline package var values: [UInt32]

    /// One range of all addresses.
    @inlinable package init(everywhere value: UInt32) { values = [value] }

    /// Ranges that are in order, the first of which begins at 0, and of which neighbours differ.
    @inlinable package init(starts: [Address], values: [UInt32]) {
        self.starts = starts
        self.values = values
    }

    /// Makes room for `count` ranges, of which only those that come take memory.
    @inlinable package mutating func reserve(_ count: Int) {
        starts.reserveCapacity(count)
        values.reserveCapacity(count)
    }

    /// Whether all addresses have one value, 0.
    @inlinable package var isZero: Bool { values == [0] }

    /// The value of an address.
    @inlinable package func value(of address: Address) -> UInt32 {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= address { low = middle } else { high = middle }
        }
        return values[low]
    }

    /// Gives all addresses from `start` on a value. `start` must not be lower than those before.
    @inlinable package mutating func append(from start: Address, value: UInt32) {
        if starts.last == start {
            starts.removeLast()
            values.removeLast()
        }
        guard values.last != value else { return }
        starts.append(start)
        values.append(value)
    }

    /// The ranges in which `transform` gives the same value, as one range each.
    @inlinable package func map(_ transform: (UInt32) throws -> UInt32) rethrows -> Self {
        var result = Self(everywhere: 0)
        result.reserve(starts.count)
        result.values[0] = try transform(values[0])
        var last = result.values[0]
        for position in 1..<starts.count {
            let value = try transform(values[position])
            guard value != last else { continue }
            result.starts.append(starts[position])
            result.values.append(value)
            last = value
        }
        return result
    }

    /// The ranges in which both this value and that of `other` stay the same.
    @inlinable package func combined(with other: Self, _ transform: (UInt32, UInt32) -> UInt32) -> Self {
        var result = Self(everywhere: 0)
        var (i, j) = (0, 0)
        while i < starts.count || j < other.starts.count {
            let mine = i < starts.count ? starts[i] : .max
            let theirs = j < other.starts.count ? other.starts[j] : .max
            let start = i < starts.count && (j == other.starts.count || mine <= theirs) ? mine : theirs
            if i < starts.count, starts[i] == start { i += 1 }
            if j < other.starts.count, other.starts[j] == start { j += 1 }
            result.append(from: start, value: transform(values[i - 1], other.values[j - 1]))
        }
        return result
    }

    /// These ranges without those that lie in `first...last`, but for the first of them, which says where the one before ends.
    package func outside(first: Address, last: Address) -> Self {
        var result = self
        result.starts = []
        result.values = []
        var isInside = false
        for i in starts.indices {
            let isWithin = starts[i] >= first && i + 1 < starts.count && starts[i + 1] - 1 <= last
            defer { isInside = isWithin }
            guard !isWithin || !isInside else { continue }
            result.starts.append(starts[i])
            result.values.append(values[i])
        }
        return result
    }

    /// Calls `body` with the starts and the values.
    package func withBuffers<Result>(
        _ body: (_ starts: UnsafeBufferPointer<Address>, _ values: UnsafeBufferPointer<UInt32>) throws -> Result
    ) rethrows -> Result {
        try starts.withUnsafeBufferPointer { starts in
            try values.withUnsafeBufferPointer { try body(starts, $0) }
        }
    }
}
