/// The positions of the datacenters' marks and names in a picture.
struct MapMarks {
    struct Mark {
        /// The position in the palette.
        var number: Int
        var name: String
        var point: MapPoint
        /// The start of the name; `nil` if there is no room for it.
        var label: MapPoint?
    }

    private(set) var marks: [Mark] = []
    let radius: Double
    /// The boxes that marks and names cover.
    private(set) var boxes: [MapBox] = []

    /// The font size of names.
    static let letterSize = 16.0

    /// - Parameter frame: the frame that names must stay inside.
    init(_ datacenters: [ClientShares.Datacenter], _ palette: MapPalette, _ projection: EqualEarth, in frame: MapBox) {
        let shown = datacenters.compactMap { datacenter -> (number: Int, name: String, point: MapPoint)? in
            guard let number = palette.number(of: datacenter.name), let position = datacenter.position else {
                return nil
            }
            return (number, datacenter.name, projection.project(position))
        }
        radius = shown.count <= 40 ? 10 : 6
        let points = Self.apart(shown.map(\.point), by: 2 * radius + 1)
        boxes = points.map { box(around: $0, radius + 1) }
        for ((number, name, _), point) in zip(shown, points) {
            let label = name.count <= 24 ? room(forName: name, beside: point, in: frame) : nil
            marks.append(Mark(number: number, name: name, point: point, label: label))
        }
    }

    private func box(around point: MapPoint, _ radius: Double) -> MapBox {
        MapBox(left: point.x - radius, top: point.y - radius, right: point.x + radius, bottom: point.y + radius)
    }

    /// Returns where a name can start, next to its mark, without covering another mark or name.
    private mutating func room(forName name: String, beside point: MapPoint, in frame: MapBox) -> MapPoint? {
        let size = Self.letterSize
        // Letters are on average half as wide as high, and some are wider.
        let width = Double(name.count) * size * 0.6
        let (gap, drop) = (radius + 4, size * 0.36)
        let starts = [
            MapPoint(x: point.x + gap, y: point.y + drop), MapPoint(x: point.x - gap - width, y: point.y + drop),
            MapPoint(x: point.x - width / 2, y: point.y + gap + size * 0.8),
            MapPoint(x: point.x - width / 2, y: point.y - gap),
            MapPoint(x: point.x + gap * 0.7, y: point.y + gap + size * 0.5),
            MapPoint(x: point.x + gap * 0.7, y: point.y - gap * 0.7),
            MapPoint(x: point.x - gap * 0.7 - width, y: point.y + gap + size * 0.5),
            MapPoint(x: point.x - gap * 0.7 - width, y: point.y - gap * 0.7),
        ]
        for start in starts {
            let box = MapBox(
                left: start.x, top: start.y - size * 0.8, right: start.x + width, bottom: start.y + size * 0.25)
            guard box.isInside(frame), !boxes.contains(where: { $0.touches(box) }) else { continue }
            boxes.append(box)
            return start
        }
        return nil
    }

    /// Moves points apart that are closer than `distance`, both by the same amount.
    static func apart(_ points: [MapPoint], by distance: Double) -> [MapPoint] {
        var points = points
        for _ in 0..<30 {
            var isDone = true
            for one in points.indices {
                for two in points.indices[(one + 1)...] {
                    var (x, y) = (points[two].x - points[one].x, points[two].y - points[one].y)
                    guard abs(x) < distance, abs(y) < distance else { continue }
                    if abs(x) + abs(y) < 0.01 { (x, y) = (1, Double(two - one) / 8) }
                    let length = (x * x + y * y).squareRoot()
                    guard length < distance - 0.05 else { continue }
                    let step = (distance - length) / 2 / length
                    points[one].x -= x * step
                    points[one].y -= y * step
                    points[two].x += x * step
                    points[two].y += y * step
                    isDone = false
                }
            }
            if isDone { break }
        }
        return points
    }
}
