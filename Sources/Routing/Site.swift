import Geography

/// A datacenter, as far as choosing needs to know it.
public struct Site: Sendable, BitwiseCopyable {
    /// The same for a name, wherever it stands; see `identity(of:)`.
    public let identity: UInt64
    /// Where it is; of no meaning if it has no location.
    let direction: Direction
    private let hasLocation: UInt64

    /// - Parameter location: where it is, if that is known.
    public init(identity: UInt64, location: Direction?) {
        self.identity = identity
        direction = location ?? .northPole
        hasLocation = location == nil ? 0 : 1
    }

    /// Where it is, if that is known.
    public var location: Direction? { hasLocation == 0 ? nil : direction }
}

extension Direction {
    fileprivate static let northPole = Direction(Coordinates(latitude: 90, longitude: 0)!)
}
