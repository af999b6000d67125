/// A version of PowerDNS Authoritative Server, such as 4.9.18; of some only the release is known, such as 4.9.
public struct ServerVersion: Hashable, Sendable, CustomStringConvertible {
    public let major: Int
    public let minor: Int
    public let patch: Int?

    /// The releases that geopipe knows, the oldest first.
    static let known = ["4.7", "4.8", "4.9", "5.0", "5.1"].map { ServerVersion($0)! }

    /// Reads a version as pdns_server, its source (`auth-5.0.6`) or Debian (`1:4.9.4-1+deb13u1`, `5.1.0~beta1-1`) write it;
    /// `nil` for anything else.
    public init?(_ text: String) {
        guard
            let match = text.wholeMatch(
                of: /(?:[0-9]+:|auth-|v)?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,9}))?([-+~].*)?/),
            let major = Int(match.1), let minor = Int(match.2)
        else { return nil }
        self.major = major
        self.minor = minor
        patch = match.3.flatMap { Int($0) }
    }

    public var description: String { patch.map { "\(major).\(minor).\($0)" } ?? release }

    /// What its patch versions have in common.
    var release: String { "\(major).\(minor)" }

    /// Whether this is of a release, or of a newer one. What is built from no release calls itself 0.0, and is newer.
    public func isSince(major: Int, minor: Int) -> Bool {
        self.major == 0 || (self.major, self.minor) >= (major, minor)
    }

    /// Whether this is of the release `other`, or of a newer one.
    func isAtLeast(_ other: ServerVersion) -> Bool { (major, minor) >= (other.major, other.minor) }

    /// The release that geopipe knows with the same settings: this one, or the one before; the oldest if there is none.
    var nearestKnown: ServerVersion {
        // What is built from no release calls itself 0.0.
        (major == 0 ? Self.known.last : Self.known.last { isAtLeast($0) }) ?? Self.known[0]
    }
}
