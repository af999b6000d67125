import Geography

/// A datacenter, as far as choosing needs to know it.
public struct Site: Sendable, BitwiseCopyable {
    /// The same for a name, wherever it stands; see `identity(of:)`.
    public let identity: UInt64
    /// Where it is; of no meaning if it has no location.
    let direction: Direction
    private let hasLocation: UInt64
    /// Its part in the clients that are spread, in any unit, within `capacities`.
    @usableFromInline let capacity: Double

    /// What a capacity may be: any score that a draw makes of it is a finite number above 0.
    static let capacities = 1e-100...1e100

    /// - Parameters:
    ///   - location: where it is, if that is known.
    ///   - capacity: its part in the clients that are spread, above 0, in any unit. What is beyond 1e-100 to 1e100
    ///     counts as the nearer of these.
    public init(identity: UInt64, location: Direction?, capacity: Double = 1) {
        self.identity = identity
        self.capacity = min(max(capacity, Self.capacities.lowerBound), Self.capacities.upperBound)
        direction = location ?? .northPole
        hasLocation = location == nil ? 0 : 1
    }

    /// Where it is, if that is known.
    public var location: Direction? { hasLocation == 0 ? nil : direction }
}

extension Direction {
    fileprivate static let northPole = Direction(Coordinates(latitude: 90, longitude: 0)!)
}
