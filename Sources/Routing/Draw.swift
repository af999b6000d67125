import Glibc

/// Chance, from one seed: the same seed draws the same.
///
/// Each candidate gets a score from the seed and from what it is, and the best score wins (rendezvous hashing, Thaler and
/// Ravishankar 1998). So taking a candidate away changes nothing for those who did not draw it, and for whoever
/// did the next best score is the new choice.
public struct Draw: Sendable {
    @usableFromInline let seed: UInt64
    /// Who draws again from other candidates must draw the same if it is still there.
    let isStable: Bool

    /// The draw by which a network's clients are spread when their datacenter is not available.
    ///
    /// It has nothing to do with the network's other draw: what lost there must not lose here as well.
    ///
    /// - Parameters:
    ///   - network: tells the network from others.
    ///   - salt: lets different services draw differently.
    public static func spreading(network: UInt64, salt: UInt64) -> Draw { Draw(network: network, salt: ~salt) }

    /// A draw that will not be repeated.
    ///
    /// - Parameter random: any 64 bits.
    public init(random: UInt64) {
        seed = random
        isStable = false
    }

    /// The draw of a client's network, the same for all its clients.
    ///
    /// - Parameters:
    ///   - network: tells the network from others.
    ///   - salt: lets different services draw differently.
    public init(network: UInt64, salt: UInt64) {
        seed = mixed(network ^ salt)
        isStable = true
    }

    /// The score of a candidate, the lowest of which wins: exponentially distributed with `weight` as its rate, so that
    /// each wins as often as its weight's part in the sum of all.
    ///
    /// - Parameters:
    ///   - identity: what makes the candidate different from the others, wherever it stands.
    ///   - weight: at least 1.
    @inlinable
    public func score(_ identity: UInt64, weight: UInt32) -> Double { score(identity, rate: Double(weight)) }

    /// Does as `score` with a weight does.
    ///
    /// - Parameter rate: a weight or a capacity, from 1e-100 to 1e100, in any unit.
    @inlinable
    func score(_ identity: UInt64, rate: Double) -> Double {
        // 53 bits fill a Double, and the half keeps it between 0 and 1.
        let uniform = (Double(mixed(seed ^ identity) >> 11) + 0.5) * 0x1p-53
        return -log(uniform) / rate
    }

    /// A number below `limit` that has nothing to do with the scores.
    @inline(__always)
    func number(below limit: UInt64, attempt: UInt64) -> UInt64 {
        mixed(seed &+ attempt &* 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: limit).high
    }
}

/// All bits of `bits`, each depending on all (the finalizer of SplitMix64).
@inlinable
func mixed(_ bits: UInt64) -> UInt64 {
    var bits = bits &+ 0x9e37_79b9_7f4a_7c15
    bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
    return bits ^ bits >> 31
}

/// A number for a name, the same in all processes and on all machines (FNV-1a).
public func identity(of name: some StringProtocol) -> UInt64 {
    // Most texts are in one piece of memory, where this takes a tenth of the time.
    if let hash = name.utf8.withContiguousStorageIfAvailable(identity(of:)) { return hash }
    return Array(name.utf8).withUnsafeBufferPointer(identity(of:))
}

private func identity(of bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
}
