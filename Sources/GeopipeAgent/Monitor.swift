import Configuration
import DNS
import Glibc
import Logging
import Platform
import State
import Telemetry

/// Checks all targets at their intervals, and keeps their states.
actor Monitor {
    private struct Entry {
        var target: HealthTarget
        var timetable: ProbeSchedule
        var judgement: RiseFallState
        /// The state that coprocesses use: that of the checks, unless vantage points vote.
        var verdict: HealthReport.State?
        /// When a check last had a result, in seconds of the monotonic clock; `nil` before the first.
        var lastResultAt: Double?
        var successes = 0
        var failures = 0
        var errors = 0
        /// The reason why the last check had no result; `nil` if it had one.
        var error: String?
        /// The duration of the last check in seconds; `nil` before the first.
        var duration: Double?
        var task: Task<Void, Never>?

        /// Returns this agent's own result, for other agents.
        func vote(at now: Double) -> VantageReport.Vote? {
            guard judgement.isOwn, let isUp = judgement.state?.isUp, let lastResultAt else { return nil }
            return VantageReport.Vote(isUp: isUp, age: now - lastResultAt, pace: timetable.interval)
        }
    }

    private let prober: Prober
    private let onChange: @Sendable (HealthChange?) -> Void
    private var entries: [String: Entry] = [:]
    /// The targets of the configuration.
    private var configured: [HealthTarget] = []
    /// The targets of a rollout.
    private var candidate: [HealthTarget] = []
    private var panel: VantagePanel?
    /// The id by which other agents recognize this agent's reports.
    private let instance = String(UInt64.random(in: .min ... .max), radix: 16)
    /// The number of targets so far.
    private var number = 0
    /// The number of targets for each reason why checks have no result.
    private var errors: [String: Int] = [:]

    /// - Parameter onChange: called whenever the report changes; with the change if a target went
    ///   down or came back.
    init(_ prober: Prober, onChange: @escaping @Sendable (HealthChange?) -> Void) {
        self.prober = prober
        self.onChange = onChange
    }

    /// Checks exactly these targets of the configuration and those of the rollout. Targets that were already checked
    /// keep their states.
    ///
    /// - Parameters:
    ///   - candidate: the targets of a rollout; `nil` to keep the current ones.
    ///   - states: the known states of new targets.
    func followTargets(
        _ targets: [HealthTarget], candidate: [HealthTarget]? = nil, states: [String: HealthReport.State] = [:]
    ) {
        configured = targets
        if let candidate { self.candidate = candidate }
        followAll(states)
    }

    /// Checks exactly these targets of a rollout and those of the configuration.
    func followRollout(_ targets: [HealthTarget]) {
        candidate = targets
        followAll([:])
    }

    private func followAll(_ states: [String: HealthReport.State]) {
        let targets = configured.joined(with: candidate)
        let (before, wanted) = (entries.count, Set(targets.map(\.identity)))
        for (identity, entry) in entries where !wanted.contains(identity) {
            entry.task?.cancel()
            count(nil, insteadOf: entry.error)
            entries[identity] = nil
        }
        let new = targets.filter { entries[$0.identity]?.target.check != $0.check }
        // The services of a target may change without the check.
        for target in targets { entries[target.identity]?.target.uses = target.uses }
        for target in targets { entries[target.identity]?.target.comesBack = target.comesBack }
        log.debug(
            "following the configuration",
            metadata: [
                "targets": "\(targets.count)", "new_or_changed": "\(new.count)",
                "dropped": "\(before - entries.count)",
            ])
        let now = monotonicTime()
        for (position, target) in new.enumerated() {
            let before = entries[target.identity]
            let phase = before?.timetable.phase ?? ProbeSchedule.phase(number)
            if before == nil { number += 1 }
            let timetable = ProbeSchedule(interval: Double(target.check.interval), phase: phase)
            var entry =
                before
                ?? Entry(
                    target: target, timetable: timetable, judgement: RiseFallState(states[target.identity]),
                    verdict: states[target.identity])
            entry.target = target
            entry.timetable = timetable
            before?.task?.cancel()
            let first = timetable.first(position, of: new.count, from: now)
            entry.task = Task { [last = before?.task] in
                // A check may be running.
                await last?.value
                await self.keepChecking(target.identity, timetable, from: first)
            }
            entries[target.identity] = entry
        }
    }

    /// Checks until the task is cancelled.
    func run() async {
        await untilCancelled()
        stop()
    }

    /// Ends all checks, without results of running ones; states stay.
    func stop() {
        for entry in entries.values { entry.task?.cancel() }
    }

    /// Returns the current health.
    func report() -> HealthReport {
        let now = time(nil)
        let states = entries.compactMapValues { entry in
            var state = entry.verdict
            if let back = state?.cameBackAt, !(0..<Int(entry.target.comesBack) ~= now - back) {
                state?.cameBackAt = nil
            }
            return state
        }
        return HealthReport(time: now, process: Int(getpid()), states: states)
    }

    private func keepChecking(_ identity: String, _ timetable: ProbeSchedule, from first: Double) async {
        var generator = SystemRandomNumberGenerator()
        var slot = timetable.slot(afterFirst: first) - 1
        var due = first
        while true {
            let wait = due - monotonicTime()
            if wait > 0 { try? await Task.sleep(for: .seconds(wait)) }
            guard !Task.isCancelled, let target = entries[identity]?.target else { return }
            let (outcome, seconds) = await prober.check(target)
            guard !Task.isCancelled else { return }
            recordOutcome(outcome, seconds, of: target)
            slot = timetable.slot(after: slot, endedAt: monotonicTime())
            due = timetable.time(ofSlot: slot, using: &generator)
        }
    }

    /// - Parameter seconds: the duration of the check.
    private func recordOutcome(_ outcome: Outcome, _ seconds: Double, of target: HealthTarget) {
        log.debug("\(outcome.sentence)", metadata: entries[target.identity]?.target.metadata(seconds))
        guard var entry = entries[target.identity] else { return }
        defer { entries[target.identity] = entry }
        let now = monotonicTime()
        entry.duration = seconds
        var error: String?
        switch outcome {
        case .success: entry.successes += 1
        case .failure: entry.failures += 1
        case .error(let reason):
            entry.errors += 1
            error = reason
            if errors[reason] == nil {
                log.error(
                    "cannot check \(target.identity): \(reason); keeping the known state"
                )
            }
        }
        count(error, insteadOf: entry.error)
        entry.error = error
        if error == nil { entry.lastResultAt = now }
        let isFirst = entry.judgement.state == nil
        let isChanged = entry.judgement.take(outcome, target.check, at: time(nil))
        if isChanged, panel != nil, let state = entry.judgement.state, !isFirst || !state.isUp {
            log.info("\(target.identity) is \(state.isUp ? "up" : "down") by the checks of this agent: \(state.reason)")
        }
        settle(&entry, panel?.bench(at: now), at: now)
    }

    /// Determines the state that an address counts as, and reports a change.
    ///
    /// - Parameter bench: the reports of vantage points; `nil` if there are none.
    private func settle(_ entry: inout Entry, _ bench: VantagePanel.Bench?, at now: Double) {
        let before = entry.verdict
        let opinion = bench?.opinion(on: entry.target.identity, own: entry.vote(at: now))
        entry.verdict =
            bench == nil
            ? entry.judgement.state
            : HealthReport.State.after(before, own: entry.judgement.state, opinion, at: time(nil))
        guard let state = entry.verdict else { return }
        guard state.isUp != before?.isUp else {
            if state.weight != before?.weight { onChange(nil) }
            return
        }
        let change = HealthChange(target: entry.target, state: state, isOwn: opinion == nil)
        // At the start, an address that is up is not a change.
        let isNews = before != nil || !state.isUp
        if isNews { log.log(level: state.isUp ? .notice : .warning, "\(change.sentence)") }
        onChange(isNews ? change : nil)
    }

    /// Uses these vantage points from now on; `nil` for none.
    func followVantagePoints(_ settings: VantagePoints?) {
        guard settings != panel?.settings else { return }
        panel = settings.map { VantagePanel($0, instance: instance, after: panel) }
        settleAll()
        onChange(nil)
    }

    /// The indices of the vantage points to ask.
    var askedVantagePoints: [Int] { panel?.asked ?? [] }

    /// Records the reports of a round, unless the vantage points have changed since.
    func recordReports(_ attempts: [VantagePanel.Attempt], of settings: VantagePoints) {
        guard settings == panel?.settings else { return }
        let notices = (panel?.take(attempts) ?? []) + (panel?.news(at: monotonicTime()).map { [$0] } ?? [])
        for notice in notices { log.log(level: notice.level, "\(notice.text)") }
        settleAll()
        if !notices.isEmpty { onChange(nil) }
    }

    private func settleAll() {
        let now = monotonicTime()
        let bench = panel?.bench(at: now)
        for identity in entries.keys {
            guard var entry = entries[identity] else { continue }
            settle(&entry, bench, at: now)
            entries[identity] = entry
        }
    }

    /// Returns this agent's own results, for other agents.
    func vantageReport() -> VantageReport {
        let now = monotonicTime()
        return VantageReport(
            instance: instance, program: geopipeVersion, votes: entries.compactMapValues { $0.vote(at: now) })
    }

    /// Returns this agent's standing among the vantage points; `nil` without any.
    func vantageStanding() -> VantageStanding? {
        panel?.standing(Set(entries.keys), overruled: overruled, at: monotonicTime(), time: time(nil))
    }

    /// The number of addresses whose state differs from this agent's checks.
    private var overruled: Int {
        entries.values.count { entry in
            entry.verdict.map { verdict in entry.judgement.state.map { $0.isUp != verdict.isUp } ?? false } ?? false
        }
    }

    /// Updates the counts of errors after a target's error changes.
    private func count(_ error: String?, insteadOf last: String?) {
        if let error { errors[error, default: 0] += 1 }
        guard let last, let number = errors[last] else { return }
        errors[last] = number > 1 ? number - 1 : nil
    }

    /// Writes the health of all targets, for each address of a service that depends on them.
    func write(to text: inout PrometheusText) {
        let entries = entries.values.sorted { $0.target.identity < $1.target.identity }
        func metric(
            _ name: String, _ kind: PrometheusText.Kind, help: String,
            _ write: (Entry, _ sample: (_ value: String, _ result: String?) -> Void) -> Void
        ) {
            text.metric(name, kind, help: help)
            for entry in entries {
                let target = entry.target
                let unnamed = HealthTarget.Use(service: "", datacenter: "", address: target.address)
                for use in target.uses.isEmpty ? [unnamed] : target.uses {
                    let (service, datacenter, address) = (use.service, use.datacenter, use.address)
                    write(entry) { value, result in
                        if let result {
                            text.sample(
                                name, value,
                                [
                                    "service": service, "datacenter": datacenter, "address": address,
                                    "target": target.identity, "result": result,
                                ])
                        } else {
                            text.sample(
                                name, value,
                                [
                                    "service": service, "datacenter": datacenter, "address": address,
                                    "target": target.identity,
                                ])
                        }
                    }
                }
            }
        }
        metric("geopipe_health_up", .gauge, help: "Whether an address is up by its check; not there while unknown.") {
            entry, sample in
            if let state = entry.verdict { sample(state.isUp ? "1" : "0", nil) }
        }
        metric(
            "geopipe_health_up_here", .gauge,
            help: "Whether an address is up by the checks of this agent alone; only there with vantage points."
        ) { entry, sample in
            if panel != nil, let state = entry.judgement.state { sample(state.isUp ? "1" : "0", nil) }
        }
        metric(
            "geopipe_health_changed_timestamp_seconds", .gauge,
            help: "Since when an address is up or down by its check, in seconds since 1970."
        ) { entry, sample in
            if let state = entry.verdict { sample("\(state.since)", nil) }
        }
        metric(
            "geopipe_health_weight_ratio", .gauge,
            help: "The part of its clients that an address says that it takes, where its check may say so."
        ) { entry, sample in
            if let state = entry.verdict, entry.target.check.tellsWeight {
                sample("\(Double(state.weight) / 100)", nil)
            }
        }
        metric(
            "geopipe_health_checks_total", .counter,
            help: "Checks that have ended; the result is error if this machine could not run the check."
        ) { entry, sample in
            sample("\(entry.successes)", "success")
            sample("\(entry.failures)", "failure")
            sample("\(entry.errors)", "error")
        }
        metric("geopipe_health_check_duration_seconds", .gauge, help: "How long the last check took.") {
            entry, sample in
            if let duration = entry.duration { sample("\(duration)", nil) }
        }
        VantageMetrics.write(to: &text, panel, overruled: overruled, at: monotonicTime())
    }
}

extension Outcome {
    /// The outcome as a line of the log.
    fileprivate var sentence: String {
        switch self {
        case .success(let reason, _): "check succeeded: \(reason)"
        case .failure(let reason): "check failed: \(reason)"
        case .error(let reason): "check could not run: \(reason)"
        }
    }
}

extension HealthTarget {
    /// Returns the target and the services that depend on it, for a log line.
    ///
    /// - Parameter seconds: the duration of the check.
    fileprivate func metadata(_ seconds: Double) -> Logger.Metadata {
        func list(_ words: [String]) -> Logger.MetadataValue {
            .string(
                words.enumerated().filter { !words[..<$0.offset].contains($0.element) }.map(\.element).joined(
                    separator: ","))
        }
        return [
            "target": .string(identity), "ms": .string("\((seconds * 100_000).rounded() / 100)"),
            "service": list(uses.map(\.service)), "datacenter": list(uses.map(\.datacenter)),
            "address": list(uses.map(\.address)),
        ]
    }
}

extension HealthCheck {
    /// Whether the probe can return a weight.
    fileprivate var tellsWeight: Bool {
        switch probe {
        case .http(let http): http.weightHeader != nil
        case .file: true
        case .tcp, .command: false
        }
    }
}
