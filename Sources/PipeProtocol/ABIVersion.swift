/// A version of the pipe protocol: the setting `pipe-abi-version` of pdns, 1 to 5.
///
/// Source: https://doc.powerdns.com/authoritative/backends/pipe.html
public struct ABIVersion: Hashable, Sendable {
    /// The number of the version, 1...5.
    public let number: Int

    /// Makes the version of a number; `nil` if the number is not 1...5.
    public init?(_ number: Int) {
        guard 1...5 ~= number else { return nil }
        self.number = number
    }

    /// Whether a question has the server's address that it came to (2 and later).
    @inlinable public var hasLocalAddress: Bool { number >= 2 }
    /// Whether a question has the client subnet (EDNS option 8, RFC 7871; 3 and later).
    @inlinable public var hasClientSubnet: Bool { number >= 3 }
    /// Whether an answer has the scope prefix length and the `auth` flag (3 and later).
    @inlinable public var hasScope: Bool { number >= 3 }
    /// Whether a request for a zone transfer names the zone (4 and later).
    @inlinable public var hasTransferZone: Bool { number >= 4 }
    /// Whether pdns sends commands (`pdnsutil backend-cmd`; 5 and later).
    @inlinable public var hasCommands: Bool { number >= 5 }

    /// The number of fields of a question, including its tag `Q`.
    @inlinable var questionFields: Int { hasClientSubnet ? 8 : hasLocalAddress ? 7 : 6 }
}
