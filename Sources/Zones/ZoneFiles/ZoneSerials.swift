import DNS
import Glibc

/// Knows the serial of each zone as it was served last, so that a changed zone gets a later one (RFC 1982, RFC 1912 section 2.2).
public protocol ZoneSerials {
    /// The serial of a zone that has none of its own.
    ///
    /// - Parameters:
    ///   - content: a hash of all that the zone is made from.
    ///   - newest: when the newest of its files was changed, in seconds since 1970.
    /// - Returns: `newest` for a zone that is new or was changed, or a later serial where the zone had one as late as that.
    mutating func serial(of apex: DomainName, content: UInt64, newest: UInt32) -> UInt32

    /// Whether a zone that was compiled before, by this process or another, can be served as it is: it cannot if the zone has had
    /// a later serial since then.
    mutating func accepts(_ serial: UInt32, of apex: DomainName, content: UInt64) -> Bool

    /// Takes note of a zone that has a serial of its own.
    ///
    /// - Parameter content: a hash of its records, without the serial.
    /// - Returns: the serial before, if records or serial are others now and the serial is no later than that.
    mutating func note(_ apex: DomainName, content: UInt64, serial: UInt32) -> UInt32?

    /// Keeps what was given out and noted.
    mutating func keep()
}

/// Whether a serial is later than another (RFC 1982 section 3.2).
public func isLater(_ serial: UInt32, than other: UInt32) -> Bool { Int32(bitPattern: serial &- other) > 0 }

/// The newest change of some files.
public struct NewestChange: Sendable {
    /// In seconds since 1970; 0 without any file.
    public private(set) var time: UInt32 = 0

    /// Files of images often have their times set to 0 or 1, or to some other time before there was any file.
    private static let earliest = 86_400 * 365

    public init() {}

    /// - Parameters:
    ///   - modified: when a file's content was changed, in seconds since 1970.
    ///   - changed: when anything about it was changed, which no copy can set.
    public mutating func add(modified: Int, changed: Int) {
        let believable = modified >= Self.earliest ? modified : changed
        time = max(time, UInt32(truncatingIfNeeded: max(believable, Self.earliest)))
    }
}
