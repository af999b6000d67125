import Foundation

/// A release of PowerDNS Authoritative Server, such as 4.9.
package struct PowerDNSRelease: Comparable, CustomStringConvertible, Sendable {
    package let major: Int
    package let minor: Int
    package var description: String { "\(major).\(minor)" }

    package init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

    package static func < (a: Self, b: Self) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

    /// The release of the pdns_server in PATH, which the tests start.
    package static let started: Self? = {
        guard let output = try? Tool("pdns_server").run(["--version"]).output,
            let version = output.firstMatch(of: /PowerDNS Authoritative Server (\d+)\.(\d+)/),
            let major = Int(version.1), let minor = Int(version.2)
        else { return nil }
        return Self(major, minor)
    }()

    /// The release that the tests must start, from `GEOPIPE_PDNS_RELEASE=4.9`; `nil` for any.
    package static let expected = ProcessInfo.processInfo.environment["GEOPIPE_PDNS_RELEASE"].flatMap {
        $0.isEmpty ? nil : $0
    }
}
