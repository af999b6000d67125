import Configuration
import DNS
import State

/// The checked addresses of a service.
public struct CheckedService: Sendable {
    /// The targets of each address of a datacenter; empty for an address without checks, which is always up.
    typealias Targets = (ipv4: [[String]], ipv6: [[String]])

    /// The targets of each datacenter's addresses, by its number.
    let targets: [Targets]
    private let quorum: Configuration.Service.Quorum
    /// How long the share of a datacenter grows after it has come back up, in seconds; `nil` if it takes all clients
    /// at once.
    let comesBack: Int?

    /// Makes the checks of a configured service; `nil` if it has none.
    public init?(_ service: Configuration.Service) {
        guard !service.checks.isEmpty else { return nil }
        quorum = service.quorum
        comesBack = service.comesBack.map(Int.init)
        targets = service.answers.enumerated().map { datacenter, answers in
            let checks = service.unchecked.contains(datacenter) ? [] : service.checks
            func targets(_ type: RecordType) -> [[String]] {
                answers.filter { $0.type == type }.map { answer in
                    checks.map { $0.target(answer.content.text) }
                }
            }
            return (targets(.a), targets(.aaaa))
        }
    }

    /// - Parameters:
    ///   - targets: the targets of each datacenter's addresses, by its number.
    ///   - comesBack: how long the share of a datacenter grows, in seconds.
    init(_ targets: [Targets], quorum: Configuration.Service.Quorum, comesBack: Int? = nil) {
        self.targets = targets
        self.quorum = quorum
        self.comesBack = comesBack
    }

    /// The health of the addresses of one family in a datacenter.
    public struct FamilyHealth: Sendable {
        /// The number of addresses.
        public var addresses: Int
        /// The number of addresses that are up or unknown.
        public var up: Int
        /// The number of addresses that must be up, by the quorum.
        public var required: Int
        /// Whether at least `required` addresses are up.
        public var isUp: Bool
    }

    /// The health of the addresses of a datacenter.
    public struct DatacenterHealth: Sendable {
        /// The health of the IPv4 addresses.
        public var ipv4: FamilyHealth
        /// The health of the IPv6 addresses.
        public var ipv6: FamilyHealth

        /// The number of addresses of both families.
        public var addresses: Int { ipv4.addresses + ipv6.addresses }
        /// The number of addresses of both families that are up or unknown.
        public var up: Int { ipv4.up + ipv6.up }
        /// Whether a family has its quorum up, or there are no addresses.
        public var isUp: Bool {
            addresses == 0 || ipv4.addresses > 0 && ipv4.isUp || ipv6.addresses > 0 && ipv6.isUp
        }

        /// Returns `down`, or the one family that is down; empty if both families are up.
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

    /// Returns the health of each datacenter.
    ///
    /// - Parameters:
    ///   - forced: the datacenters whose addresses all count as up, because an operator has forced them.
    ///   - isDown: whether a target is down.
    public func datacenters(
        forced: Set<Int> = [], _ isDown: (_ target: String) -> Bool
    ) -> [DatacenterHealth] {
        func family(_ targets: [[String]], isForced: Bool) -> FamilyHealth {
            let up = isForced ? targets.count : targets.count { !$0.contains(where: isDown) }
            let required = targets.isEmpty ? 0 : quorum.required(of: targets.count)
            return FamilyHealth(addresses: targets.count, up: up, required: required, isUp: up >= required)
        }
        return targets.enumerated().map { datacenter, targets in
            let isForced = forced.contains(datacenter)
            return DatacenterHealth(
                ipv4: family(targets.ipv4, isForced: isForced), ipv6: family(targets.ipv6, isForced: isForced))
        }
    }

    /// Returns the targets of the addresses of datacenters.
    package func targets(ofDatacenters datacenters: [Int]) -> [String] {
        datacenters.flatMap { (targets[$0].ipv4 + targets[$0].ipv6).joined() }
    }

    /// Returns whether each address is down, by its number in `AnswerTable`.
    func addresses(forced: Set<Int>, _ isDown: (_ target: String) -> Bool) -> [Bool] {
        targets.enumerated().flatMap { datacenter, targets in
            (targets.ipv4 + targets.ipv6).map { !forced.contains(datacenter) && $0.contains(where: isDown) }
        }
    }

    /// Returns the weight of each address in percent, 1...100, by its number in `AnswerTable`; empty if all are 100.
    func weights(_ state: (_ target: String) -> HealthReport.State?) -> [UInt8] {
        let weights = targets.flatMap { ($0.ipv4 + $0.ipv6).map { UInt8(weight(of: $0, state)) } }
        return weights.contains { $0 < 100 } ? weights : []
    }

    /// Returns the weight of an address in percent, 1...100: the least that any of its checks reports.
    private func weight(of checks: [String], _ state: (_ target: String) -> HealthReport.State?) -> Int {
        checks.reduce(100) { min($0, state($1)?.weight ?? 100) }
    }

    /// The part of its client networks that a datacenter takes.
    package struct Share: Hashable, Sendable {
        /// The average weight that its addresses reported, of those that are up, in percent, 1...100.
        package var reported = 100
        /// The part of that which it takes while it comes back, in percent, 1...100.
        package var growth = 100
        /// When it takes all clients again, in seconds since 1970; `nil` if it does now.
        package var growsUntil: Int?

        /// The product of both, in percent, 1...100.
        package var percent: Int { max(1, reported * growth / 100) }
    }

    /// Returns the part of its client networks that each datacenter takes, by its number.
    ///
    /// Two things limit it: the weights that its addresses reported, and the time since it came back up. A datacenter
    /// is back when the first of its families is back: the other family was up all the time, or comes back later.
    ///
    /// - Parameters:
    ///   - down: the state of a target that is down; `nil` if it is up.
    ///   - state: the state of a target that is up and limited.
    ///   - time: in seconds since 1970.
    package func shares(
        _ down: (_ target: String) -> HealthReport.State?, _ state: (_ target: String) -> HealthReport.State?,
        at time: Int
    ) -> [Share] {
        func isUp(_ checks: [String]) -> Bool { !checks.contains { down($0) != nil } }
        return targets.map { addresses in
            let up = (addresses.ipv4 + addresses.ipv6).filter(isUp)
            guard !up.isEmpty else { return Share() }
            let growths = [addresses.ipv4, addresses.ipv6].compactMap { growth(of: $0) }
            let most = growths.max { $0.growth < $1.growth } ?? (100, nil)
            return Share(
                reported: up.reduce(0) { $0 + weight(of: $1, state) } / up.count, growth: most.growth,
                growsUntil: most.end)
        }

        /// Returns the share of a family while it comes back; `nil` if less than its quorum is up.
        func growth(of family: [[String]]) -> (growth: Int, end: Int?)? {
            let required = quorum.required(of: family.count)
            let backs = family.filter(isUp).map { checks in checks.compactMap { state($0)?.cameBackAt }.max() ?? .min }
                .sorted()
            guard !family.isEmpty, backs.count >= required else { return nil }
            // The family came up with the address that completed its quorum, unless other addresses had completed it
            // until then.
            guard let comesBack, required > 0, case let back = backs[required - 1], back != .min,
                family.count(where: { wasUp($0, before: back) }) < required
            else { return (100, nil) }
            // A time in the future means that the clock was set back.
            let (age, overflows) = time.subtractingReportingOverflow(back)
            guard !overflows, 0..<comesBack ~= age else { return (100, nil) }
            return (max(Self.firstShare, age * 100 / comesBack), back + comesBack)
        }

        /// Returns whether an address was up right before a time.
        func wasUp(_ checks: [String], before time: Int) -> Bool {
            checks.allSatisfy { check in
                if let down = down(check) { return down.since >= time }
                guard let state = state(check), let back = state.cameBackAt else { return true }
                return back < time || state.wentDownAt ?? .min >= time
            }
        }
    }

    /// The share that a datacenter gets at once when it comes back up, in percent.
    private static let firstShare = 5
}
