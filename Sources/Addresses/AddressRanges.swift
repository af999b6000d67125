import Platform

/// A value for every address of one family: ranges without gaps, in ascending order.
package struct AddressRanges<Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable>: Sendable {
    /// The first address of each range, ascending; the first is 0. A range ends where the next one begins.
    @usableFromInline package var starts: [Address] = [0]
    /// The value of each range. Adjacent ranges have different values.
    @usableFromInline package var values: [UInt32]

    /// Makes one range of all addresses.
    @inlinable package init(everywhere value: UInt32) { values = [value] }

    /// Takes over ranges that are sorted, begin at 0, and have different values where they are adjacent.
    @inlinable package init(starts: [Address], values: [UInt32]) {
        self.starts = starts
        self.values = values
    }

    /// Reserves address space for `count` ranges; pages are committed on first use.
    @usableFromInline package mutating func reserve(_ count: Int) {
        PageMemory.reserve(count, in: &starts)
        PageMemory.reserve(count, in: &values)
    }

    /// Whether all addresses have one value, 0.
    @inlinable package var isZero: Bool { values == [0] }

    /// Returns the value of an address.
    @inlinable package func value(of address: Address) -> UInt32 {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= address { low = middle } else { high = middle }
        }
        return values[low]
    }

    /// Gives a value to all addresses from `start` on. `start` must not be below any earlier one.
    @inlinable package mutating func append(from start: Address, value: UInt32) {
        if starts.last == start {
            starts.removeLast()
            values.removeLast()
        }
        guard values.last != value else { return }
        starts.append(start)
        values.append(value)
    }

    /// Returns the ranges with each value transformed. Adjacent ranges of the same value become one.
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

    /// Returns ranges of `transform(value, otherValue)`, address by address.
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

    /// Returns the ranges with each value replaced by `transform(value, otherValue)` where the value of `other` is not
    /// 0. Ranges where it is 0 are copied, which costs little.
    @inlinable package func replaced(where other: Self, _ transform: (UInt32, UInt32) -> UInt32) -> Self {
        guard !other.isZero else { return self }
        var result = Self(everywhere: 0)
        result.reserve(starts.count + 2 * other.starts.count)
        // The range that contains the next address.
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

    /// Returns the ranges with those of value `any` merged into the range before them, or, at the beginning, into the
    /// first range with another value.
    ///
    /// - Parameter otherwise: the value of all addresses if every range has the value `any`.
    package func without(_ any: UInt32, otherwise: UInt32) -> Self {
        guard values.contains(any) else { return self }
        var result = Self(everywhere: values.first { $0 != any } ?? otherwise)
        for position in starts.indices where values[position] != any {
            result.append(from: starts[position], value: values[position])
        }
        return result
    }

    /// Returns the first range after `range` that begins at or after an address; `starts.count` if there is none.
    @usableFromInline func firstRange(from address: Address, after range: Int) -> Int {
        // It is usually near, so the search begins with small steps.
        var step = 1
        while range + step < starts.count, starts[range + step] < address { step *= 2 }
        var (low, high) = (range + step / 2, min(range + step, starts.count))
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] < address { low = middle } else { high = middle }
        }
        return high
    }

    /// Returns the ranges without those that lie in `first...last`. The first of these stays, because it says where the
    /// range before it ends.
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
