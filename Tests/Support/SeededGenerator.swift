/// SplitMix64 (Steele, Lea and Flood): a seed gives the same numbers on every machine.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Returns true with a probability of 1 / `number`.
    package mutating func once(in number: Int) -> Bool { Int.random(in: 0..<number, using: &self) == 0 }

    package mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    package mutating func one<T>(of items: [T]) -> T { items.randomElement(using: &self)! }

    /// Returns up to `count` different items.
    package mutating func some<T>(_ count: Int, of items: [T]) -> [T] {
        Array(items.shuffled(using: &self).prefix(count))
    }
}
