import Configuration
import DNS
import Geography
import Platform
import Routing
import State

/// A configuration whose databases have been opened, and their metadata checked, but not yet read in full.
public struct SnapshotPlan {
    /// The configuration that the plan was made from.
    public let configuration: Configuration
    /// The build times of the databases that exist.
    public let databaseBuilds: [DatabaseBuild]
    /// The paths of the optional databases that exist, and of those that do not.
    let optionalDatabases: (present: Set<String>, missing: [String])
    /// Warnings: settings that work, but probably not as intended.
    let warnings: [Diagnostic]
    /// The databases that exist.
    private let databases: [Configuration.DatabaseFile]
    /// The same databases, of which only the metadata has been read.
    private let opened: [OpenedDatabase]
    /// The states of the database files when they were opened.
    private let states: [FileState]

    /// Opens every database of `configuration`, and checks its metadata.
    public init(_ configuration: Configuration) throws(ConfigurationError) {
        self.configuration = configuration
        var diagnostics: [Diagnostic] = []
        var databases: [Configuration.DatabaseFile] = []
        var allOpened: [OpenedDatabase] = []
        var builds: [DatabaseBuild] = []
        var states: [FileState] = []
        var missing: [String] = []
        for database in configuration.databases {
            do {
                states.append(FileState(database.path))
                let opened = try OpenedDatabase(path: database.path)
                databases.append(database)
                allOpened.append(opened)
                builds.append(DatabaseBuild(database: absolutePath(database.path), built: opened.built))
            } catch {
                var diagnostic = configuration.diagnostic(about: database, error)
                diagnostic.isWarning = database.isOptional && error.isMissingFile
                if diagnostic.isWarning { missing.append(database.path) }
                diagnostics.append(diagnostic)
            }
        }
        guard diagnostics.allSatisfy(\.isWarning) else {
            throw ConfigurationError(diagnostics, files: configuration.files)
        }
        warnings = diagnostics
        databaseBuilds = builds
        optionalDatabases = (Set(databases.filter(\.isOptional).map(\.path)), missing)
        self.databases = databases
        opened = allOpened
        self.states = states
    }

    /// A hash of all inputs of the address tables.
    var routingKey: UInt64 {
        // The hash of the configuration text covers all rules; the files of networks and the databases are added.
        var text = "\(configuration.contentHash) \(configuration.reportedFields.rawValue)\n"
        for (database, state) in zip(configuration.databases, states) { text += "\(database.path) \(state.words)\n" }
        for file in configuration.networksFiles { text += "\(file.path) \(file.hash)\n" }
        return max(1, identity(of: text))
    }

    /// Reads the fields that the maps need from the databases, and returns them with the warnings about the databases.
    ///
    /// - Throws: an error also if the databases lack the fields that the rules need.
    func atlas() throws(ConfigurationError) -> (atlas: Atlas, warnings: [Diagnostic]) {
        let fields = configuration.neededFields.union(configuration.reportedFields)
        var atlas = Atlas()
        for (database, opened) in zip(databases, opened) {
            do {
                try opened.add(to: &atlas, fields: fields)
            } catch {
                throw ConfigurationError([configuration.diagnostic(about: database, error)], files: configuration.files)
            }
        }
        let diagnostics = configuration.diagnostics(about: atlas.contents, of: databases)
        guard diagnostics.allSatisfy(\.isWarning) else {
            // If at least one database has contents, rules that find nothing there are worth a warning too.
            let isUseless = atlas.contents.allSatisfy { $0.found.isEmpty && $0.others.isEmpty }
            throw ConfigurationError(
                diagnostics + (isUseless ? [] : configuration.warnings(about: atlas)), files: configuration.files)
        }
        return (atlas, diagnostics)
    }
}

/// A database that is read only if needed: a compilation after a change of a zone reuses the address tables.
private final class OpenedDatabase {
    private let path: String
    /// The build time in seconds since 1970; `nil` if the metadata lacks it.
    let built: Int?
    /// The open database; `nil` after it was read, because it holds the whole file in memory.
    private var database: MaxMindDatabase?

    init(path: String) throws(DatabaseError) {
        let database = try MaxMindDatabase(opening: path)
        self.path = path
        built = database.metadata.built
        self.database = consume database
    }

    func add(to atlas: inout Atlas, fields: PlaceFields) throws(DatabaseError) {
        if let opened = database.take() {
            try atlas.add(opened, fields: fields)
        } else {
            try atlas.add(MaxMindDatabase(path: path), fields: fields)
        }
    }
}

extension Configuration {
    fileprivate func diagnostic(about database: DatabaseFile, _ error: DatabaseError) -> Diagnostic {
        Diagnostic(
            file: database.position == nil ? "--database" : file, position: database.position,
            message: "\(error); \(error.advice)")
    }
}
