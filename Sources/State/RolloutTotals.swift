/// What was counted under a rollout: who answered, and what the other side would have answered.
public struct RolloutTotals: Hashable, Sendable {
    /// What one side has answered.
    public struct Side: Hashable, Sendable {
        /// The questions with an answer, empty or not.
        public var answered = 0
        /// The questions that it refused, or had no record for.
        public var refused = 0

        public init() {}

        /// The part of the questions that it refused, or had no record for, from 0 to 1.
        public var refusedPart: Double { refused == 0 ? 0 : Double(refused) / Double(answered + refused) }
    }

    /// Where some clients are sent by both sides; `nil` for no answer, or one that comes from no datacenter.
    public struct Move: Hashable, Sendable {
        public var from: String?
        public var to: String?

        public init(from: String?, to: String?) {
            self.from = from
            self.to = to
        }
    }

    public var old = Side()
    public var new = Side()
    /// The questions of clients for which both sides were asked.
    public var compared = 0
    /// Those that both sides answer differently.
    public var differing = 0
    /// Those by the client's country, an ISO 3166-1 code; empty if it is not known.
    public var countries: [String: Int] = [:]
    /// Those by where both sides send the client.
    public var moves: [Move: Int] = [:]

    public init() {}

    public static func += (tally: inout RolloutTotals, other: RolloutTotals) {
        tally.old.answered += other.old.answered
        tally.old.refused += other.old.refused
        tally.new.answered += other.new.answered
        tally.new.refused += other.new.refused
        tally.compared += other.compared
        tally.differing += other.differing
        tally.countries.merge(other.countries, uniquingKeysWith: +)
        tally.moves.merge(other.moves, uniquingKeysWith: +)
    }

    /// As fields of a file.
    var lines: [[String]] {
        [["sides", "\(old.answered)", "\(old.refused)", "\(new.answered)", "\(new.refused)"]]
            + [["compared", "\(compared)", "\(differing)"]]
            + countries.sorted { $0.key < $1.key }.map { ["country", $0.key, "\($0.value)"] }
            + moves.map { ["move", $0.key.from ?? "", $0.key.to ?? "", "\($0.value)"] }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Takes over one of `lines`; another line changes nothing.
    mutating func take(_ line: [String]) {
        let numbers = line.map { number(ofField: $0) ?? 0 }
        switch (line.first, line.count) {
        case ("sides", 5):
            (old.answered, old.refused, new.answered, new.refused) = (numbers[1], numbers[2], numbers[3], numbers[4])
        case ("compared", 3): (compared, differing) = (numbers[1], numbers[2])
        case ("country", 3): countries[line[1]] = numbers[2]
        case ("move", 4):
            moves[Move(from: line[1].isEmpty ? nil : line[1], to: line[2].isEmpty ? nil : line[2])] = numbers[3]
        default: break
        }
    }
}
