import State

/// What takes less than all of its clients: addresses that said so of themselves, and datacenters that have just come back.
package struct Limits: Equatable, Sendable {
    /// By the position of a service and the number of a datacenter, the part of its client networks that it takes, in percent,
    /// from 1; empty for a service of which nothing is limited.
    package fileprivate(set) var shares: [[Int]] = []
    /// By the position of a service and the number of an address, the clients that it takes of 100 that it would get; empty for
    /// a service of which each takes all.
    fileprivate(set) var weights: [[UInt8]] = []

    /// Nothing is limited.
    package init() {}

    func shares(ofService service: Int) -> [Int] { shares.isEmpty ? [] : shares[service] }
    func weights(ofService service: Int) -> [UInt8] { weights.isEmpty ? [] : weights[service] }
}

extension Snapshot {
    /// What is limited at a time.
    ///
    /// - Parameter time: in seconds since 1970.
    package func limits(_ health: HealthReport?, at time: Int) -> Limits {
        var limits = Limits()
        guard let health, case let limited = health.limited(at: time), !limited.isEmpty else { return limits }
        let down = health.down(at: time)
        limits.shares = checkedServices.map { checked in
            let shares = checked?.shares({ down[$0] }, { limited[$0] }, at: time).map(\.percent) ?? []
            return shares.allSatisfy { $0 == 100 } ? [] : shares
        }
        limits.weights = checkedServices.map { $0?.weights { limited[$0] } ?? [] }
        // So that nothing limited is the same, however it came about.
        return limits.shares.allSatisfy(\.isEmpty) && limits.weights.allSatisfy(\.isEmpty) ? Limits() : limits
    }
}
