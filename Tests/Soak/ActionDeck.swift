import struct Support.SeededGenerator

/// Deals kinds of actions so that each comes up: a deck has first each kind once, and then the rest of its cards, both
/// in random order. An empty deck is followed by another one.
struct ActionDeck {
    /// A kind of action.
    struct Kind {
        let name: String
        /// The number of its cards in a deck.
        var weight = 1
        /// Why it cannot be done in this run; `nil` if it can.
        var obstacle: String?
        /// Whether it can be done now. If not, its card stays in the deck until it can.
        var isPossible: () -> Bool = { true }
        let act: () throws -> Void
    }

    let kinds: [Kind]
    private var times: [Int]
    /// Why a kind did not succeed when it last failed.
    private var failures: [Int: String] = [:]
    private var cards: [Int] = []
    /// Whether there was a deck before.
    private var isDealt = false

    init(_ kinds: [Kind]) {
        self.kinds = kinds
        times = [Int](repeating: 0, count: kinds.count)
    }

    /// Draws the number of a kind that can be done now; `nil` if none of the kinds in the deck can.
    mutating func draw(_ random: inout SeededGenerator) -> Int? {
        if cards.isEmpty {
            let possible = kinds.indices.filter { kinds[$0].obstacle == nil }
            // In the first deck, kinds that a run begins with need no card of their own.
            let missing = possible.filter { isDealt || times[$0] == 0 }
            isDealt = true
            let others = possible.flatMap { [Int](repeating: $0, count: kinds[$0].weight - 1) }
            cards = missing.shuffled(using: &random) + others.shuffled(using: &random)
        }
        return cards.firstIndex { kinds[$0].isPossible() }.map { cards.remove(at: $0) }
    }

    /// Counts a kind.
    ///
    /// - Parameter failure: why it did not succeed; `nil` if it did.
    mutating func count(_ number: Int, failure: String?) {
        if let failure { failures[number] = failure } else { times[number] += 1 }
    }

    /// Counts a kind that was done outside the deck.
    mutating func count(_ name: String) {
        if let number = kinds.firstIndex(where: { $0.name == name }) { count(number, failure: nil) }
    }

    /// For each kind its name and how often it was done, or why it was not.
    var report: [(name: String, times: String)] {
        kinds.indices.map { number in
            let kind = kinds[number]
            let failure = failures[number].map { "; not possible: \($0)" } ?? ""
            return (kind.name, kind.obstacle.map { "not possible here: \($0)" } ?? "\(times[number])\(failure)")
        }
    }
}
