/// A version of the pipe protocol: pdns's setting `pipe-abi-version`, 1 to 5.
///
/// Source: https://doc.powerdns.com/authoritative/backends/pipe.html
public struct ABIVersion: Hashable, Sendable {
    /// 1 to 5.
    public let number: Int

    /// The version of that number; `nil` if there is no such version.
    public init?(_ number: Int) {
        guard 1...5 ~= number else { return nil }
        self.number = number
    }

    /// From 2 on a question says which address of the server it came to.
    @inlinable public var hasLocalAddress: Bool { number >= 2 }
    /// From 3 on a question has the client subnet (EDNS option 8, RFC 7871).
    @inlinable public var hasClientSubnet: Bool { number >= 3 }
    /// From 3 on an answer has the scope prefix length and the `auth` flag.
    @inlinable public var hasScope: Bool { number >= 3 }
    /// From 4 on a request for a transfer names the zone.
    @inlinable public var hasTransferZone: Bool { number >= 4 }
    /// From 5 on there are commands (`pdnsutil backend-cmd`).
    @inlinable public var hasCommands: Bool { number >= 5 }

    /// The number of fields of a question, its tag `Q` included.
    @inlinable var questionFields: Int { hasClientSubnet ? 8 : hasLocalAddress ? 7 : 6 }
}
