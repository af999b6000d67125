import Configuration
import State

/// The outcome of a check, with a short reason for people on call.
enum Outcome: Equatable, Sendable {
    /// The address responded as the check requires, and asks for a weight in percent, 1...100.
    case success(String, weight: Int = 100)
    /// The address did not respond, or not as the check requires.
    case failure(String)
    /// The check has no result, because of a problem on this machine.
    case error(String)
}

/// The state of a target after a sequence of outcomes.
struct RiseFallState: Sendable {
    /// `nil` while it is unknown.
    private(set) var state: HealthReport.State?
    /// The number of consecutive outcomes that contradict the state.
    private(set) var streak: UInt32 = 0

    /// Whether own outcomes led to the state or confirmed it: the initial state may be another agent's.
    private(set) var isOwn = false

    /// - Parameter state: the initial state, if it is known.
    init(_ state: HealthReport.State? = nil) { self.state = state }

    /// Adds an outcome. An unknown target is up after one success, and down after `fall` failures.
    ///
    /// - Parameter time: seconds since 1970.
    /// - Returns: whether the target went up or down.
    mutating func take(_ outcome: Outcome, _ check: HealthCheck, at time: Int) -> Bool {
        let (isSuccess, reason, weight): (Bool, String, Int)
        switch outcome {
        case .success(let text, let reported): (isSuccess, reason, weight) = (true, text, reported)
        case .failure(let text): (isSuccess, reason, weight) = (false, text, 100)
        case .error: return false
        }
        state?.reportedAt = time
        state?.reason = reason
        // A failing target keeps the weight of its last success.
        if isSuccess { state?.weight = weight }
        guard state?.isUp != isSuccess else {
            streak = 0
            isOwn = true
            return false
        }
        streak += 1
        guard streak >= (isSuccess ? state == nil ? 1 : check.rise : check.fall) else { return false }
        streak = 0
        isOwn = true
        // A target that was never down does not come back.
        let (cameBackAt, wentDownAt) = isSuccess && state != nil ? (time, state?.since) : (nil, nil)
        state = HealthReport.State(
            isUp: isSuccess, since: time, reportedAt: time, reason: reason, weight: weight, cameBackAt: cameBackAt,
            wentDownAt: wentDownAt)
        return true
    }
}
