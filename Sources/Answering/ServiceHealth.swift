import Configuration
import DNS

/// The addresses of a service that are checked.
public struct CheckedService: Sendable {
    /// By the number of a datacenter, what is asked of its addresses: those of IPv4, then those of IPv6.
    let targets: [(ipv4: [String], ipv6: [String])]
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

    /// - Parameter targets: by the number of a datacenter, what is asked of its addresses.
    init(_ targets: [(ipv4: [String], ipv6: [String])], quorum: Configuration.Service.Quorum) {
        self.targets = targets
        self.quorum = quorum
    }

    /// How the addresses of one family are in a datacenter.
    public struct FamilyHealth: Sendable {
        /// The number of addresses, all of which are checked.
        public var addresses: Int
        /// The number of addresses that are up, or of which nothing is known.
        public var up: Int
        /// The number of addresses that must be up.
        public var required: Int
        /// Whether enough are up.
        public var isUp: Bool
    }

    /// How the addresses of a datacenter are.
    public struct DatacenterHealth: Sendable {
        public var ipv4: FamilyHealth
        public var ipv6: FamilyHealth

        /// The number of addresses of both families.
        public var addresses: Int { ipv4.addresses + ipv6.addresses }
        /// The number of addresses of both families that are up, or of which nothing is known.
        public var up: Int { ipv4.up + ipv6.up }
        /// Whether a family has enough up, or there is nothing to check.
        public var isUp: Bool {
            addresses == 0 || ipv4.addresses > 0 && ipv4.isUp || ipv6.addresses > 0 && ipv6.isUp
        }

        /// `down`, or the family that is down while the other is up; empty if nothing is down.
        public var stateWords: String {
            if !isUp { return "down" }
            return ipv4.isUp ? ipv6.isUp ? "" : "IPv6 down" : "IPv4 down"
        }
    }

    /// How the addresses of each datacenter are.
    ///
    /// - Parameter isDown: whether an address is down of which that is asked.
    public func datacenters(_ isDown: (_ target: String) -> Bool) -> [DatacenterHealth] {
        func family(_ targets: [String]) -> FamilyHealth {
            let up = targets.count { !isDown($0) }
            let required = targets.isEmpty ? 0 : quorum.required(of: targets.count)
            return FamilyHealth(addresses: targets.count, up: up, required: required, isUp: up >= required)
        }
        return targets.map { DatacenterHealth(ipv4: family($0.ipv4), ipv6: family($0.ipv6)) }
    }

    /// What is asked of the addresses of these datacenters.
    package func targets(ofDatacenters datacenters: [Int]) -> [String] {
        datacenters.flatMap { targets[$0].ipv4 + targets[$0].ipv6 }
    }

    /// In the order in which `ServiceAnswers` numbers the addresses, whether each is down.
    func addresses(_ isDown: (_ target: String) -> Bool) -> [Bool] {
        targets.flatMap { $0.ipv4.map(isDown) + $0.ipv6.map(isDown) }
    }
}
