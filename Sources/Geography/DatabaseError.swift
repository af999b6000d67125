import Glibc

/// Why a database cannot be used.
public struct DatabaseError: Error, CustomStringConvertible {
    /// The path of the database.
    public let path: String
    /// What is wrong with the database.
    public let reason: String
    public let kind: Kind

    /// The kind of an error, by what the operator has to do.
    public enum Kind: Sendable {
        /// The file does not exist.
        case missing
        /// The user lacks the permission to read the file.
        case forbidden
        /// The file cannot be opened or read for another reason.
        case unreadable
        /// The path is a folder, a named pipe or another special file.
        case notAFile
        case empty
        /// The file is damaged, or not a database in MaxMind's format.
        case malformed
    }

    init(path: String, kind: Kind) {
        self.path = path
        self.kind = kind
        reason = kind == .empty ? "it is empty" : "not a regular file"
    }

    /// Makes an error about the content of a database.
    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
        kind = .malformed
    }

    /// Makes an error of a system call.
    ///
    /// - Parameter error: the value of `errno`.
    init(path: String, error: CInt) {
        self.path = path
        reason = String(cString: strerror(error))
        kind =
            switch error {
            case ENOENT, ENOTDIR: .missing
            case EACCES, EPERM: .forbidden
            default: .unreadable
            }
    }

    /// Whether the file does not exist.
    public var isMissingFile: Bool { kind == .missing }

    public var description: String { "cannot use the database \(path): \(reason)" }

    /// What the operator should do.
    public var advice: String {
        switch kind {
        case .missing, .notAFile: "name a file in MaxMind's format (.mmdb)"
        case .forbidden:
            "let the user that geopipe runs as read it: chmod a+r the file, and chmod a+x the folders above it"
        case .unreadable: "check the file, its file system and its disk"
        case .empty: "fetch it again, and move it to its place only when it is complete"
        case .malformed:
            switch path.split(separator: ".").last?.lowercased() {
            case "gz", "tgz", "zip", "xz", "bz2", "zst": "unpack it first"
            case "bin": "that is IP2Location's own format; use the same database as .mmdb"
            case "dat": "that is the format of GeoIP Legacy; use a database in MaxMind's present one (.mmdb)"
            case "csv", "json": "use the same database in MaxMind's format (.mmdb)"
            default: "name a file in MaxMind's format (.mmdb), or fetch it again if this should be one"
            }
        }
    }
}
