import Configuration
import State

/// What came of a check, with a reason in a few words for people on call.
enum Outcome: Equatable, Sendable {
    ///
    /// The weight is what the address says that it takes, of 100 clients that it would get: 1 to 100.
    case success(String, weight: Int = 100)
    case failure(String)
    /// Nothing was found out, for a reason that is this machine's own.
    case error(String)
}

/// What is thought of a target after all that was found out about it.
struct RiseFallState: Sendable {
    /// `nil` while nothing is known.
    private(set) var state: HealthReport.State?
    /// So many outcomes in a row speak against the state.
    private(set) var streak: UInt32 = 0

    /// Whether outcomes alone have led to the state, or have borne it out: what was thought before may be the opinion of others.
    private(set) var isOwn = false

    /// - Parameter state: what was thought before, if anything was.
    init(_ state: HealthReport.State? = nil) { self.state = state }

    /// Takes an outcome into account. What is unknown is up after one success, and down as what is up gets down.
    ///
    /// - Parameter time: seconds since 1970.
    /// - Returns: whether it is up now and was not before, or down.
    mutating func take(_ outcome: Outcome, _ check: HealthCheck, at time: Int) -> Bool {
        let (isSuccess, reason, weight): (Bool, String, Int)
        switch outcome {
        case .success(let text, let told): (isSuccess, reason, weight) = (true, text, told)
        case .failure(let text): (isSuccess, reason, weight) = (false, text, 100)
        case .error: return false
        }
        state?.told = time
        state?.reason = reason
        // One that fails for the moment keeps what it said while it was well.
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
        // What was never known to be down does not come back.
        let (back, fell) = isSuccess && state != nil ? (time, state?.since) : (nil, nil)
        state = HealthReport.State(
            isUp: isSuccess, since: time, told: time, reason: reason, weight: weight, back: back, fell: fell)
        return true
    }
}
