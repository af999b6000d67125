import Platform

/// The health of addresses, as the agent reports it.
public struct HealthReport: Equatable, Sendable {
    /// When it was reported, in seconds since 1970.
    public var time: Int
    /// The process number of the agent.
    public var process: Int
    /// The state of each target, see `HealthCheck.target`. Targets without a result yet are missing.
    public var states: [String: State]

    /// The state of a target.
    public struct State: Hashable, Sendable {
        public var isUp: Bool
        /// When it went up or down, in seconds since 1970.
        public var since: Int
        /// When the agent reported it last, in seconds since 1970.
        public var reportedAt: Int
        /// The result of the last check, in words.
        public var reason: String
        /// The weight that the address reported, in percent of its configured weight, 1...100.
        public var weight = 100
        /// When it came back up, in seconds since 1970; `nil` if it was never down, or if its services take it back
        /// immediately.
        public var cameBackAt: Int?
        /// When it went down before that, in seconds since 1970; `nil` if unknown.
        public var wentDownAt: Int?

        public init(
            isUp: Bool, since: Int, reportedAt: Int, reason: String, weight: Int = 100, cameBackAt: Int? = nil,
            wentDownAt: Int? = nil
        ) {
            self.isUp = isUp
            self.since = since
            self.reportedAt = reportedAt
            self.reason = reason
            self.weight = weight
            self.cameBackAt = cameBackAt
            self.wentDownAt = wentDownAt
        }

        /// Returns whether it still counts at a time, in seconds since 1970. A state that was not reported for a day
        /// is unknown.
        public func isKnown(at time: Int) -> Bool { abs(time - reportedAt) < 86_400 }
    }

    public init(time: Int, process: Int, states: [String: State]) {
        self.time = time
        self.process = process
        self.states = states
    }

    /// Adds the states of an older report that this one lacks: while a configuration changes, agent and coprocess may
    /// know different targets.
    package mutating func complete(from older: HealthReport) {
        for (target, state) in older.states where states[target] == nil && state.isKnown(at: time) {
            states[target] = state
        }
    }

    /// Returns the targets that are up and have a reduced weight or have come back up, known at a time in seconds
    /// since 1970.
    package func limited(at time: Int) -> [String: State] {
        states.filter {
            $0.value.isUp && ($0.value.weight < 100 || $0.value.cameBackAt != nil) && $0.value.isKnown(at: time)
        }
    }

    /// Returns the targets that are down at a time, in seconds since 1970.
    package func down(at time: Int) -> [String: State] {
        states.filter { !$0.value.isUp && $0.value.isKnown(at: time) }
    }
}

extension HealthReport {
    private static let heading = "geopipe health 1"

    /// A line for the report, and one for each state.
    var text: String {
        let lines = states.sorted { $0.key < $1.key }.map { target, state -> [String] in
            // Earlier versions know only five fields, so the others are written only if they are used.
            let more = state.weight < 100 || state.cameBackAt != nil
            return [state.isUp ? "up" : "down", "\(state.since)", "\(state.reportedAt)", target, state.reason]
                + (more
                    ? [
                        "\(state.weight)", state.cameBackAt.map { "\($0)" } ?? "",
                        state.wentDownAt.map { "\($0)" } ?? "",
                    ] : [])
        }
        return StateFile.text(Self.heading, [["report", "\(time)", "\(process)"]] + lines)
    }

    /// Reads what `text` wrote.
    init(_ text: String) throws(StateFile.Untrusted) {
        let lines = try StateFile.lines(text, Self.heading)
        guard let first = lines.first, first.count == 3, first[0] == "report", let time = number(ofField: first[1]),
            let process = number(ofField: first[2])
        else { throw StateFile.Untrusted(description: "its time is missing") }
        self.init(time: time, process: process, states: [:])
        for fields in lines.dropFirst() {
            func seconds(_ text: String) -> Int? { Int(text).flatMap { 0...1 << 40 ~= $0 ? $0 : nil } }
            guard [5, 8].contains(fields.count), ["up", "down"].contains(fields[0]), let since = seconds(fields[1]),
                let reportedAt = seconds(fields[2]),
                fields.dropFirst(6).allSatisfy({ $0.isEmpty || seconds($0) != nil })
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is not a state") }
            var state = State(isUp: fields[0] == "up", since: since, reportedAt: reportedAt, reason: visible(fields[4]))
            if fields.count == 8 {
                guard let weight = Int(fields[5]), 1...100 ~= weight else {
                    throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is not a state")
                }
                (state.weight, state.cameBackAt, state.wentDownAt) = (weight, seconds(fields[6]), seconds(fields[7]))
            }
            states[fields[3]] = state
        }
    }
}

extension StateDirectory {
    /// The files that coprocesses follow.
    package var sharedFiles: Set<String> { [switchFile, healthFile, rolloutFile] }

    /// The path of the health report.
    public var healthFile: String { path + "/health" }

    /// Reads the last health report.
    public func health() throws(Failure) -> Found<HealthReport> {
        try find(healthFile) { text throws(StateFile.Untrusted) in try HealthReport(text) }
    }

    /// Writes the health report. It is on disk when this returns.
    public func tell(_ report: HealthReport) throws(Failure) {
        try make()
        try writeTwice(report.text, to: healthFile)
    }
}
