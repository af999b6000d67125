import Routing

extension Plan {
    /// Returns the id of this plan. The same verdict on the same change has the same id on all machines at all times.
    ///
    /// - Parameter change: identifies the change: hashes of the contents of all files of both sides, or ids of
    ///   images.
    public func id(of change: String) -> String {
        Self.id(of: change, isGo: isGo, waived: items.filter { $0.result == .waived }.map(\.question))
    }

    /// Returns the verdict of the plan with an id; `nil` if no plan of this change has it. It needs neither the plan
    /// nor the machine that made it: a change has only a few thousand possible ids, which are tried.
    ///
    /// - Parameter change: as for `id`.
    public static func verdict(ofID id: String, on change: String) -> (isGo: Bool, waived: [Question])? {
        let questions = Question.allCases.filter(\.canBeWaived)
        for chosen in 0..<(1 << questions.count) {
            let waived = questions.indices.filter { chosen >> $0 & 1 == 1 }.map { questions[$0] }
            for isGo in [true, false] where Self.id(of: change, isGo: isGo, waived: waived) == id {
                return (isGo, waived)
            }
        }
        return nil
    }

    /// - Parameter waived: the items that fail and are waived, in the order of the questions.
    private static func id(of change: String, isGo: Bool, waived: [Question]) -> String {
        let words = [change, isGo ? "GO" : "NO-GO"] + waived.map(\.rawValue)
        let digits = String(identity(of: words.joined(separator: " ")), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
