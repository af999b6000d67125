import Configuration
import Platform
import Synchronization

/// Reads the reports of the vantage points round by round, passes them to the monitor, and decides who may read this
/// agent's report.
final class VantageWatch: Sendable {
    private let monitor: Monitor
    private let roots: String?
    private let state: Mutex<State>

    private struct State {
        var settings: VantagePoints?
        /// Has the trusted certificates of the last reload.
        var reader: VantageReader
        /// The report that was served last, and when it was made.
        var served: (text: String, time: Double)?
        /// The last contents of the token file.
        var token: Result<LiveToken, LiveToken.Unusable>?
    }

    /// Seconds for which a report is served again to other readers.
    private static let freshness = 0.5

    /// - Parameter roots: a file of trusted certificates in PEM; `nil` for those of the system.
    init(_ monitor: Monitor, roots: String?) {
        (self.monitor, self.roots) = (monitor, roots)
        state = Mutex(State(reader: VantageReader(roots: roots)))
    }

    /// Uses these vantage points from now on, `nil` for none, and the trusted certificates as they are now.
    func follow(_ settings: VantagePoints?) async {
        let reader = VantageReader(roots: roots)
        state.withLock { ($0.settings, $0.reader) = (settings, reader) }
        await monitor.followVantagePoints(settings)
    }

    /// Reads until the task is cancelled. Does not wait for pending requests then.
    func run() async {
        let rounds = Task {
            while !Task.isCancelled {
                let start = monotonicTime()
                guard let settings = state.withLock(\.settings) else {
                    state.withLock { $0.token = nil }
                    try? await Task.sleep(for: .seconds(1))
                    continue
                }
                await round(settings)
                let wait = start + Double(settings.interval) - monotonicTime()
                if wait > 0 { try? await Task.sleep(for: .seconds(wait)) }
            }
        }
        await untilCancelled()
        rounds.cancel()
    }

    private func round(_ settings: VantagePoints) async {
        let tokens = await inThread { Self.tokens(settings) }
        let own = tokens[settings.tokenFile]!
        let diagnostic = state.withLock { state -> String? in
            let before = state.token
            state.token = own.map { LiveToken($0) }
            guard case .failure(let error) = own else { return nil }
            if case .failure(let last)? = before, last.description == error.description { return nil }
            return error.description
        }
        if let diagnostic { log.error("vantage points cannot read this agent: \(diagnostic)") }
        let asked = await monitor.askedVantagePoints
        let reader = state.withLock(\.reader)
        let attempts = await withTaskGroup(of: VantagePanel.Attempt.self) { group in
            for member in asked where settings.points.indices.contains(member) {
                let point = settings.points[member]
                let token = tokens[point.tokenFile ?? settings.tokenFile]!
                group.addTask {
                    let start = monotonicTime()
                    switch token {
                    case .success(let token):
                        let result = await reader.read(point, token: token, timeout: settings.timeout)
                        return VantagePanel.Attempt(member: member, time: start, result: result)
                    case .failure(let error):
                        return VantagePanel.Attempt(
                            member: member, time: start, result: .failure(.init(reason: error.description)))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        guard !Task.isCancelled else { return }
        await monitor.recordReports(attempts.sorted { $0.member < $1.member }, of: settings)
    }

    /// Returns the tokens by file, read again each time, because they may be replaced.
    private static func tokens(_ settings: VantagePoints) -> [String: Result<String, LiveToken.Unusable>] {
        let files = Set([settings.tokenFile] + settings.points.compactMap(\.tokenFile))
        return Dictionary(
            uniqueKeysWithValues: files.map { file in
                do throws(LiveToken.Unusable) {
                    return (file, .success(try LiveToken.secret(file: file)))
                } catch {
                    return (file, .failure(error))
                }
            })
    }

    /// Returns the report of this agent, at most `freshness` old: many agents read it at about the same time.
    private func report() async -> String {
        let now = monotonicTime()
        if let served = state.withLock(\.served), now - served.time < Self.freshness { return served.text }
        let text = await monitor.vantageReport().text
        state.withLock { $0.served = (text, now) }
        return text
    }

    /// Returns the response to a reader of the report: an HTTP status and a text.
    ///
    /// - Parameter isRight: whether the request has this token; `nil` if it has none.
    func answer(_ isRight: @Sendable (LiveToken) -> Bool?) async -> (status: Int, text: String) {
        switch state.withLock({ $0.settings == nil ? nil : $0.token }) {
        case nil: return (404, "no vantage points in the section health of this agent's configuration\n")
        case .failure?: return (503, "the token_file of the section health is unusable; see the log\n")
        case .success(let token)?:
            guard isRight(token) == true else {
                return (401, "this needs the token of the section health: Authorization: Bearer TOKEN\n")
            }
            return (200, await report())
        }
    }
}
