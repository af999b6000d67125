/// The counts of a rollout: the answers of each side, and the differences between the sides.
public struct RolloutTotals: Hashable, Sendable {
    /// The counts of one side.
    public struct Side: Hashable, Sendable {
        /// The number of questions with at least one record in the answer.
        public var answered = 0
        /// The number of questions that it refused, or had no record for.
        public var refused = 0

        public init() {}

        /// The refused part of the questions, 0...1.
        public var refusedPart: Double { refused == 0 ? 0 : Double(refused) / Double(answered + refused) }
    }

    /// The datacenters that the old and the new side send clients to; `nil` for no answer, or one without a
    /// datacenter.
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
    /// The number of client questions that were compared.
    public var compared = 0
    /// The number of questions that the sides answer differently.
    public var differing = 0
    /// The same by the client's country, an ISO 3166-1 code; empty for an unknown country.
    public var countries: [String: Int] = [:]
    /// The same by the datacenters of both sides.
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

    /// The counts as fields of a file.
    var lines: [[String]] {
        [["sides", "\(old.answered)", "\(old.refused)", "\(new.answered)", "\(new.refused)"]]
            + [["compared", "\(compared)", "\(differing)"]]
            + countries.sorted { $0.key < $1.key }.map { ["country", $0.key, "\($0.value)"] }
            + moves.map { ["move", $0.key.from ?? "", $0.key.to ?? "", "\($0.value)"] }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Reads one of `lines`; any other line is ignored.
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
