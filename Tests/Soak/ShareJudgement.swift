import Synchronization

/// The judgement of how many networks follow partial drains.
extension Oracle {
    /// How a partial drain was followed.
    struct Share {
        var asked = 0
        var moved = 0
    }

    /// Returns a complaint if too many or too few networks follow the partial drains in force.
    func shareComplaint() -> String? {
        state.withLock { state in
            defer { state.shares = [:] }
            for (index, share) in state.shares where share.asked >= 300 {
                // An ended drain moves no networks, and was judged before.
                guard let value = state.values[index].last.map({ $0.value % RolloutStep.scale }), 1..<100 ~= value
                else { continue }
                let part = Double(value) / 100
                let found = Double(share.moved) / Double(share.asked)
                let deviation = (part * (1 - part) / Double(share.asked)).squareRoot()
                if abs(found - part) > 6 * deviation {
                    if index == Part.rollout.index {
                        return "\(found) of \(share.asked) client networks get the new side; right is \(part)"
                    }
                    return index == Part.order.index
                        ? "\(found) of \(share.asked) client networks are spread to Ashburn first; right is \(part)"
                        : "a drain of \(part) moves \(found) of \(share.asked) client networks"
                }
            }
            return nil
        }
    }
}
