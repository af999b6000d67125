import Configuration
import DNS
import State

/// The addresses of a service that are checked.
public struct CheckedService: Sendable {
    /// What is asked about each address of a datacenter: nothing about those that always count as up.
    typealias Targets = (ipv4: [[String]], ipv6: [[String]])

    /// By the number of a datacenter: the addresses of IPv4, then those of IPv6.
    let targets: [Targets]
    private let quorum: Configuration.Service.Quorum
    /// For how long the share of a datacenter grows after it has come back, in seconds; `nil` if it has all at once.
    let comesBack: Int?

    /// `nil` if nothing of the service is checked.
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
    ///   - targets: by the number of a datacenter, what is asked about its addresses.
    ///   - comesBack: for how long the share of a datacenter grows, in seconds.
    init(_ targets: [Targets], quorum: Configuration.Service.Quorum, comesBack: Int? = nil) {
        self.targets = targets
        self.quorum = quorum
        self.comesBack = comesBack
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

    /// What is asked of the addresses of these datacenters.
    package func targets(ofDatacenters datacenters: [Int]) -> [String] {
        datacenters.flatMap { (targets[$0].ipv4 + targets[$0].ipv6).joined() }
    }

    /// In the order in which `ServiceAnswers` numbers the addresses, whether each is down.
    func addresses(forced: Set<Int>, _ isDown: (_ target: String) -> Bool) -> [Bool] {
        targets.enumerated().flatMap { datacenter, targets in
            (targets.ipv4 + targets.ipv6).map { !forced.contains(datacenter) && $0.contains(where: isDown) }
        }
    }

    /// In the order in which `ServiceAnswers` numbers the addresses, the clients that each takes, of 100 that it would get, from 1;
    /// empty if each takes all.
    func weights(_ state: (_ target: String) -> HealthReport.State?) -> [UInt8] {
        let weights = targets.flatMap { ($0.ipv4 + $0.ipv6).map { UInt8(weight(of: $0, state)) } }
        return weights.contains { $0 < 100 } ? weights : []
    }

    /// What an address takes is the least that any of its checks says, from 1 to 100.
    private func weight(of checks: [String], _ state: (_ target: String) -> HealthReport.State?) -> Int {
        checks.reduce(100) { min($0, state($1)?.weight ?? 100) }
    }

    /// The part of its client networks that a datacenter takes.
    package struct Share: Hashable, Sendable {
        /// What its addresses that are up say of themselves on average, in percent, 1 to 100.
        package var told = 100
        /// What it takes of that since it has come back, in percent, 1 to 100.
        package var growth = 100
        /// When it takes all again, in seconds since 1970; `nil` if it does.
        package var growsUntil: Int?

        /// In percent, 1 to 100.
        package var percent: Int { max(1, told * growth / 100) }
    }

    /// By the number of a datacenter, the part of its client networks that it takes.
    ///
    /// Two things limit it: what its addresses that are up say of themselves, and the time since it has come back. A
    /// datacenter comes back with the first of its families that does: the other one has taken clients before, or follows it.
    ///
    /// - Parameters:
    ///   - down: what is known of a target that is down; `nil` if it is up.
    ///   - state: what is known of a target that is up and limited.
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
                told: up.reduce(0) { $0 + weight(of: $1, state) } / up.count, growth: most.growth, growsUntil: most.end)
        }

        /// `nil` if less than the quorum is up.
        func growth(of family: [[String]]) -> (growth: Int, end: Int?)? {
            let required = quorum.required(of: family.count)
            let backs = family.filter(isUp).map { checks in checks.compactMap { state($0)?.back }.max() ?? .min }
                .sorted()
            guard !family.isEmpty, backs.count >= required else { return nil }
            // It came up with the address that made its quorum full, unless others had filled it until then.
            guard let comesBack, required > 0, case let back = backs[required - 1], back != .min,
                family.count(where: { wasUp($0, before: back) }) < required
            else { return (100, nil) }
            // What comes from the future is a clock that was set.
            let (age, overflows) = time.subtractingReportingOverflow(back)
            guard !overflows, 0..<comesBack ~= age else { return (100, nil) }
            return (max(Self.firstShare, age * 100 / comesBack), back + comesBack)
        }

        /// Whether an address was up right before a time.
        func wasUp(_ checks: [String], before time: Int) -> Bool {
            checks.allSatisfy { check in
                if let down = down(check) { return down.since >= time }
                guard let state = state(check), let back = state.back else { return true }
                return back < time || state.fell ?? .min >= time
            }
        }
    }

    /// The share that a datacenter has at once when it comes back, in percent.
    private static let firstShare = 5
}
