import Platform

/// What the agent has found out about the health of addresses, and when.
public struct HealthReport: Equatable, Sendable {
    /// When it was told, in seconds since 1970.
    public var time: Int
    /// The process that told it.
    public var process: Int
    /// By what was asked, as `HealthCheck.target` has it. What is not known yet is not here.
    public var states: [String: State]

    /// How an address is.
    public struct State: Hashable, Sendable {
        public var isUp: Bool
        /// Since when, in seconds since 1970.
        public var since: Int
        /// When that was told last, in seconds since 1970.
        public var told: Int
        /// What came of asking last, for people.
        public var reason: String
        /// The clients that it takes, of 100 that it would get, 1 to 100: what it has said of itself.
        public var weight = 100
        /// Since when it is up after it was down, in seconds since 1970; `nil` if it was never down, or if its services take it
        /// back at once.
        public var back: Int?
        /// Since when it was down before that, in seconds since 1970; `nil` if that is not known.
        public var fell: Int?

        public init(
            isUp: Bool, since: Int, told: Int, reason: String, weight: Int = 100, back: Int? = nil, fell: Int? = nil
        ) {
            self.isUp = isUp
            self.since = since
            self.told = told
            self.reason = reason
            self.weight = weight
            self.back = back
            self.fell = fell
        }

        /// Whether it still counts at a time, in seconds since 1970. Of what nobody has told for a day nothing is known.
        public func isKnown(at time: Int) -> Bool { abs(time - told) < 86_400 }
    }

    public init(time: Int, process: Int, states: [String: State]) {
        self.time = time
        self.process = process
        self.states = states
    }

    /// Adds what an older report knew and this one does not speak of: what agent and coprocess ask for may differ while a
    /// configuration changes.
    package mutating func complete(from older: HealthReport) {
        for (target, state) in older.states where states[target] == nil && state.isKnown(at: time) {
            states[target] = state
        }
    }

    /// What has less than all of its clients, or may have since it has come back, as known at a time in seconds since 1970.
    package func limited(at time: Int) -> [String: State] {
        states.filter { $0.value.isUp && ($0.value.weight < 100 || $0.value.back != nil) && $0.value.isKnown(at: time) }
    }

    /// What is down at a time, in seconds since 1970.
    package func down(at time: Int) -> [String: State] {
        states.filter { !$0.value.isUp && $0.value.isKnown(at: time) }
    }
}

extension HealthReport {
    private static let heading = "geopipe health 1"

    /// A line for the report, and one for each state.
    var text: String {
        let lines = states.sorted { $0.key < $1.key }.map { target, state -> [String] in
            // Programs that know no more than five fields can read all but what uses the others.
            let more = state.weight < 100 || state.back != nil
            return [state.isUp ? "up" : "down", "\(state.since)", "\(state.told)", target, state.reason]
                + (more ? ["\(state.weight)", state.back.map { "\($0)" } ?? "", state.fell.map { "\($0)" } ?? ""] : [])
        }
        return StateFile.text(Self.heading, [["report", "\(time)", "\(process)"]] + lines)
    }

    /// Reads what `text` wrote.
    init(_ text: String) throws(StateFile.Untrusted) {
        let lines = try StateFile.lines(text, Self.heading)
        guard let first = lines.first, first.count == 3, first[0] == "report", let time = number(ofField: first[1]),
            let process = number(ofField: first[2])
        else { throw StateFile.Untrusted(description: "it does not say when it was written") }
        self.init(time: time, process: process, states: [:])
        for fields in lines.dropFirst() {
            func seconds(_ text: String) -> Int? { Int(text).flatMap { 0...1 << 40 ~= $0 ? $0 : nil } }
            guard [5, 8].contains(fields.count), ["up", "down"].contains(fields[0]), let since = seconds(fields[1]),
                let told = seconds(fields[2]), fields.dropFirst(6).allSatisfy({ $0.isEmpty || seconds($0) != nil })
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is no state") }
            var state = State(isUp: fields[0] == "up", since: since, told: told, reason: visible(fields[4]))
            if fields.count == 8 {
                guard let weight = Int(fields[5]), 1...100 ~= weight else {
                    throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is no state")
                }
                (state.weight, state.back, state.fell) = (weight, seconds(fields[6]), seconds(fields[7]))
            }
            states[fields[3]] = state
        }
    }
}

extension StateDirectory {
    /// What coprocesses follow.
    package var sharedFiles: Set<String> { [switchFile, healthFile, rolloutFile] }

    /// The file of the health.
    public var healthFile: String { path + "/health" }

    /// What the agent has told last.
    public func health() throws(Failure) -> Found<HealthReport> {
        try find(healthFile) { text throws(StateFile.Untrusted) in try HealthReport(text) }
    }

    /// Tells the health. It lasts when this returns.
    public func tell(_ report: HealthReport) throws(Failure) {
        try make()
        try writeTwice(report.text, to: healthFile)
    }
}
