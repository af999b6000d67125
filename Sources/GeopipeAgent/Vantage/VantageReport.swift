import Platform

/// The results of an agent's own checks, for the agents of other servers. It never contains votes of others, so that no
/// vote counts twice.
///
/// All times are ages, so that the clocks of servers may differ.
struct VantageReport: Equatable, Sendable {
    /// A random id of the agent's process. By it an agent recognizes itself, and two places of the same agent.
    var instance: String
    /// The version of the program.
    var program: String
    /// Votes by target, as `HealthCheck.target` names it. Omits targets that this agent has not checked since its start.
    var votes: [String: Vote]

    /// An agent's result for an address.
    struct Vote: Equatable, Sendable {
        var isUp: Bool
        /// Seconds since the last check with a result.
        var age: Double
        /// Seconds from one check to the next.
        var pace: Double

        /// Returns whether the vote is still valid: two checks in a row may have no result.
        ///
        /// - Parameters:
        ///   - elapsed: seconds since it had that age.
        ///   - slack: additional seconds that it may be late.
        func counts(after elapsed: Double, slack: Double) -> Bool { age + elapsed <= 2 * pace + slack }
    }

    /// The format of reports, which is the only one that is read.
    static let format = 1
    /// The maximum size of a report in bytes, the maximum number of votes, and the maximum lengths of a target and of the
    /// version in bytes.
    static let (sizeLimit, voteLimit, nameLimit, programLimit) = (8 << 20, 100_000, 8_192, 100)
    private static let (ages, paces) = (0.0...1e9, 1.0...1e10)

    /// Returns whether both reports have the same votes on the same addresses, whatever their ages.
    func hasSameVotes(as other: VantageReport) -> Bool {
        votes.count == other.votes.count && votes.allSatisfy { other.votes[$0]?.isUp == $1.isUp }
    }

    /// The reason why a response is not a valid report, as part of a sentence.
    struct Unusable: Error, Equatable { var reason: String }

    /// The report as one line of JSON.
    var text: String {
        func tenths(_ seconds: Double) -> JSON { .number((max(0, seconds) * 10).rounded() / 10) }
        let votes = votes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { target, vote in
            JSON.object([
                "target": .text(target), "up": .boolean(vote.isUp), "age": tenths(vote.age), "pace": tenths(vote.pace),
            ])
        }
        let report = JSON.object([
            "format": .integer(Self.format), "instance": .text(instance), "program": .text(program),
            "votes": .list(votes),
        ])
        return report.compact + "\n"
    }

    init(instance: String, program: String, votes: [String: Vote]) {
        (self.instance, self.program, self.votes) = (instance, program, votes)
    }

    /// Reads the report of another agent. An invalid part makes the whole report invalid; unknown members are ignored.
    init(reading bytes: some Sequence<UInt8>) throws(Unusable) {
        let json: JSON
        do throws(JSONError) {
            // A vote has five values, and a newer program may add some.
            json = try JSON(reading: bytes, valueLimit: 10 * Self.voteLimit)
        } catch {
            throw Unusable(reason: "its report is \(error.description)")
        }
        guard let format = json["format"]?.int else { throw Unusable(reason: "its response is not a report") }
        guard format == Self.format else {
            throw Unusable(
                reason: "its report has format \(format), and this program reads \(Self.format); upgrade the older one")
        }
        guard let instance = json["instance"]?.string, 1...64 ~= instance.utf8.count,
            instance.utf8.allSatisfy({ 0x21...0x7e ~= $0 })
        else { throw Unusable(reason: "its report does not name its agent") }
        // The mark in place of a control character is longer than that.
        guard let program = json["program"]?.string.map(visible), program.utf8.count <= Self.programLimit else {
            throw Unusable(reason: "its report does not name its version")
        }
        guard let items = json["votes"]?.items, items.count <= Self.voteLimit else {
            throw Unusable(reason: "its report has no list of at most \(Self.voteLimit) votes")
        }
        self.init(instance: instance, program: program, votes: [:])
        votes.reserveCapacity(items.count)
        for (number, item) in items.enumerated() {
            guard let target = item["target"]?.string, 1...Self.nameLimit ~= target.utf8.count,
                let isUp = item["up"]?.bool, let age = item["age"]?.double, Self.ages ~= age,
                let pace = item["pace"]?.double, Self.paces ~= pace
            else { throw Unusable(reason: "vote \(number + 1) of its report is invalid") }
            guard votes.updateValue(Vote(isUp: isUp, age: age, pace: pace), forKey: target) == nil else {
                throw Unusable(reason: "vote \(number + 1) of its report repeats an address")
            }
        }
    }
}
