import Platform

/// A value for every address of a family: ranges without a gap, in the order of their addresses.
struct AddressRanges<Address: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    /// The first address of each range; the first of them is 0. A range ends where the next begins.
    private(set) var starts: [Address] = [0]
    /// The value of each range. Neighbours differ.
    private(set) var values: [UInt32]

    /// One range of all addresses.
    init(everywhere value: UInt32) { values = [value] }

    /// Makes room for so many ranges, of which only those that come take memory.
    mutating func reserve(_ count: Int) {
        starts.reserveCapacity(count)
        values.reserveCapacity(count)
    }

    /// Whether all addresses have one value, 0.
    var isZero: Bool { values == [0] }

    /// The value of an address.
    func value(of address: Address) -> UInt32 {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= address { low = middle } else { high = middle }
        }
        return values[low]
    }

    /// Gives all addresses from `start` on a value. `start` must not be lower than those before.
    mutating func append(from start: Address, value: UInt32) {
        if starts.last == start {
            starts.removeLast()
            values.removeLast()
        }
        guard values.last != value else { return }
        starts.append(start)
        values.append(value)
        giveWay(at: starts.count)
    }

    /// The ranges in which `transform` gives the same value, as one range each.
    func map(_ transform: (UInt32) throws -> UInt32) rethrows -> Self {
        var result = Self(everywhere: 0)
        result.reserve(starts.count)
        for (start, value) in zip(starts, values) { result.append(from: start, value: try transform(value)) }
        return result
    }

    /// The ranges in which both this value and that of `other` stay the same.
    func combined(with other: Self, _ transform: (UInt32, UInt32) -> UInt32) -> Self {
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

    /// These ranges with every address of `first...last` given `value`.
    func overlaid(first: Address, last: Address, value: UInt32) -> Self {
        var result = Self(everywhere: 0)
        var after: UInt32 = value
        var i = 0
        while i < starts.count, starts[i] < first {
            result.append(from: starts[i], value: values[i])
            after = values[i]
            i += 1
        }
        result.append(from: first, value: value)
        while i < starts.count, starts[i] <= last {
            after = values[i]
            i += 1
        }
        guard last < .max else { return result }
        result.append(from: last + 1, value: after)
        while i < starts.count {
            result.append(from: starts[i], value: values[i])
            i += 1
        }
        return result
    }
}
