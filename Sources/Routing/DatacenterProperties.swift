import Geography

/// The properties of a datacenter that choosing needs.
public struct DatacenterProperties: Sendable, BitwiseCopyable {
    /// The hash of the name, which does not depend on the position; see `identity(of:)`.
    public let identity: UInt64
    /// The location; meaningless if `hasLocation` is 0.
    let vector: UnitVector
    private let hasLocation: UInt64
    /// The capacity, by which clients are spread, in any unit, within `capacities`.
    @usableFromInline let capacity: Double

    /// The range of capacities, in which every score of a draw is finite and above 0.
    static let capacities = 1e-100...1e100

    /// Describes a datacenter.
    ///
    /// - Parameters:
    ///   - location: the location; `nil` if it has none.
    ///   - capacity: the capacity, above 0, in any unit. It is clamped to 1e-100...1e100.
    public init(identity: UInt64, location: UnitVector?, capacity: Double = 1) {
        self.identity = identity
        self.capacity = min(max(capacity, Self.capacities.lowerBound), Self.capacities.upperBound)
        vector = location ?? .northPole
        hasLocation = location == nil ? 0 : 1
    }

    /// The location; `nil` if it has none.
    public var location: UnitVector? { hasLocation == 0 ? nil : vector }
}

extension UnitVector {
    fileprivate static let northPole = UnitVector(Coordinates(latitude: 90, longitude: 0)!)
}
