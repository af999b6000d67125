import Platform
import State

extension HistoryEntry {
    /// The action, its end and its reason, in words: the rest of a sentence that begins with the operator.
    public var deed: String {
        var text: String
        switch action {
        case .drainEnded: text = "the drain of \(extent) ended by itself"
        case .forceEnded: text = "the force of \(extent) ended by itself"
        case .drain: text = "drained \(extent)"
        case .undrain: text = "undrained \(extent)"
        case .forceUp: text = "forced up \(extent)"
        case .forceAuto: text = "returned \(extent) to its checks"
        case .rolloutStart: text = "started the rollout \(datacenter)"
        case .rolloutShare: text = "gave the rollout \(datacenter) to \(share)% of the client networks"
        case .rolloutPlaces: text = "gave the rollout \(datacenter) to \(areaWords(areas))"
        case .rolloutCommit: text = "committed the rollout \(datacenter)"
        case .rolloutAbort: text = "aborted the rollout \(datacenter)"
        case .rolloutSeen: text = "acknowledged that the rollout \(datacenter) was aborted"
        case .planWaived: text = "waived items of the plan \(datacenter)"
        case .rolloutBack: text = "went back to the image \(datacenter)"
        }
        if let until { text += ", until \(dateAndTime(until))" }
        if !overridden.isEmpty { text += ", overriding \(overridden.joined(separator: " and "))" }
        return reason.isEmpty ? text : "\(text): \(reason)"
    }
}
