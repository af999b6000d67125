import Platform
import Synchronization
import Telemetry

/// Plays a hits log into a live view by its own clock, which can be paused, set, and run at another speed.
final class Player: LivePlayback, Sendable {
    private let view: LiveView
    private let state: Mutex<State>

    /// The interval between two steps.
    private static let interval = Duration.milliseconds(LiveView.hitsInterval)
    /// The maximum number of lines that one step reads: with more lines, the clock runs slower.
    private static let stepLimit = 20_000
    /// Seconds before a position that are played without waiting to compute rates there, and the maximum time for that.
    private static let (prelude, preludePatience) = (60.0, 0.7)

    private struct State {
        let file: HitsFile
        var reader: HitsFile.Reader
        /// Lines that were read and are not due, by time.
        var lines: [HitsLine] = []
        /// The time of the last line that was read.
        var newest = 0
        var isEndRead = false
        /// The position that it last moved to, in milliseconds since 1970: earlier lines are over.
        var begin = 0
        var replay: LiveReplay
        /// The time of the last step on the monotonic clock.
        var lastStep: Double?
        var lastTold = 0.0
        /// The messages about left-out lines so far.
        var diagnostics: [String] = []
    }

    /// - Parameters:
    ///   - datacenters: datacenters with more data than the name in the log.
    ///   - isPaused: whether it begins paused.
    init(
        _ file: HitsFile, _ view: LiveView, datacenters: [LiveScene.Datacenter] = [], speed: Double = 1,
        isPaused: Bool = false
    ) {
        self.view = view
        let (from, to) = (Double(file.first) / 1_000, Double(file.last) / 1_000)
        let replay = LiveReplay(
            file: file.name, from: from, to: to, position: from, isPaused: isPaused, speed: speed)
        state = Mutex(
            State(
                file: file, reader: file.lines(from: file.first), replay: replay))
        view.take(LiveScene(datacenters: datacenters))
        view.set(replay)
    }

    /// Plays until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await inThread { [self] in step(at: monotonicTime()) }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Plays up to the current position.
    ///
    /// - Parameter now: the time on the monotonic clock.
    func step(at now: Double) {
        state.withLock { state in
            defer { state.lastStep = now }
            let passed = min(max(0, now - (state.lastStep ?? now)), 1)
            guard !state.replay.isPaused else { return }
            let target = min(state.replay.position + passed * state.replay.speed, state.replay.to)
            play(&state, to: target)
            if state.replay.position >= state.replay.to {
                state.replay.isPaused = true
                sayEnd(&state)
            }
            if state.replay.isPaused || now - state.lastTold >= 1 {
                state.lastTold = now
                view.set(state.replay)
            }
        }
    }

    /// The current position and settings.
    var replay: LiveReplay { state.withLock(\.replay) }

    /// Messages about lines that were not shown as written; they are logged at the end.
    var diagnostics: [String] { state.withLock(\.reader.leftOut.diagnostics) }

    func order(_ order: ReplayOrder) async throws(LiveRefusal) -> LiveReplay {
        await inThread { [self] in carryOut(order) }
    }

    /// Pauses, continues, or changes speed or position. Continuing at the end begins again.
    @discardableResult
    func carryOut(_ order: ReplayOrder) -> LiveReplay {
        state.withLock { state in
            if let speed = order.speed { state.replay.speed = speed }
            if let position = order.position {
                seek(&state, min(max(position, state.replay.from), state.replay.to))
            } else if order.isPaused == false, state.replay.position >= state.replay.to {
                seek(&state, state.replay.from)
            }
            if let isPaused = order.isPaused { state.replay.isPaused = isPaused }
            state.lastStep = nil
            view.set(state.replay)
            return state.replay
        }
    }

    /// Plays from the position to `target`, and sets the position to `target`, or to less if there are too many lines.
    private func play(_ state: inout State, to target: Double) {
        let limit = Int((target * 1_000).rounded())
        var count = 0
        while !state.isEndRead, state.newest <= limit + HitsFile.disorder, count < Self.stepLimit {
            guard let (line, _) = state.reader.next() else {
                state.isEndRead = true
                break
            }
            count += 1
            state.newest = line.time
            guard line.time >= state.begin else { continue }
            state.lines.append(line)
        }
        state.lines.sort { $0.time < $1.time }
        var position = target
        if count == Self.stepLimit {
            position = max(
                state.replay.position, min(target, Double(state.newest - HitsFile.disorder) / 1_000))
        }
        let due = state.lines.prefix { Double($0.time) / 1_000 <= position }
        state.lines.removeFirst(due.count)
        let hits = due.compactMap { if case .hit(let hit) = $0 { hit } else { nil } }
        for case .event(let event) in due { view.add(event) }
        view.play(hits, to: position)
        state.replay.position = position
    }

    private func seek(_ state: inout State, _ position: Double) {
        let start = max(position - Self.prelude, state.replay.from)
        begin(&state, at: start)
        // The minute before is played second by second, as long as that is fast.
        let end = monotonicTime() + Self.preludePatience
        repeat {
            play(&state, to: min(state.replay.position + 1, position))
        } while state.replay.position < position && monotonicTime() < end
        if state.replay.position < position { begin(&state, at: position) }
    }

    private func begin(_ state: inout State, at position: Double) {
        view.clear(at: position)
        state.reader = state.file.lines(from: Int(position * 1_000), leftOut: state.reader.leftOut)
        (state.lines, state.newest, state.isEndRead) = ([], 0, false)
        state.begin = Int((position * 1_000).rounded())
        state.replay.position = position
    }

    private func sayEnd(_ state: inout State) {
        let diagnostics = state.reader.leftOut.diagnostics
        guard diagnostics != state.diagnostics else { return }
        state.diagnostics = diagnostics
        for diagnostic in diagnostics { log.warning("\(visible(state.file.name)): \(diagnostic)") }
    }
}
