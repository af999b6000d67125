import Configuration
import Geography

/// A configuration and its databases, found usable as far as that can be seen at once. What is left to do is to read them.
public struct SnapshotPlan: Sendable {
    /// What was planned from.
    public let configuration: Configuration
    /// What works, but hardly as it was meant.
    let warnings: [Complaint]
    /// The databases that are there.
    private let databases: [Configuration.DatabaseFile]

    /// Opens every database of `configuration`, to see that it is one.
    public init(_ configuration: Configuration) throws(ConfigurationError) {
        self.configuration = configuration
        var complaints: [Complaint] = []
        var databases: [Configuration.DatabaseFile] = []
        for database in configuration.databases {
            do {
                _ = try MaxMindDatabase(path: database.path)
                databases.append(database)
            } catch {
                var complaint = configuration.complaint(about: database, error)
                complaint.isWarning = database.isOptional && error.isMissingFile
                complaints.append(complaint)
            }
        }
        guard complaints.allSatisfy(\.isWarning) else {
            throw ConfigurationError(complaints, files: configuration.files)
        }
        warnings = complaints
        self.databases = databases
    }

    /// What the databases know, as far as the maps ask for it.
    func atlas() throws(ConfigurationError) -> Atlas {
        let fields = configuration.maps.reduce(into: PlaceFields()) { $0.formUnion($1.rules.fields) }
        var atlas = Atlas()
        for database in databases {
            do {
                try atlas.add(try MaxMindDatabase(path: database.path), fields: fields)
            } catch {
                throw ConfigurationError([configuration.complaint(about: database, error)], files: configuration.files)
            }
        }
        return atlas
    }
}

extension Configuration {
    fileprivate func complaint(about database: DatabaseFile, _ error: DatabaseError) -> Complaint {
        Complaint(
            file: database.position == nil ? "--database" : file, position: database.position,
            message: "\(error); name a file in MaxMind's format (.mmdb)")
    }
}
