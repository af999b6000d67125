import Glibc

/// The Equal Earth projection (Šavrič, Patterson and Jenny, 2018): areas keep their proportions, and shapes look familiar.
///
/// The map is centred so that it is cut at `WorldOutlines.cut`, in the Bering Strait.
public struct EqualEarth: Sendable {
    /// The centre of the map in the picture.
    private let centre: (x: Double, y: Double)
    private let scale: Double

    /// - Parameters:
    ///   - width: the width of the whole map.
    ///   - x: the left end of the map.
    ///   - y: the upper end of the map.
    public init(width: Double, x: Double, y: Double) {
        scale = width / (2 * Self.extent.x)
        centre = (x + width / 2, y + Self.extent.y * scale)
    }

    /// The height of the whole map.
    public var height: Double { 2 * Self.extent.y * scale }

    /// Returns the point of a position in the picture. Longitudes west of the cut wrap around to the east of the map.
    public func project(_ position: MapPosition) -> MapPoint {
        let longitude = position.longitude < WorldOutlines.cut ? position.longitude + 360 : position.longitude
        let plane = Self.plane(position.latitude, longitude - WorldOutlines.cut - 180)
        return MapPoint(x: centre.x + plane.x * scale, y: centre.y - plane.y * scale)
    }

    /// The border of the whole map.
    public var border: [MapPoint] {
        let latitudes = stride(from: -90.0, through: 90, by: 3)
        let west = latitudes.map { MapPosition(latitude: $0, longitude: WorldOutlines.cut) }
        let east = latitudes.reversed().map { MapPosition(latitude: $0, longitude: WorldOutlines.cut + 360) }
        return (west + east).map(project)
    }

    /// The extents of the north pole's line and of the equator.
    private static let extent = (x: plane(0, 180).x, y: plane(90, 0).y)

    /// - Parameter longitude: the longitude relative to the central meridian, in degrees.
    private static func plane(_ latitude: Double, _ longitude: Double) -> (x: Double, y: Double) {
        let (a1, a2, a3, a4) = (1.340264, -0.081106, 0.000893, 0.003796)
        let root = 3.0.squareRoot()
        let theta = asin(root / 2 * sin(latitude * .pi / 180))
        let (t2, t6) = (theta * theta, theta * theta * theta * theta * theta * theta)
        let x =
            2 * root * longitude * .pi / 180 * cos(theta) / (3 * (9 * a4 * t6 * t2 + 7 * a3 * t6 + 3 * a2 * t2 + a1))
        return (x, theta * (a4 * t6 * t2 + a3 * t6 + a2 * t2 + a1))
    }
}

/// A point of a picture; y grows downwards.
public struct MapPoint: Sendable {
    public var x: Double
    public var y: Double
}
