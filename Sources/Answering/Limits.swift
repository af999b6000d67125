import State

/// The addresses and datacenters that take only a part of their clients: addresses that reported a weight, and
/// datacenters that have just come back up.
package struct Limits: Equatable, Sendable {
    /// The part of its client networks that a datacenter takes, in percent, 1...100, by the position of a service and
    /// the number of a datacenter. Empty for a service without limits.
    package fileprivate(set) var shares: [[Int]] = []
    /// The weight of an address in percent of its configured weight, by the position of a service and the number of
    /// an address. Empty for a service without limits.
    fileprivate(set) var weights: [[UInt8]] = []

    /// Makes a value without limits.
    package init() {}

    func shares(ofService service: Int) -> [Int] { shares.isEmpty ? [] : shares[service] }
    func weights(ofService service: Int) -> [UInt8] { weights.isEmpty ? [] : weights[service] }
}

extension Snapshot {
    /// Returns the limits that apply at a time.
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
        // Normalized, so that two values without limits are equal.
        return limits.shares.allSatisfy(\.isEmpty) && limits.weights.allSatisfy(\.isEmpty) ? Limits() : limits
    }
}
