import Synchronization

/// Knows the right answers, from the state that is in force, may still be or may already be.
final class Oracle: Sendable {
    /// The time within which a change must be in force everywhere, in nanoseconds.
    struct Bounds {
        var reload: UInt64 = 5_000_000_000
        /// One second, and another one for a busy machine.
        var drain: UInt64 = 2_000_000_000
        var health: UInt64 = 0
    }

    /// A current or former value of a part.
    struct Value {
        var value: Int
        /// When it may come into force.
        var since: UInt64
        /// When the next value replaced it; until then it is right.
        var replaced: UInt64 = .max
        /// Until when it may still be in force.
        var until: UInt64 = .max
    }

    struct State: Sendable {
        /// The values of each part, the newest last.
        var values = [[Value]](repeating: [], count: Part.count)
        /// Whether a file on disk is broken, so that nothing is loaded.
        var isBroken = false
        /// Whether no agent checks addresses.
        var isAgentAway = false
        var shares: [Int: Share] = [:]
        /// The datacenters that have come back and take only a part of their clients.
        var ramps: [Datacenter: Ramp] = [:]
        /// The known order of networks in the rollout.
        var order = RolloutOrder()
        /// The longest time after a change with an old answer, in nanoseconds.
        var delays = Delays()
        /// Counts the changes by the director.
        var revision = 0
    }

    /// How long a right answer stays right.
    struct Validity: Equatable {
        /// Until the next change by the director.
        var revision: Int
        /// Also only until this time, on the clock of `now()`.
        var end: UInt64
    }

    /// The longest times between a change and a question with an old answer, in nanoseconds.
    struct Delays {
        var reload: UInt64 = 0, drain: UInt64 = 0, health: UInt64 = 0, rollout: UInt64 = 0

        mutating func add(_ delay: UInt64, of part: Part) {
            switch part {
            case .configuration, .zone, .networks, .database: reload = max(reload, delay)
            case .drain, .force, .places: drain = max(drain, delay)
            case .health: health = max(health, delay)
            case .ramp, .order: break
            case .rollout: rollout = max(rollout, delay)
            }
        }
    }

    let state = Mutex(State())
    let bounds: Bounds
    let databases: [Countries]

    init(databases paths: [String], bounds: Bounds) throws {
        databases = try paths.map(Countries.init)
        self.bounds = bounds
        state.withLock { state in
            let parts =
                Part.files + Service.allCases.flatMap(Part.drains) + [.order, .rollout]
                + Datacenter.allCases.flatMap { [.force($0), .ramp($0)] }
                + (0..<Part.checkedAddresses).map { .health($0) }
            for part in parts { state.values[part.index] = [Value(value: part.firstValue, since: 0)] }
        }
    }

    // MARK: What the director does

    /// Changes parts with `body`; meanwhile both old and new values are right.
    func change(_ changes: [(Part, Int)], _ body: () throws -> Void) rethrows {
        let start = now()
        state.withLock { state in
            state.revision += 1
            for (part, value) in changes {
                if case .health(let address) = part { ramp(address, value, at: start, &state) }
                if state.values[part.index].last?.value != value {
                    state.values[part.index].append(Value(value: value, since: start))
                }
            }
        }
        try body()
        let end = now()
        state.withLock { state in
            state.revision += 1
            for (part, _) in changes { settle(part, at: end, &state) }
            // If files change while they are read, all are read again.
            if changes.contains(where: { Part.files.contains($0.0) }) { restart(at: end, &state) }
        }
    }

    /// Records that loading restarts, or cannot finish while a file is broken.
    func filesChange(isBroken: Bool) {
        state.withLock { state in
            state.revision += 1
            state.isBroken = isBroken
            restart(at: now(), &state)
        }
    }

    /// Records that the agent is running or stopped.
    func agentIs(away: Bool) {
        state.withLock { state in
            state.revision += 1
            state.isAgentAway = away
            // Addresses that are up when it returns may have come back at any time.
            for datacenter in Datacenter.allCases {
                state.ramps[datacenter] = Ramp(until: away ? .max : now() + bounds.health + Site.comesBack)
            }
            for address in 0..<Part.checkedAddresses { settle(.health(address), at: now(), &state) }
        }
    }

    /// Records that the clock is set, possibly repeatedly. A datacenter may then take all of its clients at once, or
    /// a part of them for longer, and health may count as too old for a while.
    func clockSteps() {
        state.withLock { state in
            state.revision += 1
            for address in 0..<Part.checkedAddresses {
                let index = Part.health(address).index
                guard let last = state.values[index].last, last.value == 0 else { continue }
                // It may count as up until it is found down again.
                let time = now()
                state.values[index].insert(
                    Value(
                        value: 1, since: time, replaced: time,
                        until: state.isAgentAway ? .max : time + bounds.health), at: state.values[index].count - 1)
            }
            for datacenter in Datacenter.allCases where state.ramps[datacenter]?.until != .max {
                state.ramps[datacenter] = Ramp(until: now() + bounds.health + 2 * Site.comesBack)
            }
        }
    }

    /// Records a drain that ends by itself, at a time known to a second.
    func expect(_ part: Part, toBe value: Int, from time: UInt64) {
        state.withLock { state in
            state.revision += 1
            let index = part.index
            state.values[index][state.values[index].count - 1].replaced = time
            state.values[index][state.values[index].count - 1].until = time + 1_000_000_000 + bounds.drain
            state.values[index].append(Value(value: value, since: time - 1_000_000_000))
        }
    }

    // MARK: Rollouts

    /// Records the start of a rollout whose new side has these versions of files, and returns its number.
    func beginRollout(_ versions: [Part: Int]) -> Int {
        state.withLock { state in
            state.revision += 1
            return state.order.begin(Part.files.map { versions[$0]! })
        }
    }

    /// Records that a part may have this value from now on, in addition to its current ones.
    func mayBe(_ part: Part, _ value: Int) {
        state.withLock { state in
            state.revision += 1
            let isKnown = state.values[part.index].contains { $0.value == value && $0.until == .max }
            if !isKnown { state.values[part.index].append(Value(value: value, since: now())) }
        }
    }

    /// Records that a part certainly has this value, one of its possible ones.
    func isNow(_ part: Part, _ value: Int) {
        state.withLock { state in
            state.revision += 1
            let time = now()
            var values = state.values[part.index]
            guard values.contains(where: { $0.until == .max && $0.value != value }) else { return }
            let since = values.first { $0.value == value && $0.until == .max }?.since ?? time
            values.removeAll { $0.value == value && $0.until == .max }
            state.values[part.index] = values + [Value(value: value, since: since)]
            settle(part, at: time, &state)
            if Part.files.contains(part) { restart(at: time, &state) }
        }
    }

    /// The number of answers that revealed the side of a network, and how many of them were for a network seen
    /// before.
    var judgedSides: (answers: Int, again: Int) {
        state.withLock { ($0.order.answers, $0.order.again) }
    }

    /// When all changes must be in force.
    var settled: UInt64 {
        state.withLock { state in
            state.values.joined().map { $0.until == .max ? $0.since : $0.until }.max() ?? 0
        }
    }

    /// Returns how long an answer that is right at a time stays right.
    func validity(of asked: UInt64) -> Validity {
        state.withLock { state in
            let ends = state.values.joined().map(\.until) + state.ramps.values.map(\.until)
            return Validity(revision: state.revision, end: ends.filter { $0 >= asked }.min() ?? .max)
        }
    }

    var delays: Delays { state.withLock(\.delays) }

    /// The number of judged growths.
    let judgedRamps = Atomic<Int>(0)

    func settle(_ part: Part, at time: UInt64, _ state: inout State) {
        let bound: UInt64 =
            switch part {
            case .configuration, .zone, .networks, .database: state.isBroken ? .max : bounds.reload
            case .drain, .force, .places, .ramp, .order, .rollout: bounds.drain
            case .health: state.isAgentAway ? .max : bounds.health
            }
        var values = state.values[part.index].filter { $0.until > time }
        for place in values.indices.dropLast() {
            // Slow loading does not delay drains.
            if case .drain = part, values[place].until != .max { continue }
            values[place].replaced = bound == .max ? .max : time
            values[place].until = bound == .max ? .max : time + bound
        }
        state.values[part.index] = values
        state.shares[part.index] = nil
    }

    private func restart(at time: UInt64, _ state: inout State) {
        for part in Part.files { settle(part, at: time, &state) }
    }
}
