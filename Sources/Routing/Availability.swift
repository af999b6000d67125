/// Which datacenters may be used.
public struct Availability: Sendable {
    /// By number; datacenters beyond its end are available.
    private let isDown: [Bool]

    /// All are available.
    public static let all = Availability(down: [])

    /// All but these are available.
    public init(down: Set<Datacenter>) {
        isDown = (0..<((down.max() ?? -1) + 1)).map(down.contains)
    }

    func contains(_ datacenter: Datacenter) -> Bool { datacenter >= isDown.count || !isDown[datacenter] }
}
