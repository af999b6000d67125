import Answering
import Glibc
import Logging
import State

/// Follows the health that the agent writes into the state directory.
struct HealthFollower {
    /// The last report; `nil` if there was none.
    private(set) var report: HealthReport?
    /// The down targets of the serving in use.
    private var down: Set<String> = []
    /// The weights and shares of the serving in use.
    private var weightsAndShares = WeightsAndShares()

    /// Whether the serving in use has other down targets, weights or shares than the report gives at the time `now`, in seconds since 1970.
    func isOutdated(for snapshot: Snapshot?, at now: Int) -> Bool {
        downTargets(at: now) != down
            || snapshot.map { $0.weightsAndShares(report, at: now) != weightsAndShares } ?? false
    }

    /// Notes the serving in use, which was made at the time `now`.
    mutating func note(_ serving: Serving?, at now: Int) {
        down = downTargets(at: now)
        weightsAndShares = serving?.weightsAndShares ?? WeightsAndShares()
    }

    private func downTargets(at now: Int) -> Set<String> { Set(report?.down(at: now).keys ?? [:].keys) }

    /// Reads the report. A corrupt file changes nothing, and targets that the report lacks keep their state.
    mutating func read(_ state: StateDirectory, _ log: Logger) {
        do throws(StateDirectory.Failure) {
            let found = try state.health()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            guard var newer = found.value else { return }
            if let known = report { newer.complete(from: known) }
            report = newer
            log.debug(
                "read the health",
                metadata: [
                    "targets": .stringConvertible(newer.states.count),
                    "age_s": .stringConvertible(time(nil) - newer.time),
                ])
        } catch {
            log.error("\(error); the health of all addresses stays as it is")
        }
    }
}
