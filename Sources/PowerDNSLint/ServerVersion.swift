/// A version of PowerDNS Authoritative Server, such as 4.9.18; without a patch number it means the release, such as
/// 4.9.
public struct ServerVersion: Hashable, Sendable, CustomStringConvertible {
    public let major: Int
    public let minor: Int
    public let patch: Int?

    /// The releases that geopipe knows, the oldest first.
    static let known = ["4.7", "4.8", "4.9", "5.0", "5.1"].map { ServerVersion($0)! }

    /// Parses a version in the form of pdns_server, of its source (`auth-5.0.6`) or of Debian (`1:4.9.4-1+deb13u1`,
    /// `5.1.0~beta1-1`); `nil` for anything else.
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

    /// The version without its patch number.
    var release: String { "\(major).\(minor)" }

    /// Returns whether this belongs to the release `major.minor` or a newer one. A development build has version 0.0
    /// and counts as newer.
    public func isSince(major: Int, minor: Int) -> Bool {
        self.major == 0 || (self.major, self.minor) >= (major, minor)
    }

    /// Returns whether this belongs to the release `other` or a newer one.
    func isAtLeast(_ other: ServerVersion) -> Bool { (major, minor) >= (other.major, other.minor) }

    /// The known release whose settings apply: the newest one that is not newer than this version, or else the oldest.
    var nearestKnown: ServerVersion {
        // A development build has version 0.0.
        (major == 0 ? Self.known.last : Self.known.last { isAtLeast($0) }) ?? Self.known[0]
    }
}
