import Configuration
import DNS

/// The addresses of a service that are checked.
public struct CheckedService: Sendable {
    /// By the number of a datacenter, what is asked of its addresses: those of IPv4, then those of IPv6. Nothing is asked, which is an
    /// empty text, of those that always count as up.
    let targets: [(ipv4: [String], ipv6: [String])]
    private let quorum: Configuration.Service.Quorum

    /// `nil` if nothing of the service is checked.
    public init?(_ service: Configuration.Service) {
        guard let check = service.check else { return nil }
        quorum = service.quorum
        targets = service.answers.enumerated().map { datacenter, answers in
            func targets(_ type: RecordType) -> [String] {
                answers.filter { $0.type == type }.map {
                    service.unchecked.contains(datacenter) ? "" : check.target($0.content.text)
                }
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
        /// The number of addresses.
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

    /// Whether any address of a datacenter is checked.
    public func checks(_ datacenter: Int) -> Bool {
        targets.indices.contains(datacenter)
            && (targets[datacenter].ipv4 + targets[datacenter].ipv6).contains { !$0.isEmpty }
    }

    /// How the addresses of each datacenter are.
    ///
    /// - Parameters:
    ///   - forced: the datacenters whose addresses all count as up.
    ///   - isDown: whether an address is down of which that is asked.
    public func datacenters(
        forced: Set<Int> = [], _ isDown: (_ target: String) -> Bool
    ) -> [DatacenterHealth] {
        func family(_ targets: [String], isForced: Bool) -> FamilyHealth {
            let up = isForced ? targets.count : targets.count { !isDown($0) }
            let required = targets.isEmpty ? 0 : quorum.required(of: targets.count)
            return FamilyHealth(addresses: targets.count, up: up, required: required, isUp: up >= required)
        }
        return targets.enumerated().map { datacenter, targets in
            let isForced = forced.contains(datacenter)
            return DatacenterHealth(
                ipv4: family(targets.ipv4, isForced: isForced), ipv6: family(targets.ipv6, isForced: isForced))
        }
    }

    /// What is asked of the addresses of these datacenters.
    package func targets(ofDatacenters datacenters: [Int]) -> [String] {
        datacenters.flatMap { targets[$0].ipv4 + targets[$0].ipv6 }.filter { !$0.isEmpty }
    }

    /// In the order in which `ServiceAnswers` numbers the addresses, whether each is down.
    func addresses(forced: Set<Int>, _ isDown: (_ target: String) -> Bool) -> [Bool] {
        targets.enumerated().flatMap { datacenter, targets in
            (targets.ipv4 + targets.ipv6).map { !forced.contains(datacenter) && isDown($0) }
        }
    }
}
