/// A database and its build time.
public struct DatabaseBuild: Sendable, Hashable {
    /// The absolute path of its file.
    public var database: String
    /// The build time from its metadata, in seconds since 1970; `nil` if it has none.
    public var built: Int?

    public init(database: String, built: Int?) {
        self.database = database
        self.built = built
    }
}
