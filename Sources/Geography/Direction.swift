import Glibc

/// A point on the globe as a direction from the centre, which makes distances cheap to compare.
public struct Direction: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline let x: Double
    @usableFromInline let y: Double
    @usableFromInline let z: Double

    /// Where `coordinates` are.
    public init(_ coordinates: Coordinates) {
        let latitude = coordinates.latitude * .pi / 180
        let longitude = coordinates.longitude * .pi / 180
        x = cos(latitude) * cos(longitude)
        y = cos(latitude) * sin(longitude)
        z = sin(latitude)
    }

    /// The place in this direction, to a hundredth of a degree.
    package var coordinates: Coordinates {
        func degrees(_ radians: Double) -> Double { (radians * 18_000 / .pi).rounded() / 100 }
        return Coordinates(latitude: degrees(atan2(z, (x * x + y * y).squareRoot())), longitude: degrees(atan2(y, x)))!
    }

    /// The square of the straight line through the globe to `other`, in radii: it grows as the great-circle distance does,
    /// and unlike the angle's cosine it tells near points apart.
    @inlinable
    public func squaredChord(to other: Direction) -> Double {
        let (dx, dy, dz) = (x - other.x, y - other.y, z - other.z)
        return dx * dx + dy * dy + dz * dz
    }

    /// The great-circle distance to `other` in kilometres, on a sphere of the earth's mean radius (6371.0088 km).
    public func kilometres(to other: Direction) -> Double {
        2 * 6371.0088 * asin(min(1, squaredChord(to: other).squareRoot() / 2))
    }
}
