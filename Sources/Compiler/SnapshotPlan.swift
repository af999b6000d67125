import Configuration
import DNS
import Geography
import Platform
import Routing
import State

/// A configuration and its databases, found usable as far as that can be seen at once. What is left to do is to read them.
public struct SnapshotPlan {
    /// What was planned from.
    public let configuration: Configuration
    /// When the databases that are there were built.
    public let databaseBuilds: [DatabaseBuild]
    /// The paths of the optional databases that are there, and of those that are not.
    let optionalDatabases: (present: Set<String>, missing: [String])
    /// What works, but hardly as it was meant.
    let warnings: [Complaint]
    /// The databases that are there.
    private let databases: [Configuration.DatabaseFile]
    /// The same, of which no more than the metadata has been read.
    private let opened: [OpenedDatabase]
    /// What the databases were when they were opened.
    private let states: [FileState]

    /// Opens every database of `configuration`, to see that it is one.
    public init(_ configuration: Configuration) throws(ConfigurationError) {
        self.configuration = configuration
        var complaints: [Complaint] = []
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
                var complaint = configuration.complaint(about: database, error)
                complaint.isWarning = database.isOptional && error.isMissingFile
                if complaint.isWarning { missing.append(database.path) }
                complaints.append(complaint)
            }
        }
        guard complaints.allSatisfy(\.isWarning) else {
            throw ConfigurationError(complaints, files: configuration.files)
        }
        warnings = complaints
        databaseBuilds = builds
        optionalDatabases = (Set(databases.filter(\.isOptional).map(\.path)), missing)
        self.databases = databases
        opened = allOpened
        self.states = states
    }

    /// A hash of all that the address tables depend on.
    var routingKey: UInt64 {
        // The text of the configuration stands for all rules; files of networks and databases are added.
        var text = "\(configuration.contentHash) \(configuration.reportedFields.rawValue)\n"
        for (database, state) in zip(configuration.databases, states) { text += "\(database.path) \(state.words)\n" }
        for file in configuration.networksFiles { text += "\(file.path) \(file.hash)\n" }
        return max(1, identity(of: text))
    }

    /// What the databases know, as far as the maps ask for it, and what is odd about them.
    ///
    /// - Throws: also if the databases cannot serve the rules.
    func atlas() throws(ConfigurationError) -> (atlas: Atlas, warnings: [Complaint]) {
        let fields = configuration.neededFields.union(configuration.reportedFields)
        var atlas = Atlas()
        for (database, opened) in zip(databases, opened) {
            do {
                try opened.add(to: &atlas, fields: fields)
            } catch {
                throw ConfigurationError([configuration.complaint(about: database, error)], files: configuration.files)
            }
        }
        let complaints = configuration.complaints(about: atlas.contents, of: databases)
        guard complaints.allSatisfy(\.isWarning) else {
            // Where a database has something, which rules go without it is worth saying, too.
            let isUseless = atlas.contents.allSatisfy { $0.found.isEmpty && $0.others.isEmpty }
            throw ConfigurationError(
                complaints + (isUseless ? [] : configuration.warnings(about: atlas)), files: configuration.files)
        }
        return (atlas, complaints)
    }
}

/// A database that is read when it is needed, if it is: a compilation for the sake of a zone takes the address tables over.
private final class OpenedDatabase {
    private let path: String
    /// When it was built, in seconds since 1970; `nil` if it does not say.
    let built: Int?
    /// `nil` after it was read: it takes as much memory as its file.
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
    fileprivate func complaint(about database: DatabaseFile, _ error: DatabaseError) -> Complaint {
        Complaint(
            file: database.position == nil ? "--database" : file, position: database.position,
            message: "\(error); \(error.advice)")
    }
}
