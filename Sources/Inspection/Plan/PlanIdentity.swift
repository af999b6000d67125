import Routing

extension Plan {
    /// The id of this plan: the same wherever and whenever it says the same of the same change.
    ///
    /// - Parameter change: tells the change from any other: numbers over the contents of all files of both sides, or ids of images.
    public func id(of change: String) -> String {
        Self.id(of: change, isGo: isGo, waived: items.filter { $0.result == .waived }.map(\.question))
    }

    /// What the plan said that has an id; `nil` if that is no id of a plan of this change. It needs neither the plan nor the machine on
    /// which it was made: all ids that plans of the change may have are a few thousand.
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

    /// - Parameter waived: the items that fail and are waived, in the order in which they are asked.
    private static func id(of change: String, isGo: Bool, waived: [Question]) -> String {
        let words = [change, isGo ? "GO" : "NO-GO"] + waived.map(\.rawValue)
        let digits = String(identity(of: words.joined(separator: " ")), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
