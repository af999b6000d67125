import Glibc

/// A disc with a sector for each datacenter's part.
struct MapDisc {
    private let centre: MapPoint
    private let radius: Double

    init(_ centre: MapPoint, radius: Double) { (self.centre, self.radius) = (centre, radius) }

    /// - Parameter parts: the parts, with the sum 1; empty for a place without clients.
    func svg(_ parts: [(number: Int?, part: Double)], _ paint: MapPaint) -> String {
        guard parts.count > 1 else {
            let fill = parts.first.map { paint.fill($0.number) } ?? "class=\"empty\""
            return "<circle \(fill) cx=\"\(tenths(centre.x))\" cy=\"\(tenths(centre.y))\" r=\"\(tenths(radius))\"/>"
        }
        var start = 0.0
        return parts.map { number, part in
            let (from, to) = (point(start), point(start + part))
            start += part
            return "<path \(paint.fill(number)) d=\"M\(tenths(centre.x)) \(tenths(centre.y))L\(from)"
                + "A\(tenths(radius)) \(tenths(radius)) 0 \(part > 0.5 ? 1 : 0) 1 \(to)z\"/>"
        }.joined()
    }

    /// Returns a point on its border.
    ///
    /// - Parameter turn: the part of a full turn, clockwise from the top.
    private func point(_ turn: Double) -> String {
        let angle = turn * 2 * .pi
        return "\(tenths(centre.x + radius * sin(angle))) \(tenths(centre.y - radius * cos(angle)))"
    }
}
