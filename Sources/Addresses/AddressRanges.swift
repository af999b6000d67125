import Platform

/// A value for every address of a family: ranges without a gap, in the order of their addresses.
package struct AddressRanges<Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable>: Sendable {
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
    @usableFromInline package mutating func reserve(_ count: Int) {
        PageMemory.reserve(count, in: &starts)
        PageMemory.reserve(count, in: &values)
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

    /// The ranges with the values that `transform` makes of those where `other` has another than 0. It costs little where that has 0.
    @inlinable package func replaced(where other: Self, _ transform: (UInt32, UInt32) -> UInt32) -> Self {
        guard !other.isZero else { return self }
        var result = Self(everywhere: 0)
        result.reserve(starts.count + 2 * other.starts.count)
        // The range that the address is in that is next.
        var range = 0
        for position in other.starts.indices {
            let start = other.starts[position]
            let next = position + 1 < other.starts.count ? other.starts[position + 1] : nil
            while range + 1 < starts.count, starts[range + 1] <= start { range += 1 }
            let value = other.values[position]
            if value != 0 {
                result.append(from: start, value: transform(values[range], value))
                while range + 1 < starts.count, next.map({ starts[range + 1] < $0 }) ?? true {
                    range += 1
                    result.append(from: starts[range], value: transform(values[range], value))
                }
            } else {
                result.append(from: start, value: values[range])
                let end = next.map { firstRange(from: $0, after: range) } ?? starts.count
                result.starts.append(contentsOf: starts[(range + 1)..<end])
                result.values.append(contentsOf: values[(range + 1)..<end])
                range = end - 1
            }
        }
        return result
    }

    /// The ranges in which those of value `any` have the value of the range before, or of the first one that has another.
    ///
    /// - Parameter otherwise: their value if there are no others.
    package func without(_ any: UInt32, otherwise: UInt32) -> Self {
        guard values.contains(any) else { return self }
        var result = Self(everywhere: values.first { $0 != any } ?? otherwise)
        for position in starts.indices where values[position] != any {
            result.append(from: starts[position], value: values[position])
        }
        return result
    }

    /// The first range after `range` that begins at or after an address; `starts.count` if there is none.
    @usableFromInline func firstRange(from address: Address, after range: Int) -> Int {
        // Mostly it is near.
        var step = 1
        while range + step < starts.count, starts[range + step] < address { step *= 2 }
        var (low, high) = (range + step / 2, min(range + step, starts.count))
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] < address { low = middle } else { high = middle }
        }
        return high
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
