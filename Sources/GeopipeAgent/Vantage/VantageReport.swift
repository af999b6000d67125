import Platform

/// What an agent has found out by its own checks, as the agents of other servers read it. What others have told it is never in it, so
/// that no opinion comes back as another one.
///
/// All times are ages, so that clocks may differ between servers.
struct VantageReport: Equatable, Sendable {
    /// Made up at each start of an agent. By it an agent knows itself, and two places of the same agent.
    var instance: String
    /// The version of the program.
    var program: String
    /// By what is asked, as `HealthCheck.target` has it. What the agent has not found out itself since its start is not here.
    var votes: [String: Vote]

    /// What an agent thinks of an address.
    struct Vote: Equatable, Sendable {
        var isUp: Bool
        /// Seconds since the last check that found out something.
        var age: Double
        /// Seconds from one check to the next.
        var pace: Double

        /// Whether it counts still: two checks in a row may have found out nothing.
        ///
        /// - Parameters:
        ///   - elapsed: the seconds since it had that age.
        ///   - slack: the seconds that it may be late.
        func counts(after elapsed: Double, slack: Double) -> Bool { age + elapsed <= 2 * pace + slack }
    }

    /// The format that is written, and the only one that is read.
    static let format = 1
    /// The most bytes of a report that are read, and the most addresses and bytes of one's name.
    static let (sizeLimit, voteLimit, nameLimit) = (8 << 20, 100_000, 8_192)
    private static let (ages, paces) = (0.0...1e9, 1.0...1e10)

    /// Why something is not taken for a report, as part of a sentence.
    struct Unusable: Error, Equatable { var reason: String }

    /// One line of JSON.
    var text: String {
        func tenths(_ seconds: Double) -> JSON { .number((max(0, seconds) * 10).rounded() / 10) }
        let votes = votes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { target, vote in
            JSON.object([
                "target": .text(target), "up": .truth(vote.isUp), "age": tenths(vote.age), "pace": tenths(vote.pace),
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

    /// Reads what another agent has answered. A report of which a part makes no sense is not used at all. Members that are not known
    /// are passed over.
    init(reading bytes: some Sequence<UInt8>) throws(Unusable) {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(reading: bytes)
        } catch {
            throw Unusable(reason: "its report is \(error.description)")
        }
        guard let format = json["format"]?.int else { throw Unusable(reason: "what it answers is no report") }
        guard format == Self.format else {
            throw Unusable(
                reason: "its report has format \(format), and this program reads \(Self.format); upgrade the older one")
        }
        guard let instance = json["instance"]?.string, 1...64 ~= instance.utf8.count,
            instance.utf8.allSatisfy({ 0x21...0x7e ~= $0 })
        else { throw Unusable(reason: "its report does not say which agent it is of") }
        guard let program = json["program"]?.string, program.utf8.count <= 100 else {
            throw Unusable(reason: "its report does not say of which version it is")
        }
        guard let items = json["votes"]?.items, items.count <= Self.voteLimit else {
            throw Unusable(reason: "its report has no list of at most \(Self.voteLimit) votes")
        }
        self.init(instance: instance, program: visible(program), votes: [:])
        votes.reserveCapacity(items.count)
        for (number, item) in items.enumerated() {
            guard let target = item["target"]?.string, 1...Self.nameLimit ~= target.utf8.count,
                let isUp = item["up"]?.bool, let age = item["age"]?.double, Self.ages ~= age,
                let pace = item["pace"]?.double, Self.paces ~= pace
            else { throw Unusable(reason: "vote \(number + 1) of its report makes no sense") }
            guard votes.updateValue(Vote(isUp: isUp, age: age, pace: pace), forKey: target) == nil else {
                throw Unusable(reason: "vote \(number + 1) of its report is a second one on the same address")
            }
        }
    }
}
