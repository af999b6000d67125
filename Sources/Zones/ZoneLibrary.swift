/// Makes zones of what a configuration says.
public struct ZoneLibrary {
    public init() {}

    /// Compiles all zones.
    ///
    /// - Returns: the zones without errors, and what is wrong with the others or worth a warning, each with the position of
    ///   the source.
    public func zones(_ sources: [ZoneSource]) -> (zones: [Zone], problems: [(source: Int, ZoneProblem)]) {
        var zones: [Zone] = []
        var problems: [(Int, ZoneProblem)] = []
        for (position, source) in sources.enumerated() {
            let compiled = source.compile()
            problems += compiled.problems.map { (position, $0) }
            guard let memory = compiled.image else { continue }
            let owner = PrivateImage(memory)
            zones.append(Zone(source, owner.image, owner: owner))
        }
        return (zones, problems)
    }
}
