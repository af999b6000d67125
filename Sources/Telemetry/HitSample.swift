/// A uniform random sample of elements (reservoir sampling), with the number of elements that each of the sample stands
/// for. Memory and time for each element are constant.
public struct HitSample<Element> {
    /// The largest number of elements that are kept in a second, on average.
    @inlinable public static var rate: Int { 100 }
    /// The largest number of elements that are kept between two calls of `take`.
    @inlinable static var capacity: Int { rate / 2 }

    @usableFromInline var kept: [Element] = []
    /// The number of elements since the last `take`.
    @usableFromInline var seen = 0
    @usableFromInline var random: UInt64
    /// The time of the last `take` in milliseconds; `nil` before the first one.
    @usableFromInline var lastTaken: Int?

    /// Makes an empty sample.
    ///
    /// - Parameter seed: the seed of the random numbers.
    @inlinable public init(seed: UInt64) { random = seed | 1 }

    /// Counts an element, and keeps it if it is chosen.
    @inlinable @inline(__always)
    public mutating func offer(_ element: @autoclosure () -> Element) {
        seen += 1
        if kept.count < Self.capacity {
            kept.append(element())
        } else {
            let place = below(seen)
            if place < Self.capacity { kept[place] = element() }
        }
    }

    /// Whether there is nothing to take.
    @inlinable public var isEmpty: Bool { kept.isEmpty }

    /// Counts elements that are not available for the sample.
    @inlinable public mutating func miss(_ count: Int) { seen += count }

    /// Takes out the sample. The sum of the weights is the number of all elements.
    ///
    /// - Parameter now: the time in milliseconds on a monotonic clock; the time since the last `take` limits the size
    ///   of the sample.
    @inlinable public mutating func take(at now: Int) -> [(element: Element, weight: Int)] {
        let interval = lastTaken.map { now - $0 } ?? 1_000
        lastTaken = now
        // Rounded up, so that rare elements are always kept.
        let room = min(Self.capacity, max(1, (Self.rate * min(max(interval, 0), 1_000) + 999) / 1_000))
        // A uniform sample of a uniform sample is uniform.
        while kept.count > room { kept.swapAt(below(kept.count), kept.count - 1); kept.removeLast() }
        defer {
            kept.removeAll(keepingCapacity: true)
            seen = 0
        }
        guard !kept.isEmpty else { return [] }
        let (each, rest) = seen.quotientAndRemainder(dividingBy: kept.count)
        return kept.enumerated().map { ($1, each + ($0 < rest ? 1 : 0)) }
    }

    /// Returns a random number 0..<limit; `limit` must be above 0.
    @inlinable
    mutating func below(_ limit: Int) -> Int {
        // xorshift64; its upper half is good enough here.
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return Int(((random >> 32) &* UInt64(truncatingIfNeeded: limit & 0xffff_ffff)) >> 32)
    }
}
