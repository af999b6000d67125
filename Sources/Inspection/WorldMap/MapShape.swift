/// The shape of a country in a picture.
struct MapShape {
    /// The SVG path.
    let path: String
    /// A point well inside its largest part, and its distance from the border.
    let middle: (point: MapPoint, radius: Double)

    /// - Parameter obstacles: circles that `middle` should avoid.
    init(_ outline: WorldOutlines.Outline, _ projection: EqualEarth, avoiding obstacles: [MapBox]) {
        let rings = outline.rings.map { $0.map(projection.project) }
        path = rings.map(Self.path).joined()
        let largest = rings.max { Self.area($0) < Self.area($1) } ?? []
        middle = Self.middle(of: largest, avoiding: obstacles)
    }

    /// Returns a closed path along points, to a tenth of a unit.
    static func path(_ points: [MapPoint]) -> String {
        var text = ""
        var last: (x: Int, y: Int)?
        for point in points {
            let (x, y) = (Int((point.x * 10).rounded()), Int((point.y * 10).rounded()))
            guard let before = last else {
                text = "M\(tenths(ofTenths: x)) \(tenths(ofTenths: y))l"
                last = (x, y)
                continue
            }
            guard before != (x, y) else { continue }
            let (dx, dy) = (tenths(ofTenths: x - before.x), tenths(ofTenths: y - before.y))
            text += (text.hasSuffix("l") || dx.hasPrefix("-") ? "" : " ") + dx + (dy.hasPrefix("-") ? "" : " ") + dy
            last = (x, y)
        }
        // A ring that rounds to a single point.
        return text.hasSuffix("l") ? "" : text + "z"
    }

    private static func area(_ ring: [MapPoint]) -> Double {
        guard var last = ring.last else { return 0 }
        var sum = 0.0
        for point in ring {
            sum += last.x * point.y - point.x * last.y
            last = point
        }
        return abs(sum) / 2
    }

    /// Returns the point inside a ring that is farthest from its border, found on finer and finer grids.
    private static func middle(of ring: [MapPoint], avoiding obstacles: [MapBox]) -> (point: MapPoint, radius: Double) {
        guard let first = ring.first else { return (MapPoint(x: 0, y: 0), 0) }
        var (left, right, top, bottom) = (first.x, first.x, first.y, first.y)
        for point in ring {
            (left, right) = (min(left, point.x), max(right, point.x))
            (top, bottom) = (min(top, point.y), max(bottom, point.y))
        }
        let box = MapBox(left: left, top: top, right: right, bottom: bottom)
        let obstacles = obstacles.filter { $0.touches(box) }
        var best = (point: first, radius: 0.0)
        let steps = 12
        for _ in 0..<3 {
            let (width, height) = ((right - left) / Double(steps), (bottom - top) / Double(steps))
            for row in 0..<steps {
                for column in 0..<steps {
                    let point = MapPoint(
                        x: left + (Double(column) + 0.5) * width, y: top + (Double(row) + 0.5) * height)
                    let distance = obstacles.reduce(depth(of: point, in: ring)) { min($0, $1.distance(to: point)) }
                    if distance > best.radius { best = (point, distance) }
                }
            }
            (left, right) = (best.point.x - width, best.point.x + width)
            (top, bottom) = (best.point.y - height, best.point.y + height)
        }
        return best
    }

    /// Returns the distance of a point from the border of a ring; negative outside.
    private static func depth(of point: MapPoint, in ring: [MapPoint]) -> Double {
        var isInside = false
        var nearest = Double.infinity
        var last = ring[ring.count - 1]
        for next in ring {
            if (next.y > point.y) != (last.y > point.y),
                point.x < (last.x - next.x) * (point.y - next.y) / (last.y - next.y) + next.x
            {
                isInside.toggle()
            }
            let (dx, dy) = (next.x - last.x, next.y - last.y)
            let square = dx * dx + dy * dy
            let along = square == 0 ? 0 : max(0, min(1, ((point.x - last.x) * dx + (point.y - last.y) * dy) / square))
            let (x, y) = (last.x + along * dx - point.x, last.y + along * dy - point.y)
            nearest = min(nearest, x * x + y * y)
            last = next
        }
        return isInside ? nearest.squareRoot() : -nearest.squareRoot()
    }
}

/// A rectangle in a picture.
struct MapBox {
    var left: Double
    var top: Double
    var right: Double
    var bottom: Double

    func touches(_ other: MapBox) -> Bool {
        left < other.right && other.left < right && top < other.bottom && other.top < bottom
    }

    func isInside(_ other: MapBox) -> Bool {
        left >= other.left && right <= other.right && top >= other.top && bottom <= other.bottom
    }

    /// Returns the distance of a point; 0 inside.
    func distance(to point: MapPoint) -> Double {
        let (x, y) = (max(left - point.x, point.x - right, 0), max(top - point.y, point.y - bottom, 0))
        return (x * x + y * y).squareRoot()
    }
}
