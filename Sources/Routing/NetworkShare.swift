/// A stable part of all client networks: a larger share with the same salt includes all networks of a smaller one.
public struct NetworkShare: Hashable, Sendable {
    /// A number that makes shares independent of each other, and of draws with other salts.
    @usableFromInline let salt: UInt64
    /// The largest hash of a network that is in the share.
    @usableFromInline let limit: UInt64

    /// Makes a share.
    ///
    /// - Parameter percent: the size, 1...100.
    public init(percent: Int, salt: UInt64) {
        self.salt = salt
        limit = percent == 100 ? .max : UInt64(percent) * (.max / 100)
    }

    /// Whether a network is in the share.
    ///
    /// - Parameter network: the number of the network.
    @inlinable @inline(__always)
    public func contains(_ network: UInt64) -> Bool { splitMix64(network ^ salt) <= limit }
}
