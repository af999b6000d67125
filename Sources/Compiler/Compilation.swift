import Answering
import Configuration
import DNS
import Glibc
import Image
import Platform
import State

/// The inputs of a compilation.
public struct CompileRequest: Sendable {
    /// The path of the configuration file.
    public var configuration: String
    /// Databases to read instead of the configured ones; empty for those of the configuration.
    public var databases: [String]
    /// The state directory to use instead of the configured one.
    public var stateDirectory: String?
    /// The path of an image to serve unchanged, so that nothing is compiled; `nil` for that of the configuration.
    public var image: String?

    public init(configuration: String, databases: [String] = [], stateDirectory: String? = nil) {
        self.configuration = configuration
        self.databases = databases
        self.stateDirectory = stateDirectory
    }
}

/// Reads a configuration, its zones and its databases, and makes an image of them.
public struct Compilation {
    private let request: CompileRequest
    private let previous: Snapshot?
    private let previousReport: CompileReport?
    private let tables: AddressTables?

    /// - Parameters:
    ///   - previous: the image in force. Unchanged parts are copied from it, and a zone that now has errors keeps its
    ///     content there.
    ///   - previousReport: the report of the last compilation.
    ///   - tables: the tables of the same request, if they were made before.
    public init(
        _ request: CompileRequest, previous: Snapshot?, previousReport: CompileReport?, tables: AddressTables? = nil
    ) {
        self.request = request
        self.previous = previous
        self.previousReport = previousReport
        self.tables = tables
    }

    /// The result of a compilation.
    public struct Outcome {
        /// `nil` if the configuration cannot be used.
        public var image: Image?
        public var report = CompileReport()
        /// Everything to report, in the order in which it was found.
        public var diagnostics: [Diagnostic] = []
    }

    /// The largest number of new attempts because files have changed while they were read.
    private static let retries = 10

    /// Compiles, and starts again if an input changed meanwhile, since it may have been read half old and half new. The
    /// number of attempts is limited.
    ///
    /// - Parameters:
    ///   - keepsSerials: whether the zones will be served, so that their serials must not decrease.
    ///   - isSound: called when the configuration and its zones have been found valid, before the databases are read.
    ///   - progress: called at the start of each step, with a description of it.
    public func run(
        keepsSerials: Bool = true, isSound: () -> Void = {}, progress: @escaping (String) -> Void = { _ in }
    ) -> Outcome {
        var outcome = attempt(keepsSerials: keepsSerials, isSound: isSound, progress: progress)
        for _ in 0..<Self.retries
        where outcome.report.inputs.contains(where: { [start = outcome.report.start] in
            FileState.isChanged($0.path, since: start)
        }) {
            usleep(50_000)
            outcome = attempt(keepsSerials: keepsSerials, isSound: {}, progress: progress)
        }
        return outcome
    }

    private func attempt(keepsSerials: Bool, isSound: () -> Void, progress: @escaping (String) -> Void) -> Outcome {
        var outcome = Outcome()
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        outcome.report.start = now.tv_sec * 1_000_000_000 + now.tv_nsec
        var files: Set<String> = [request.configuration]
        let present = Set((previousReport?.inputs ?? []).map(\.path).filter { FileState($0) != .nothing })
        do throws(ConfigurationError) {
            progress("reading \(request.configuration) and its zones")
            let configuration = try Configuration.load(
                request.configuration, databases: request.databases, archive: try? previous?.zoneArchive(),
                reusesUnchanged: previous?.manifest.program == geopipeVersion, keepsLastGood: true, advises: false
            ) { configured in
                SerialStore(
                    of: request.configuration, in: (request.stateDirectory ?? configured).map(StateDirectory.init),
                    keepsChanges: keepsSerials)
            }
            files.formUnion(configuration.files)
            let plan = try SnapshotPlan(configuration)
            try refuseLoss(in: plan, at: now.tv_sec, &outcome.report)
            isSound()
            var purpose = ImageCompiler.Purpose()
            purpose.stateDirectory = (request.stateDirectory ?? configuration.stateDirectory).map(absolutePath)
            purpose.databaseOverrides = request.databases
            purpose.start = outcome.report.start
            let (image, warnings) = try ImageCompiler(
                plan, previous: previous, tables: tables, progress: progress
            ).compile(purpose)
            outcome.diagnostics = warnings
            for unusable in configuration.unusableZones {
                let zone = configuration.zones[unusable.zone]
                let state = Diagnostic(
                    file: configuration.file, position: nil,
                    message: zone.isBroken
                        ? "the zone \(zone.apex) has errors and no earlier content; its names are answered with SERVFAIL until it is fixed"
                        : "the zone \(zone.apex) has errors; it keeps its content of \(dateAndTime(zone.keptSince!))")
                outcome.diagnostics += unusable.diagnostics + [state]
                outcome.report.diagnostics += (unusable.diagnostics + [state]).map(\.description)
            }
            outcome.image = image
            outcome.report.image = image.id
        } catch {
            files.formUnion(error.files)
            outcome.diagnostics = error.diagnostics
            outcome.report.diagnostics = error.diagnostics.map(\.description)
        }
        outcome.report.inputs = files.sorted().map { path in
            let state = FileState(path, unlessChangedSinceNanoseconds: outcome.report.start)
            // A file that is gone now may have been read before.
            let isGone = state == .nothing && present.contains(absolutePath(path))
            return (absolutePath(path), (isGone ? .unknown : state).words)
        }
        return outcome
    }

    // MARK: - Protection against accidental loss

    /// The seconds for which the image in force is kept while an optional database is missing.
    static let optionalDatabaseGrace = 60

    /// Refuses a compilation that would lose data by accident: all networks of a file whose generator failed, or the
    /// rules that need an optional database while that is missing for a moment because it is being replaced.
    func refuseLoss(in plan: SnapshotPlan, at now: Int, _ report: inout CompileReport) throws(ConfigurationError) {
        guard let previous = previous?.manifest else { return }
        let configuration = plan.configuration
        var diagnostics: [Diagnostic] = []
        for file in configuration.networksFiles where file.count == 0 && !file.mayBeEmpty {
            guard let before = previous.networks.first(where: { $0.path == file.path })?.count, before > 0 else {
                continue
            }
            diagnostics.append(
                Diagnostic(
                    file: configuration.file, position: file.position,
                    message:
                        "\(file.path) has no networks any more, and had \(before); put them back, or write networks_file: { path: \(file.name), may_be_empty: true } if there are to be none"
                ))
        }
        let lost = plan.optionalDatabases.missing.filter(previous.optionalDatabases.contains)
        for path in lost { report.missingSince[path] = min(previousReport?.missingSince[path] ?? now, now) }
        let left = report.missingSince.values.map { Self.optionalDatabaseGrace - (now - $0) }.max() ?? 0
        if left > 0 {
            report.retryAt = now + left
            for database in configuration.databases where lost.contains(database.path) {
                diagnostics.append(
                    Diagnostic(
                        file: configuration.file, position: database.position,
                        message:
                            "the optional database \(database.path) is gone; nothing is loaded for \(left) s, unless it comes back"
                    ))
            }
        }
        guard diagnostics.isEmpty else { throw ConfigurationError(diagnostics, files: configuration.files) }
    }
}
