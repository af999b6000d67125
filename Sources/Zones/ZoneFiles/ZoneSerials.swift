import DNS
import Glibc

/// Remembers the last served serial of each zone, so that a changed zone gets a later one (RFC 1982, RFC 1912 section
/// 2.2).
public protocol ZoneSerials {
    /// Returns the serial of a zone whose operator does not set one.
    ///
    /// - Parameters:
    ///   - content: a hash of all that the zone is made from.
    ///   - newest: the time of the newest change of its files, in seconds since 1970.
    /// - Returns: the serial before if the zone has not changed; otherwise `newest`, or a later serial if the zone
    ///   has already had that one.
    mutating func serial(of apex: DomainName, content: UInt64, newest: UInt32) -> UInt32

    /// Whether a zone that was compiled before can be served unchanged: not if the zone has had a later serial since
    /// then.
    mutating func accepts(_ serial: UInt32, of apex: DomainName, content: UInt64) -> Bool

    /// Records the serial of a zone whose operator sets it.
    ///
    /// - Parameter content: a hash of its records without the serial.
    /// - Returns: the serial before, if the records or the serial have changed and the serial is not later.
    mutating func note(_ apex: DomainName, content: UInt64, serial: UInt32) -> UInt32?

    /// Saves the serials.
    mutating func keep()
}

/// Whether a serial is later than another by serial number arithmetic (RFC 1982 section 3.2).
public func isLater(_ serial: UInt32, than other: UInt32) -> Bool { Int32(bitPattern: serial &- other) > 0 }

/// The time of the newest change of a set of files.
public struct NewestChange: Sendable {
    /// The time in seconds since 1970; 0 without any file.
    public private(set) var time: UInt32 = 0

    /// Modification times before this are not plausible: package and container builds often set them to 0 or 1.
    private static let earliest = 86_400 * 365

    public init() {}

    /// Adds the times of a file.
    ///
    /// - Parameters:
    ///   - modified: the last change of the content (mtime), in seconds since 1970.
    ///   - changed: the last change of the inode (ctime), which copying tools cannot set.
    public mutating func add(modified: Int, changed: Int) {
        let believable = modified >= Self.earliest ? modified : changed
        time = max(time, UInt32(truncatingIfNeeded: max(believable, Self.earliest)))
    }
}
