import Configuration
import Zones

/// The addresses of a service that are checked.
public struct CheckedService: Sendable {
    /// By the number of a datacenter, what is asked of its addresses: those of IPv4, then those of IPv6.
    private let targets: [(ipv4: [String], ipv6: [String])]
    private let quorum: Configuration.Service.Quorum

    /// `nil` if nothing of the service is checked.
    public init?(_ service: Configuration.Service) {
        guard let check = service.check else { return nil }
        quorum = service.quorum
        targets = service.answers.map { answers in
            func targets(_ type: RecordType) -> [String] {
                answers.filter { $0.type == type }.map { check.target($0.content.text) }
            }
            return (targets(.a), targets(.aaaa))
        }
    }

    /// How the addresses of a datacenter are.
    public struct DatacenterHealth: Sendable, Encodable {
        /// So many are checked.
        public var addresses: Int
        /// So many are up, or nothing is known of them.
        public var up: Int
        /// So many must be up.
        public var required: Int
        /// Whether enough are, and some of each family that there is.
        public var isUp: Bool
    }

    /// How the addresses of each datacenter are.
    ///
    /// - Parameter isDown: whether an address is down of which that is asked.
    public func datacenters(_ isDown: (_ target: String) -> Bool) -> [DatacenterHealth] {
        targets.map { ipv4, ipv6 in
            let up = [ipv4, ipv6].map { $0.count { !isDown($0) } }
            let addresses = ipv4.count + ipv6.count
            let required = addresses == 0 ? 0 : quorum.required(of: addresses)
            // One that has nothing left for those who know only one of the families would leave them without an answer.
            let isWhole = (up[0] > 0 || ipv4.isEmpty) && (up[1] > 0 || ipv6.isEmpty)
            return DatacenterHealth(
                addresses: addresses, up: up[0] + up[1], required: required,
                isUp: up[0] + up[1] >= required && isWhole)
        }
    }

    /// What is asked of the addresses of these datacenters.
    func targets(ofDatacenters datacenters: [Int]) -> [String] {
        datacenters.flatMap { targets[$0].ipv4 + targets[$0].ipv6 }
    }

    /// In the order in which `ServiceAnswers` numbers the addresses, whether each is down.
    func addresses(_ isDown: (_ target: String) -> Bool) -> [Bool] {
        targets.flatMap { $0.ipv4.map(isDown) + $0.ipv6.map(isDown) }
    }
}
