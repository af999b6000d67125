/// Some of many things, each of them with the same chance, and how many each of them stands for. Its memory and its cost for one thing
/// do not grow with their number.
public struct HitSample<Element> {
    /// The most things that are kept in a second, on average.
    @inlinable public static var rate: Int { 100 }
    /// The most things that are kept between two calls of `take`.
    @inlinable static var capacity: Int { rate / 2 }

    @usableFromInline var kept: [Element] = []
    /// How many there were since the last `take`.
    @usableFromInline var seen = 0
    @usableFromInline var random: UInt64
    /// In milliseconds; `nil` before the first `take`.
    @usableFromInline var lastTaken: Int?

    /// - Parameter seed: begins the random numbers.
    @inlinable public init(seed: UInt64) { random = seed | 1 }

    /// Takes something into account, and keeps it if it is chosen.
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

    /// Takes into account what could not be looked at.
    @inlinable public mutating func miss(_ count: Int) { seen += count }

    /// Takes out what was chosen. The sum of what they stand for is the number of all.
    ///
    /// - Parameter now: in milliseconds, on a clock that is never set; it says how many may be taken.
    @inlinable public mutating func take(at now: Int) -> [(element: Element, weight: Int)] {
        let interval = lastTaken.map { now - $0 } ?? 1_000
        lastTaken = now
        // Rounded up: seldom ones are all told.
        let room = min(Self.capacity, max(1, (Self.rate * min(max(interval, 0), 1_000) + 999) / 1_000))
        // Some of some that were chosen with the same chance.
        while kept.count > room { kept.swapAt(below(kept.count), kept.count - 1); kept.removeLast() }
        defer {
            kept.removeAll(keepingCapacity: true)
            seen = 0
        }
        guard !kept.isEmpty else { return [] }
        let (each, rest) = seen.quotientAndRemainder(dividingBy: kept.count)
        return kept.enumerated().map { ($1, each + ($0 < rest ? 1 : 0)) }
    }

    /// A number from 0 to below `limit`, which is above 0.
    @inlinable
    mutating func below(_ limit: Int) -> Int {
        // xorshift64, whose upper half is good enough for that.
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return Int(((random >> 32) &* UInt64(truncatingIfNeeded: limit & 0xffff_ffff)) >> 32)
    }
}
