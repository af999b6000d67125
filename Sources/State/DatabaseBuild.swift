/// When a database was built, by its own account.
public struct DatabaseBuild: Sendable, Hashable {
    /// The absolute path of its file.
    public var database: String
    /// In seconds since 1970; `nil` if it does not say.
    public var built: Int?

    public init(database: String, built: Int?) {
        self.database = database
        self.built = built
    }
}
