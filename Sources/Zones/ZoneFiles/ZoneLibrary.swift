import DNS
import Glibc
import Platform

/// Makes zones of what a configuration says.
public struct ZoneLibrary {
    private let archive: ZoneArchive?
    private let reusesUnchanged: Bool
    private let keepsLastGood: Bool

    /// - Parameters:
    ///   - archive: zones that were made before.
    ///   - reusesUnchanged: whether what has not changed since is taken from there.
    ///   - keepsLastGood: whether a zone with a file stays as it is in the archive, or has no content, if it has errors.
    public init(archive: ZoneArchive? = nil, reusesUnchanged: Bool = true, keepsLastGood: Bool = false) {
        self.archive = archive
        self.reusesUnchanged = reusesUnchanged
        self.keepsLastGood = keepsLastGood
    }

    /// What came of making zones.
    public struct Outcome {
        /// In the order of the sources. Without those that have errors, unless they are kept.
        public var zones: [Zone] = []
        /// What is wrong or worth a warning, each with the position of its source.
        public var problems: [(source: Int, problem: ZoneProblem)] = []
        /// The positions of the sources that have errors, and are in `zones` with their last good content, or with none.
        public var unusable: Set<Int> = []
        /// All files that were read, or would have been if they were there.
        public var files: Set<String> = []
    }

    /// Makes all zones, each with the time of its newest change as its serial.
    public func zones(_ sources: [ZoneSource]) -> Outcome {
        var serials: (any ZoneSerials)?
        return zones(sources, &serials) { _ in nil }
    }

    /// Makes all zones.
    ///
    /// - Parameters:
    ///   - serials: knows the zones' serials; without, each has the time of its newest change.
    ///   - number: the number of a service, by its name.
    public func zones(
        _ sources: [ZoneSource], _ serials: inout (any ZoneSerials)?, service number: (String) -> Int?
    ) -> Outcome {
        var outcome = Outcome()
        outcome.files = Set(sources.compactMap(\.file))
        let shared = SharedSerials(serials)
        let made = mapInThreads(sources, threads: coresToUse) { make($0, shared) }
        serials = shared.serials
        for (position, (source, made)) in zip(sources, made).enumerated() {
            outcome.problems += made.problems.map { (position, $0) }
            outcome.files.formUnion(made.files)
            if let zone = made.zone {
                outcome.zones.append(zone)
            } else if keepsLastGood, source.file != nil {
                var now = timespec()
                clock_gettime(CLOCK_REALTIME, &now)
                outcome.unusable.insert(position)
                outcome.zones.append(
                    archive?.kept(source, at: now.tv_sec, service: number) ?? Zone(broken: source))
            }
        }
        return outcome
    }

    /// What came of one zone.
    private struct Made {
        /// `nil` if there are errors.
        var zone: Zone?
        var problems: [ZoneProblem]
        /// All files that were read, or would have been if they were there.
        var files: [String]
    }

    /// Takes a zone from the archive, or compiles it.
    private func make(_ source: ZoneSource, _ serials: SharedSerials) -> Made {
        let key = source.file == nil ? [] : source.key
        if source.file != nil, reusesUnchanged, let known = archive?.unchanged(source, key: key, serials) {
            return Made(
                zone: known.zone, problems: known.problems, files: known.inputs.flatMap { [$0.path, $0.name] })
        }
        let compiled = source.compile(serials)
        var made = Made(
            problems: compiled.problems,
            files: compiled.inputs.flatMap { [$0.path, $0.name] } + compiled.missing)
        if let warning = compiled.serialWarning { made.problems.append(warning) }
        if let image = compiled.image {
            let description = ZoneDescription(key: key, inputs: compiled.inputs, problems: compiled.problems)
            made.zone = Zone(source, image, description: description.bytes, owner: ZoneMemory(image))
        }
        return made
    }
}
