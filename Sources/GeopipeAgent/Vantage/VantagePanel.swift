import Configuration
import Logging
import Platform
import State

/// The vantage points with their last reports, and the resulting states: an address is down if more than half of the
/// valid votes say so, including this agent's own. A tie means up.
///
/// All times are in seconds of the monotonic clock of this machine.
struct VantagePanel: Sendable {
    let settings: VantagePoints
    /// The instance id of this agent's own reports.
    let instance: String
    private(set) var members: [Member]
    /// When a vantage point was first asked; `nil` before that.
    private var start: Double?
    /// The rounds after which two vantage points with one id and different votes are two agents.
    private static let conflictLimit = 2
    /// The shortest time between two changed reasons of one vantage point in the log, in seconds.
    private static let reasonInterval = 60.0
    /// The standing that was last logged.
    private var said = VantageStanding.Way.gathering

    struct Member: Sendable {
        let point: VantagePoints.Point
        /// The last report, and when it was requested.
        fileprivate(set) var reading: (report: VantageReport, time: Double)?
        /// The reason why the last reading failed; `nil` if it succeeded.
        fileprivate(set) var trouble: String?
        /// Whether it is this agent.
        fileprivate(set) var isOwn = false
        fileprivate var isAsked = false
        /// The reason that was last logged, and when.
        fileprivate var said: (reason: String, time: Double)?
        /// The number of rounds in a row in which it had the instance id of another vantage point, but other votes.
        fileprivate var conflicts = 0
        /// The number of readings, and of failed ones.
        fileprivate(set) var (reads, failures) = (0, 0)

        fileprivate init(_ point: VantagePoints.Point) { self.point = point }
    }

    /// The result of asking a vantage point.
    struct Attempt: Sendable {
        /// Its index.
        var member: Int
        /// When it was asked.
        var time: Double
        var result: Result<VantageReport, VantageReport.Unusable>
    }

    struct Notice: Equatable, Sendable {
        var level: Logger.Level
        var text: String
    }

    /// - Parameter former: the panel that this one replaces. The vantage points that both have keep their reports, so a
    ///   change of the settings changes no state by itself.
    init(_ settings: VantagePoints, instance: String, after former: VantagePanel? = nil) {
        (self.settings, self.instance) = (settings, instance)
        members = settings.points.map { point in former?.members.first { $0.point == point } ?? Member(point) }
        if let former { (start, said) = (former.start, former.said) }
    }

    /// Processes the results of a round.
    ///
    /// - Returns: the changes, for the log.
    mutating func take(_ attempts: [Attempt]) -> [Notice] {
        var notices: [Notice] = []
        start = start ?? attempts.map(\.time).min()
        for attempt in attempts where members.indices.contains(attempt.member) {
            let name = members[attempt.member].point.name
            let before = members[attempt.member]
            var result = attempt.result
            if case .success(let report) = result, report.instance != instance,
                case let namesakes = members[..<attempt.member].indices.filter({
                    isFresh(members[$0], at: attempt.time) && members[$0].reading?.report.instance == report.instance
                }), let first = namesakes.first
            {
                // Any agent with the token can show the id of another one. Then both votes count, so it cannot silence
                // that one. Two readings of one agent may differ once, while the agent changes its judgement.
                let twin = namesakes.first { members[$0].reading?.report.hasSameVotes(as: report) == true }
                let other = twin ?? first
                let conflicts = twin == nil ? before.conflicts + 1 : 0
                members[attempt.member].conflicts = conflicts
                if conflicts < Self.conflictLimit {
                    result = .failure(.init(reason: "it is the same agent as \(members[other].point.name)"))
                    members[attempt.member].reading = nil
                } else if conflicts == Self.conflictLimit {
                    notices.append(
                        Notice(
                            level: .error,
                            text:
                                "vantage points \(members[other].point.name) and \(name) have the same id and different votes: one of them is false; both votes count"
                        ))
                }
            } else {
                members[attempt.member].conflicts = 0
            }
            members[attempt.member].isAsked = true
            switch result {
            case .success(let report) where report.instance == instance:
                members[attempt.member].isOwn = true
                (members[attempt.member].reading, members[attempt.member].trouble) = (nil, nil)
                if !before.isOwn { notices.append(Notice(level: .info, text: "vantage point \(name) is this agent")) }
            case .success(let report):
                members[attempt.member].reading = (report, attempt.time)
                members[attempt.member].trouble = nil
                members[attempt.member].reads += 1
                guard before.trouble != nil || !before.isAsked else { continue }
                notices.append(
                    Notice(level: before.isAsked ? .notice : .info, text: "vantage point \(name) can be read"))
            case .failure(let error):
                let reason = visible(String(error.reason.prefix(300)))
                members[attempt.member].trouble = reason
                members[attempt.member].failures += 1
                // A hostile vantage point may change its reason with every reading.
                if before.trouble != nil, let said = before.said {
                    guard reason != said.reason, attempt.time - said.time >= Self.reasonInterval else { continue }
                }
                members[attempt.member].said = (reason, attempt.time)
                notices.append(Notice(level: .warning, text: "vantage point \(name) cannot be read: \(reason)"))
            }
        }
        return notices
    }

    /// The indices of the vantage points to ask: all except this agent.
    var asked: [Int] { members.indices.filter { !members[$0].isOwn } }

    private func isFresh(_ member: Member, at now: Double) -> Bool {
        member.reading.map { now - $0.time <= Double(settings.maxAge) } ?? false
    }

    /// Returns this agent's standing. Agents that start together with it have `maxAge` to deliver a report.
    func way(at now: Double) -> VantageStanding.Way {
        guard let start else { return .gathering }
        let others = members.filter { !$0.isOwn }
        let fresh = others.count { isFresh($0, at: now) }
        if fresh * 2 >= others.count { return .quorum }
        return now - start <= Double(settings.maxAge) ? .gathering : .cutOff
    }

    /// Returns a log line if the standing has changed since the last one.
    mutating func news(at now: Double) -> Notice? {
        let way = way(at: now)
        defer { said = way }
        guard way != said, way != .gathering else { return nil }
        let others = members.filter { !$0.isOwn }
        let silent = others.filter { !isFresh($0, at: now) }
        let count = "\(others.count - silent.count) of \(others.count) other vantage points"
        let reasons = silent.map { "\($0.point.name): \($0.trouble ?? "its report is too old")" }
        switch way {
        case .cutOff:
            return Notice(
                level: .error,
                text:
                    "cut off: has reports of \(count), and uses only its own checks (\(reasons.joined(separator: "; ")))"
            )
        default:
            let more = silent.isEmpty ? "" : " (\(reasons.joined(separator: "; ")))"
            return Notice(
                level: said == .cutOff ? .notice : .info, text: "has reports of \(count); most votes decide\(more)")
        }
    }

    /// The valid reports at a time.
    struct Bench: Sendable {
        fileprivate var reports: [(name: String, report: VantageReport, elapsed: Double)]
        fileprivate var slack: Double
    }

    /// Returns the reports that decide; none while this agent uses only its own checks.
    func bench(at now: Double) -> Bench {
        let isQuorum = way(at: now) == .quorum
        return Bench(
            reports: members.filter { isQuorum && isFresh($0, at: now) }.compactMap { member in
                member.reading.map { (member.point.name, $0.report, now - $0.time) }
            }, slack: Double(settings.maxAge))
    }

    /// Returns the standing for `geopipe status`.
    ///
    /// - Parameters:
    ///   - targets: the targets that this agent checks.
    ///   - overruled: the number of targets whose state differs from this agent's checks.
    ///   - time: the current time in seconds since 1970.
    func standing(_ targets: Set<String>, overruled: Int, at now: Double, time: Int) -> VantageStanding {
        VantageStanding(
            time: time, way: way(at: now), overruled: overruled,
            points: members.map { member in
                let votes = member.reading?.report.votes
                let known = votes?.keys.count(where: targets.contains) ?? 0
                let isFresh = isFresh(member, at: now)
                return VantageStanding.Point(
                    name: member.point.name, state: member.isOwn ? .own : isFresh ? .fresh : .silent,
                    age: member.reading.map { Int(now - $0.time) }, known: known,
                    unknown: (votes?.count ?? 0) - known,
                    trouble: member.trouble ?? (isFresh || member.isOwn ? "" : "it has not been read yet"))
            })
    }
}

extension VantagePanel.Bench {
    /// The votes on an address.
    struct Opinion: Equatable, Sendable {
        var isUp: Bool
        /// The other vantage points that say down.
        var down: [String]
        /// The number of votes for down, and of all votes.
        var (downCount, count): (Int, Int)
    }

    /// Counts the votes on an address.
    ///
    /// - Parameter own: this agent's own vote; `nil` for none.
    /// - Returns: `nil` if no other vantage point has a valid vote: then this agent's checks decide.
    func opinion(on target: String, own: VantageReport.Vote?) -> Opinion? {
        var opinion = Opinion(isUp: true, down: [], downCount: 0, count: 0)
        for (name, report, elapsed) in reports {
            guard let vote = report.votes[target], vote.counts(after: elapsed, slack: slack) else { continue }
            opinion.count += 1
            if !vote.isUp { opinion.down.append(name) }
        }
        guard opinion.count > 0 else { return nil }
        opinion.downCount = opinion.down.count
        if let own, own.counts(after: 0, slack: slack) {
            opinion.count += 1
            if !own.isUp { opinion.downCount += 1 }
        }
        opinion.isUp = opinion.downCount * 2 <= opinion.count
        return opinion
    }
}

extension HealthReport.State {
    /// Returns the state of an address after a vote.
    ///
    /// - Parameters:
    ///   - own: the state by this agent's checks.
    ///   - opinion: the votes of the vantage points; `nil` to use `own`.
    ///   - time: the current time in seconds since 1970.
    /// - Returns: `nil` if the state is unknown.
    static func after(_ before: Self?, own: Self?, _ opinion: VantagePanel.Bench.Opinion?, at time: Int) -> Self? {
        guard let isUp = opinion?.isUp ?? own?.isUp else { return before }
        var state =
            before?.isUp == isUp
            ? before!
            : Self(
                isUp: isUp, since: time, reportedAt: time, reason: "", cameBackAt: isUp && before != nil ? time : nil,
                wentDownAt: isUp ? before?.since : nil)
        state.reportedAt = opinion == nil ? own?.reportedAt ?? time : time
        state.reason = opinion?.reason(own) ?? own?.reason ?? ""
        state.weight = own.map { $0.isUp && isUp ? $0.weight : state.weight } ?? state.weight
        return state
    }
}

extension VantagePanel.Bench.Opinion {
    /// The reason for people on call.
    fileprivate func reason(_ own: HealthReport.State?) -> String {
        let here = own.map { "\($0.isUp ? "up" : "down") here: \($0.reason)" }
        guard isUp else {
            let others = down.prefix(3).joined(separator: ", ") + (down.count > 3 ? ", ..." : "")
            let count = "down for \(downCount) of \(count) vantage points"
            guard let own, let here else { return "\(count) (\(others))" }
            return own.isUp ? "\(count) (\(others)), \(here)" : "\(own.reason); \(count)"
        }
        guard let own, let here, !own.isUp || downCount > 0 else {
            return own?.reason ?? "up for \(count) vantage points"
        }
        return own.isUp
            ? "\(own.reason); down for \(downCount) of \(count) vantage points"
            : "up for \(count - downCount) of \(count) vantage points, \(here)"
    }
}
