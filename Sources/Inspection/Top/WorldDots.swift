import Geography

/// The land of the world in the dots of Braille characters (U+2800), eight to a cell of a terminal, whose cells are twice as high as wide.
///
/// It ends south of South America, without Antarctica.
struct WorldDots: Sendable {
    let lines: Int
    let columns: Int
    private let projection: EqualEarth
    /// The bits of the dots of each cell.
    private var cells: [UInt8]

    private static let (north, south) = (83.7, -56.0)

    /// Draws the land as large as fits, centred.
    init(lines: Int, columns: Int) {
        (self.lines, self.columns) = (max(1, lines), max(1, columns))
        let unit = EqualEarth(width: 1, x: 0, y: 0)
        func height(of latitude: Double) -> Double { unit.project(MapPosition(latitude: latitude, longitude: 0)).y }
        let (top, bottom) = (height(of: Self.north), height(of: Self.south))
        let (width, height) = (Double(2 * self.columns), Double(4 * self.lines))
        let scale = min(width, height / (bottom - top))
        projection = EqualEarth(
            width: scale, x: (width - scale) / 2, y: (height - (bottom - top) * scale) / 2 - top * scale)
        cells = Array(repeating: 0, count: self.lines * self.columns)
        for outline in WorldOutlines.all { fill(outline) }
        for dot in WorldOutlines.dots { set(projection.project(dot.position)) }
    }

    /// The columns that the land can take; all others are empty.
    static func columns(ofLines lines: Int) -> Int {
        let unit = EqualEarth(width: 1, x: 0, y: 0)
        func height(of latitude: Double) -> Double { unit.project(MapPosition(latitude: latitude, longitude: 0)).y }
        return Int(Double(4 * lines) / (height(of: south) - height(of: north)) / 2)
    }

    /// Returns the cell of a position; `nil` if it is not on the map.
    func cell(of position: MapPosition) -> (line: Int, column: Int)? {
        guard abs(position.latitude) <= 90, abs(position.longitude) <= 360 else { return nil }
        let point = projection.project(position)
        let (line, column) = ((point.y / 4).rounded(.down), (point.x / 2).rounded(.down))
        guard 0..<Double(lines) ~= line, 0..<Double(columns) ~= column else { return nil }
        return (Int(line), Int(column))
    }

    /// Returns the character of a cell; `nil` if it has no land.
    func character(line: Int, column: Int, isUnicode: Bool) -> String? {
        let bits = cells[line * columns + column]
        guard bits != 0 else { return nil }
        if isUnicode { return String(Unicode.Scalar(0x2800 + UInt32(bits))!) }
        return bits.nonzeroBitCount >= 4 ? "." : nil
    }

    private mutating func set(_ point: MapPoint) {
        let (x, y) = (point.x.rounded(.down), point.y.rounded(.down))
        guard 0..<Double(2 * columns) ~= x, 0..<Double(4 * lines) ~= y else { return }
        set(Int(x), Int(y))
    }

    private mutating func set(_ x: Int, _ y: Int) {
        let bits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
        cells[y / 4 * columns + x / 2] |= bits[y % 4 * 2 + x % 2]
    }

    /// Sets the dots whose centres are inside an outline: an odd number of its edges is to their left.
    private mutating func fill(_ outline: WorldOutlines.Outline) {
        var crossings: [Int: [Double]] = [:]
        for ring in outline.rings {
            let points = ring.map(projection.project)
            for (start, end) in zip(points, points.dropFirst() + points.prefix(1)) {
                let (upper, lower) = start.y < end.y ? (start, end) : (end, start)
                // The rows whose centres are between the upper end of the edge, inclusive, and the lower one.
                let first = max(0, (upper.y - 0.5).rounded(.up))
                let last = min(Double(4 * lines - 1), (lower.y - 0.5).rounded(.up) - 1)
                for row in stride(from: first, through: last, by: 1) {
                    let part = (row + 0.5 - upper.y) / (lower.y - upper.y)
                    crossings[Int(row), default: []].append(upper.x + part * (lower.x - upper.x))
                }
            }
        }
        for (row, places) in crossings {
            let places = places.sorted()
            for number in stride(from: 0, to: places.count - 1, by: 2) {
                let first = max(0, (places[number] - 0.5).rounded(.up))
                let last = min(Double(2 * columns - 1), (places[number + 1] - 0.5).rounded(.up) - 1)
                for column in stride(from: first, through: last, by: 1) { set(Int(column), row) }
            }
        }
    }
}
