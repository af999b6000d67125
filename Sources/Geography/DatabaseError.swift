import Glibc

/// Why a database cannot be used.
public struct DatabaseError: Error, CustomStringConvertible {
    /// The database's file.
    public let path: String
    /// What is wrong with it.
    public let reason: String
    public let kind: Kind

    /// What has to be mended.
    public enum Kind: Sendable {
        /// There is no such file.
        case missing
        /// The file may not be read.
        case forbidden
        /// The system does not open it, or cannot read it.
        case unreadable
        /// It is a folder, a named pipe or the like.
        case notAFile
        case empty
        /// It is something else than a database in MaxMind's format, or a damaged one.
        case malformed
    }

    init(path: String, kind: Kind) {
        self.path = path
        self.kind = kind
        reason = kind == .empty ? "it is empty" : "not a regular file"
    }

    /// - Parameter reason: what is wrong with the contents.
    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
        kind = .malformed
    }

    /// - Parameter error: the system's number, `errno`.
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

    /// There is no such file.
    public var isMissingFile: Bool { kind == .missing }

    public var description: String { "cannot use the database \(path): \(reason)" }

    /// What to do about it.
    public var advice: String {
        switch kind {
        case .missing, .notAFile: "name a file in MaxMind's format (.mmdb)"
        case .forbidden:
            "let the user that geopipe runs as read it: chmod a+r the file, and chmod a+x the folders above it"
        case .unreadable: "look at the file, its file system and its disk"
        case .empty: "fetch it again, and put it in place only when it is whole"
        case .malformed:
            switch path.split(separator: ".").last?.lowercased() {
            case "gz", "tgz", "zip", "xz", "bz2", "zst": "unpack it first"
            case "bin": "that is IP2Location's own format; take the same database as .mmdb"
            case "dat": "that is the format of GeoIP Legacy; take a database in MaxMind's present one (.mmdb)"
            case "csv", "json": "take the same database in MaxMind's format (.mmdb)"
            default: "name a file in MaxMind's format (.mmdb), or fetch it again if this should be one"
            }
        }
    }
}
