import State

/// The weights that addresses report, and the shares of their clients that datacenters take while they come back up
/// (`comes_back`).
package struct WeightsAndShares: Equatable, Sendable {
    /// The part of its client networks that a datacenter takes, in percent, 1...100, by the position of a service and
    /// the number of a datacenter. Empty for a service in which all are 100.
    package fileprivate(set) var shares: [[Int]] = []
    /// The weight of an address in percent of its configured weight, by the position of a service and the number of
    /// an address. Empty for a service in which all are 100.
    fileprivate(set) var weights: [[UInt8]] = []

    /// Makes a value in which all weights and shares are 100.
    package init() {}

    /// Returns the share of each datacenter of a service in percent, by its number; empty if all are 100.
    func shares(ofService service: Int) -> [Int] { shares.isEmpty ? [] : shares[service] }
    /// Returns the weight of each address of a service in percent, by its number; empty if all are 100.
    func weights(ofService service: Int) -> [UInt8] { weights.isEmpty ? [] : weights[service] }
}

extension Snapshot {
    /// Returns the weights and shares that apply at a time.
    ///
    /// - Parameters:
    ///   - health: the health report; without one all are 100.
    ///   - time: in seconds since 1970.
    package func weightsAndShares(_ health: HealthReport?, at time: Int) -> WeightsAndShares {
        var result = WeightsAndShares()
        guard let health, case let limited = health.limited(at: time), !limited.isEmpty else { return result }
        let down = health.down(at: time)
        result.shares = checkedServices.map { checked in
            let shares = checked?.shares({ down[$0] }, { limited[$0] }, at: time).map(\.percent) ?? []
            return shares.allSatisfy { $0 == 100 } ? [] : shares
        }
        result.weights = checkedServices.map { $0?.weights { limited[$0] } ?? [] }
        // Normalized, so that two values in which all are 100 are equal.
        let isFull = result.shares.allSatisfy(\.isEmpty) && result.weights.allSatisfy(\.isEmpty)
        return isFull ? WeightsAndShares() : result
    }
}
