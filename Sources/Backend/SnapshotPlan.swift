import Configuration
import Geography
import Platform
import Routing
import Zones

/// A configuration and its databases, found usable as far as that can be seen at once. What is left to do is to read them.
public struct SnapshotPlan: Sendable {
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
    /// What the databases were when they were opened.
    private let states: [FileState]

    /// Opens every database of `configuration`, to see that it is one.
    public init(_ configuration: Configuration) throws(ConfigurationError) {
        self.configuration = configuration
        var complaints: [Complaint] = []
        var databases: [Configuration.DatabaseFile] = []
        var builds: [DatabaseBuild] = []
        var states: [FileState] = []
        var missing: [String] = []
        for database in configuration.databases {
            do {
                states.append(FileState(database.path))
                let opened = try MaxMindDatabase(path: database.path)
                databases.append(database)
                builds.append(DatabaseBuild(database: absolutePath(database.path), built: opened.metadata.built))
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
        self.states = states
    }

    /// A hash of all that the address tables depend on.
    var routingKey: UInt64 {
        // Networks of files are rules by then, and whatever else a configuration says costs little to find anew.
        var text = "\(configuration.contentHash) \(configuration.stateDirectory != nil) \(configuration.hitsLog != nil)\n"
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
        for database in databases {
            do {
                try atlas.add(try MaxMindDatabase(path: database.path), fields: fields)
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

extension Configuration {
    fileprivate func complaint(about database: DatabaseFile, _ error: DatabaseError) -> Complaint {
        Complaint(
            file: database.position == nil ? "--database" : file, position: database.position,
            message: "\(error); \(error.advice)")
    }
}
