import Glibc

/// A point on the globe as a unit vector from the centre, by which distances are cheap to compare.
public struct UnitVector: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline let x: Double
    @usableFromInline let y: Double
    @usableFromInline let z: Double

    /// Makes the vector of coordinates.
    public init(_ coordinates: Coordinates) {
        let latitude = coordinates.latitude * .pi / 180
        let longitude = coordinates.longitude * .pi / 180
        x = cos(latitude) * cos(longitude)
        y = cos(latitude) * sin(longitude)
        z = sin(latitude)
    }

    /// The coordinates, rounded to a hundredth of a degree.
    package var coordinates: Coordinates {
        func degrees(_ radians: Double) -> Double { (radians * 18_000 / .pi).rounded() / 100 }
        return Coordinates(latitude: degrees(atan2(z, (x * x + y * y).squareRoot())), longitude: degrees(atan2(y, x)))!
    }

    /// Returns the squared length of the chord to `other`, in squared radii, 0...4. It increases with the great-circle
    /// distance, and unlike the cosine of the angle it is precise for near points.
    @inlinable
    public func squaredChord(to other: UnitVector) -> Double {
        let (dx, dy, dz) = (x - other.x, y - other.y, z - other.z)
        return dx * dx + dy * dy + dz * dz
    }

    /// Returns the great-circle distance to `other` in kilometres, on a sphere with the earth's mean radius
    /// (6371.0088 km).
    public func kilometres(to other: UnitVector) -> Double {
        2 * 6371.0088 * asin(min(1, squaredChord(to: other).squareRoot() / 2))
    }
}
