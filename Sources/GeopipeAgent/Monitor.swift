import Configuration
import DNS
import Glibc
import Platform
import State
import Telemetry

/// Checks all targets, each at its pace, and knows how they are.
actor Monitor {
    private struct Entry {
        var target: HealthTarget
        var timetable: Timetable
        var judgement: Judgement
        var successes = 0
        var failures = 0
        var errors = 0
        /// Of the last check, in seconds; `nil` before there was one.
        var duration: Double?
        var task: Task<Void, Never>?
    }

    private let prober: Prober
    private let onChange: @Sendable () -> Void
    private var entries: [String: Entry] = [:]
    /// So many targets have ever been there.
    private var number = 0
    /// What was last said of checks that this machine was unable to do.
    private var lastError: String?

    /// - Parameter onChange: called whenever a target is up and was not before, or down.
    init(_ prober: Prober, onChange: @escaping @Sendable () -> Void) {
        self.prober = prober
        self.onChange = onChange
    }

    /// Checks these targets and no others. Those that were checked before go on as they were.
    ///
    /// - Parameter states: what is known of those that are new here.
    func follow(_ targets: [HealthTarget], states: [String: HealthReport.State] = [:]) {
        let wanted = Set(targets.map(\.identity))
        for (identity, entry) in entries where !wanted.contains(identity) {
            entry.task?.cancel()
            entries[identity] = nil
        }
        let new = targets.filter { entries[$0.identity]?.target.check != $0.check }
        let now = monotonicTime()
        for (position, target) in new.enumerated() {
            let before = entries[target.identity]
            let phase = before?.timetable.phase ?? Timetable.phase(number)
            if before == nil { number += 1 }
            let timetable = Timetable(interval: Double(target.check.interval), phase: phase)
            var entry =
                before
                ?? Entry(
                    target: target, timetable: timetable, judgement: Judgement(states[target.identity]))
            entry.target = target
            entry.timetable = timetable
            before?.task?.cancel()
            let first = timetable.first(position, of: new.count, from: now)
            entry.task = Task { [last = before?.task] in
                // It may be in the middle of a check.
                await last?.value
                await self.keepChecking(target.identity, timetable, from: first)
            }
            entries[target.identity] = entry
        }
    }

    /// Ends all checks, those under way without a result; what is known stays.
    func stop() {
        for entry in entries.values { entry.task?.cancel() }
    }

    /// What is known at this time.
    func report() -> HealthReport {
        HealthReport(
            time: time(nil), process: Int(getpid()), states: entries.compactMapValues { $0.judgement.state })
    }

    private func keepChecking(_ identity: String, _ timetable: Timetable, from first: Double) async {
        var generator = SystemRandomNumberGenerator()
        var slot = timetable.slot(afterFirst: first) - 1
        var due = first
        while true {
            let wait = due - monotonicTime()
            if wait > 0 { try? await Task.sleep(for: .seconds(wait)) }
            guard !Task.isCancelled, let target = entries[identity]?.target else { return }
            let (outcome, seconds) = await prober.check(target)
            guard !Task.isCancelled else { return }
            take(outcome, seconds, of: target)
            slot = timetable.slot(after: slot, endedAt: monotonicTime())
            due = timetable.time(ofSlot: slot, using: &generator)
        }
    }

    private func take(_ outcome: Outcome, _ seconds: Double, of target: HealthTarget) {
        guard var entry = entries[target.identity] else { return }
        defer { entries[target.identity] = entry }
        entry.duration = seconds
        switch outcome {
        case .success: entry.successes += 1
        case .failure: entry.failures += 1
        case .error(let reason):
            entry.errors += 1
            if reason != lastError { complain("cannot check \(target.identity), nor maybe others: \(reason)") }
            lastError = reason
        }
        let before = entry.judgement.state
        guard entry.judgement.take(outcome, target.check, at: time(nil)), let state = entry.judgement.state else {
            return
        }
        let sentence = "\(target.address) is \(state.isUp ? "up" : "down"): \(target.identity): \(state.reason)"
        let count = target.check.fall == 1 ? "once" : "\(target.check.fall) times in a row"
        // That most are up is no news at the start.
        if before != nil || !state.isUp { complain(state.isUp ? sentence : "\(sentence), \(count)") }
        onChange()
    }

    /// Writes the health of all targets.
    func write(to text: inout PrometheusText) {
        let entries = entries.sorted { $0.key < $1.key }
        text.metric(
            "geopipe_health_up", .gauge, help: "Whether an address is up by its check; not there while unknown.")
        for (target, entry) in entries {
            guard let state = entry.judgement.state else { continue }
            text.sample("geopipe_health_up", state.isUp ? 1 : 0, ["target": target, "address": entry.target.address])
        }
        text.metric(
            "geopipe_health_checks_total", .counter,
            help: "Checks that have ended; an error is one that this machine was unable to do.")
        for (target, entry) in entries {
            let counts = [("success", entry.successes), ("failure", entry.failures), ("error", entry.errors)]
            for (result, count) in counts {
                text.sample("geopipe_health_checks_total", count, ["target": target, "result": result])
            }
        }
        text.metric("geopipe_health_check_duration_seconds", .gauge, help: "How long the last check took.")
        for (target, entry) in entries {
            guard let duration = entry.duration else { continue }
            text.sample(
                "geopipe_health_check_duration_seconds", "\(duration)",
                ["target": target, "address": entry.target.address])
        }
    }
}
