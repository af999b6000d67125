import Answering
import Configuration
import DNS
import Geography
import Glibc
import Image
import Platform
import Routing
import State
import Zones

/// Makes an image of a configuration, its zones and its databases.
public struct ImageCompiler {
    private let plan: SnapshotPlan
    private let previous: Snapshot?
    private let tables: AddressTables?
    /// Receives a description of each step at its start, such as `reading GeoLite2-City.mmdb`.
    private let progress: (String) -> Void

    /// The facts about a compilation that are not in its configuration.
    public struct Purpose: Sendable {
        public var stateDirectory: String?
        public var databaseOverrides: [String] = []
        /// The time before the first file was read, in nanoseconds since 1970.
        public var start = 0

        public init() {}
    }

    /// - Parameters:
    ///   - previous: an older image. A table whose inputs have not changed is copied from it.
    ///   - tables: reused if they were made from the same rules and databases.
    public init(
        _ plan: SnapshotPlan, previous: Snapshot? = nil, tables: AddressTables? = nil,
        progress: @escaping (String) -> Void = { _ in }
    ) {
        self.plan = plan
        self.previous = previous
        self.tables = tables
        self.progress = progress
    }

    /// Compiles the image; returns it with the warnings about the databases.
    ///
    /// - Parameter warnsOfUnknownPlaces: whether to warn of rules for places that no database contains.
    public func compile(
        _ purpose: Purpose = Purpose(), warnsOfUnknownPlaces: Bool = false
    ) throws(ConfigurationError) -> (image: Image, warnings: [Diagnostic]) {
        let configuration = plan.configuration
        var warnings = configuration.warnings + plan.warnings
        var writer = ImageWriter()
        let routingKey = plan.routingKey
        if let previous, previous.manifest.routingKey == routingKey, previous.manifest.program == geopipeVersion,
            !warnsOfUnknownPlaces,
            let routing = try? previous.image.section(.routing), let places = try? previous.image.section(.places)
        {
            progress("taking over the address tables")
            writer.section(.routing) { $0.add(section: routing) }
            writer.section(.places) { $0.add(section: places) }
        } else if let tables, tables.key == routingKey, !warnsOfUnknownPlaces {
            warnings += tables.warnings
            writer.section(.routing) { $0.add(section: tables.routing.reader) }
            writer.section(.places) { $0.add(section: tables.places.reader) }
        } else {
            for database in configuration.databases { progress("reading \(database.path)") }
            let known = try plan.atlas()
            warnings += known.warnings
            if warnsOfUnknownPlaces { warnings += configuration.warnings(about: known.atlas) }
            progress("making the address tables")
            var work = AddressTableWork(plan, known)
            writer.section(.routing) { work.writeRouting(to: &$0) }
            let writtenPlaces = work.places.wait()
            withExtendedLifetime(writtenPlaces) { memory in
                writer.section(.places) { $0.add(section: memory.reader) }
            }
        }
        progress("laying out zones and answers")
        let serviceNames = configuration.services.map(\.name)
        writer.section(.names) { columns in
            columns.add(texts: configuration.datacenters.map(\.name))
            columns.add(texts: serviceNames)
            columns.add(texts: configuration.maps.map(\.name))
            columns.add(texts: configuration.zones.map(\.apex.description))
        }
        writer.section(.zones) { ZoneTable.write(configuration.zones, to: &$0) }
        writer.section(.answers) { AnswerTable.write(configuration, to: &$0) }
        writer.section(.checks) { CheckTable.write(configuration, to: &$0) }
        writer.section(.sources) { ZoneArchive.write(configuration.zones, serviceNames: serviceNames, to: &$0) }
        let manifest = manifest(purpose, warnings, routingKey: routingKey)
        writer.section(.manifest) { manifest.write(to: &$0) }
        return (writer.finish(), warnings)
    }

    private func manifest(_ purpose: Purpose, _ warnings: [Diagnostic], routingKey: UInt64) -> Manifest {
        let configuration = plan.configuration
        var manifest = Manifest()
        manifest.program = geopipeVersion
        manifest.created = time(nil)
        manifest.configuration = absolutePath(configuration.file)
        manifest.databaseOverrides = purpose.databaseOverrides
        manifest.stateDirectory = purpose.stateDirectory ?? ""
        let isDecisive = RecordDialect.isDecisive || previous.map { $0.manifest.dialect != 0 } ?? false
        manifest.dialect = isDecisive ? RecordDialect.asking == .since5_1 ? 2 : 1 : 0
        manifest.inputs = configuration.files.sorted().map { path in
            Manifest.Input(
                path: absolutePath(path), state: FileState(path, unlessChangedSinceNanoseconds: purpose.start).words)
        }
        manifest.diagnostics = warnings.map(\.diagnostic)
        manifest.unusableZones = configuration.unusableZones.map { unusable in
            let zone = configuration.zones[unusable.zone]
            return Manifest.UnusableZone(
                apex: zone.apex.description, keptSince: zone.keptSince,
                diagnostics: unusable.diagnostics.map(\.description))
        }
        manifest.databases = plan.databaseBuilds.map { Manifest.Database(path: $0.database, built: $0.built) }
        manifest.networks = configuration.networksFiles.map { .init(path: $0.path, count: $0.count) }
        manifest.optionalDatabases = plan.optionalDatabases.present.sorted()
        manifest.nameCount = configuration.zones.reduce(0) { $0 + $1.nameCount }
        manifest.routingKey = routingKey
        manifest.waitMicroseconds = configuration.waitMicroseconds
        manifest.safety = SafetyRules(configuration)
        if let log = configuration.hitsLog {
            manifest.hitsLog = log.file
            manifest.hitsLogFormat = log.format.rawValue
            manifest.hitsLogSample = log.sample
        }
        return manifest
    }
}

extension Snapshot {
    /// Compiles a configuration into the memory of this process.
    ///
    /// - Parameter warnsOfUnknownPlaces: whether to warn of rules for places that no database contains.
    public static func compiled(
        _ plan: SnapshotPlan, warnsOfUnknownPlaces: Bool = false
    ) throws(ConfigurationError) -> (snapshot: Snapshot, warnings: [Diagnostic]) {
        let (image, warnings) = try ImageCompiler(plan).compile(warnsOfUnknownPlaces: warnsOfUnknownPlaces)
        do {
            return (try Snapshot(image), warnings)
        } catch {
            fatalError("an image that was just written is damaged: \(error)")
        }
    }

    /// Compiles a configuration into the memory of this process.
    public convenience init(_ configuration: Configuration) throws(ConfigurationError) {
        let (image, _) = try ImageCompiler(SnapshotPlan(configuration)).compile()
        do { try self.init(image) } catch { fatalError("an image that was just written is damaged: \(error)") }
    }
}

extension Configuration {
    /// The properties of the datacenters that routing needs.
    var datacenterProperties: [DatacenterProperties] {
        datacenters.map {
            DatacenterProperties(
                identity: identity(of: $0.name), location: $0.location.map(UnitVector.init), capacity: $0.capacity ?? 1)
        }
    }
}

extension Diagnostic {
    /// The form that an image stores.
    var diagnostic: Manifest.StoredDiagnostic {
        Manifest.StoredDiagnostic(
            file: file, line: position?.line ?? 0, column: position?.column ?? 0, severity: severity.rawValue,
            message: message)
    }
}
