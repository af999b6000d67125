import DNS
import Glibc
import Platform

/// Compiles the zones of a configuration, or takes unchanged ones from an image.
public struct ZoneLoader {
    private let archive: ZoneArchive?
    private let reusesUnchanged: Bool
    private let keepsLastGood: Bool

    /// Makes a loader.
    ///
    /// - Parameters:
    ///   - archive: the zones of the image in force.
    ///   - reusesUnchanged: whether to take unchanged zones from the archive.
    ///   - keepsLastGood: whether a zone with a file keeps its content of the archive, or has no content, if it has
    ///     errors.
    public init(archive: ZoneArchive? = nil, reusesUnchanged: Bool = true, keepsLastGood: Bool = false) {
        self.archive = archive
        self.reusesUnchanged = reusesUnchanged
        self.keepsLastGood = keepsLastGood
    }

    /// The result of loading zones.
    public struct Outcome {
        /// The zones in the order of the sources. Zones with errors are missing, unless `keepsLastGood` is set.
        public var zones: [Zone] = []
        /// Errors and warnings, each with the position of its source.
        public var problems: [(source: Int, problem: ZoneDiagnostic)] = []
        /// The positions of the sources with errors whose zones are in `zones` with their last good content or with
        /// none.
        public var unusable: Set<Int> = []
        /// All files that were read, and those that were missing.
        public var files: Set<String> = []
    }

    /// Loads all zones, each with the time of its newest change as its serial.
    public func zones(_ sources: [ZoneSource]) -> Outcome {
        var serials: (any ZoneSerials)?
        return zones(sources, &serials) { _ in nil }
    }

    /// Loads all zones.
    ///
    /// - Parameters:
    ///   - serials: the serials of the zones; without them, each zone has the time of its newest change.
    ///   - number: returns the number of a service by its name.
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

    /// The result of loading one zone.
    private struct Made {
        /// The zone; `nil` if there are errors.
        var zone: Zone?
        var problems: [ZoneDiagnostic]
        /// All files that were read, and those that were missing.
        var files: [String]
    }

    /// Takes a zone from the archive, or compiles it.
    private func make(_ source: ZoneSource, _ serials: SharedSerials) -> Made {
        let key = source.file == nil ? [] : source.cacheKey
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
            let provenance = ZoneProvenance(key: key, inputs: compiled.inputs, problems: compiled.problems)
            made.zone = Zone(source, image, provenance: provenance.bytes, owner: ZoneMemory(image))
        }
        return made
    }
}
