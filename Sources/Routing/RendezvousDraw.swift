import Glibc

/// A random choice that depends only on a seed (rendezvous hashing, Thaler and Ravishankar 1998).
///
/// Each candidate gets a score from the seed and its identity, and the best score wins. So if a candidate is removed,
/// only the clients that had drawn it move, each to the candidate with its next best score.
///
/// ```swift
/// let draw = RendezvousDraw(network: 0xc00002, salt: identity(of: "www"))   // all clients of 192.0.2.0/24
/// func score(_ name: String) -> Double { draw.score(identity(of: name), weight: 1) }
/// let winner = ["oslo", "ashburn"].min { score($0) < score($1) }
/// ```
public struct RendezvousDraw: Sendable {
    @usableFromInline let seed: UInt64
    /// Whether repeated draws must agree (sticky).
    let isStable: Bool

    /// Returns the draw that spreads a network's clients if their datacenter is not available.
    ///
    /// It is independent of the network's other draw: otherwise candidates that lost there would lose here, too.
    ///
    /// - Parameters:
    ///   - network: the number of the network.
    ///   - salt: a number that makes the draws of different services independent.
    public static func spreading(network: UInt64, salt: UInt64) -> RendezvousDraw {
        RendezvousDraw(network: network, salt: ~salt)
    }

    /// Makes a draw that will not be repeated.
    ///
    /// - Parameter random: any 64 bits.
    public init(random: UInt64) {
        seed = random
        isStable = false
    }

    /// Makes the draw of a client network, which is the same for all its clients.
    ///
    /// - Parameters:
    ///   - network: the number of the network.
    ///   - salt: a number that makes the draws of different services independent.
    public init(network: UInt64, salt: UInt64) {
        seed = splitMix64(network ^ salt)
        isStable = true
    }

    /// Returns the score of a candidate; the lowest score wins. It is exponentially distributed with the rate `weight`,
    /// so that each candidate wins in proportion to its weight.
    ///
    /// - Parameters:
    ///   - identity: the identity of the candidate, which does not depend on its position.
    ///   - weight: at least 1.
    @inlinable
    public func score(_ identity: UInt64, weight: UInt32) -> Double { score(identity, rate: Double(weight)) }

    /// Returns the score of a candidate with a rate instead of a weight.
    ///
    /// - Parameter rate: a weight or a capacity, 1e-100...1e100, in any unit.
    @inlinable
    func score(_ identity: UInt64, rate: Double) -> Double {
        // 53 bits fill a Double. Adding one half keeps the number above 0 and below 1, so that the logarithm is finite.
        let uniform = (Double(splitMix64(seed ^ identity) >> 11) + 0.5) * 0x1p-53
        return -log(uniform) / rate
    }

    /// Returns a number below `limit` that is independent of the scores.
    @inline(__always)
    func number(below limit: UInt64, attempt: UInt64) -> UInt64 {
        splitMix64(seed &+ attempt &* 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: limit).high
    }
}

/// Returns a hash of 64 bits (the finalizer of SplitMix64).
@inlinable
func splitMix64(_ bits: UInt64) -> UInt64 {
    var bits = bits &+ 0x9e37_79b9_7f4a_7c15
    bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
    return bits ^ bits >> 31
}

/// Returns a hash of a name, the same in all processes and on all machines (FNV-1a).
public func identity(of name: some StringProtocol) -> UInt64 {
    // Most strings are contiguous, and then this takes a tenth of the time.
    if let hash = name.utf8.withContiguousStorageIfAvailable(identity(of:)) { return hash }
    return Array(name.utf8).withUnsafeBufferPointer(identity(of:))
}

private func identity(of bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
}
