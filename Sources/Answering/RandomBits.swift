/// A fast pseudo-random number generator, not for secrets (SplitMix64).
package struct RandomBits {
    private var state: UInt64

    /// Begins a sequence, which depends only on the seed.
    package init(seed: UInt64) { state = seed }

    /// Returns the next 64 bits of the sequence.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
        return bits ^ bits >> 31
    }
}
