/// A stable part of all client networks: a larger share of the same salt has all networks of a smaller one.
public struct NetworkShare: Hashable, Sendable {
    /// Makes shares independent of each other, and of draws with other salts.
    @usableFromInline let salt: UInt64
    /// The highest number of a network, once its bits are mixed, that is in the share.
    @usableFromInline let limit: UInt64

    /// - Parameter percent: from 1 to 100.
    public init(percent: Int, salt: UInt64) {
        self.salt = salt
        limit = percent == 100 ? .max : UInt64(percent) * (.max / 100)
    }

    /// Whether a network is in the share.
    ///
    /// - Parameter network: tells the network from all others.
    @inlinable @inline(__always)
    public func contains(_ network: UInt64) -> Bool { mixed(network ^ salt) <= limit }
}
