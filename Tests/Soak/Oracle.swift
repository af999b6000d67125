import Synchronization

/// The datacenters, in the order of the configuration.
enum Datacenter: Int, CaseIterable {
    case oslo, ashburn, singapore
}

/// The services.
enum Service: Int, CaseIterable {
    case web, api, checked
    /// Oslo, and if that is unavailable all others by capacity.
    case spread
}

/// Places for drains, which are equal in both databases.
enum Places: Int, CaseIterable {
    case america = 1, some = 2

    /// The places as arguments of a command.
    var words: String { self == .america ? "continent:NA" : "NO,JP" }

    func contains(_ place: Countries.Place) -> Bool {
        self == .america ? place.continent == code("NA") : place.country == code("NO") || place.country == code("JP")
    }
}

/// Returns two letters as one number.
func code(_ letters: StaticString) -> UInt32 { UInt32(letters.utf8Start[0]) << 8 | UInt32(letters.utf8Start[1]) }

/// A part of the state that answers may depend on. Each has a value at any time.
enum Part: Hashable, CustomStringConvertible {
    /// The version of a file, from 1; for networks 0 without the file. The versions of the database are 0 and 1.
    case configuration, zone, networks, database
    /// The percentage of networks for which a datacenter is drained, for one service or for all.
    case drain(Datacenter, Service?)
    /// 1 if a datacenter is forced up, else 0.
    case force(Datacenter)
    /// 1 if the checked address with this number is up, else 0.
    case health(Int)
    /// A bit for each of the `Places` for which a datacenter is drained.
    case places(Datacenter)
    /// For a client: 100 if a datacenter that has come back does not take it yet. It has no stored value.
    case ramp(Datacenter)
    /// The percentage of networks that are spread to Ashburn before Singapore.
    case order
    /// The rollout and the clients that get its new side: see `RolloutStep`.
    case rollout

    static let files: [Part] = [.configuration, .zone, .networks, .database]
    private static let services = Service.allCases.count + 1
    static let count = Part.health(0).index + checkedAddresses
    /// Two addresses of each datacenter.
    static let checkedAddresses = 6
    /// By the capacities of Ashburn and Singapore.
    static let orderShare = 75

    var index: Int {
        let drains = 4 + 3 * Self.services
        return switch self {
        case .configuration: 0
        case .zone: 1
        case .networks: 2
        case .database: 3
        case .drain(let datacenter, let service):
            4 + Self.services * datacenter.rawValue + (service.map { $0.rawValue + 1 } ?? 0)
        case .force(let datacenter): drains + datacenter.rawValue
        case .places(let datacenter): drains + 3 + datacenter.rawValue
        case .ramp(let datacenter): drains + 6 + datacenter.rawValue
        case .order: drains + 9
        case .rollout: drains + 10
        case .health(let address): drains + 11 + address
        }
    }

    /// The initial value.
    var firstValue: Int {
        switch self {
        case .configuration, .zone, .networks, .health: 1
        case .order: Self.orderShare
        default: 0
        }
    }

    /// Whether its value is a percentage of client networks.
    var isShare: Bool {
        switch self {
        case .drain, .order: true
        default: false
        }
    }

    var description: String {
        switch self {
        case .configuration: "configuration"
        case .zone: "zone"
        case .networks: "networks"
        case .database: "database"
        case .drain(let datacenter, let service): "drain of \(datacenter)\(service.map { " for \($0)" } ?? "")"
        case .force(let datacenter): "force of \(datacenter)"
        case .health(let address): "health of 127.1.0.\(address + 1)"
        case .places(let datacenter): "drain of \(datacenter) in places"
        case .ramp(let datacenter): "coming back of \(datacenter)"
        case .order: "order of those spread over"
        case .rollout: "rollout"
        }
    }

    static func drains(of service: Service) -> [Part] {
        Datacenter.allCases.flatMap { [.drain($0, nil), .drain($0, service), .places($0)] }
    }
}

/// A question that is asked repeatedly, each time for another client.
enum Question: CaseIterable {
    case web, wildcard, zone, list, six, fixed, missing, checked, spread

    /// How often it is asked, relative to the others.
    var weight: Int { self == .web ? 4 : self == .list || self == .checked ? 3 : 1 }

    /// The name in the zone; a star becomes a unique label.
    var name: String {
        switch self {
        case .web, .zone: "www"
        case .wildcard: "*.any"
        case .list, .six: "api"
        case .fixed: "fixed"
        case .missing: "*"
        case .checked: "checked"
        case .spread: "spread"
        }
    }

    var type: Int {
        switch self {
        case .zone: 15
        case .six: 28
        default: 1
        }
    }

    var typeName: String { type == 15 ? "MX" : type == 28 ? "AAAA" : "A" }

    /// Whether its answers depend on the client, so that they must have a scope.
    var isGeographic: Bool { self != .fixed && self != .missing && self != .zone }

    var parts: [Part] {
        switch self {
        case .web, .wildcard: [.configuration, .networks, .database, .rollout] + Part.drains(of: .web)
        case .spread: [.database, .rollout] + Part.drains(of: .spread) + [.order]
        case .zone: [.zone, .rollout]
        case .list, .six: [.configuration, .database, .rollout] + Part.drains(of: .api)
        case .fixed, .missing: []
        case .checked:
            [.database, .rollout] + Part.drains(of: .checked) + Datacenter.allCases.map { .force($0) }
                + (0..<Part.checkedAddresses).map { .health($0) }
        }
    }
}

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
    private struct Value {
        var value: Int
        /// When it may come into force.
        var since: UInt64
        /// When the next value replaced it; until then it is right.
        var replaced: UInt64 = .max
        /// Until when it may still be in force.
        var until: UInt64 = .max
    }

    /// How a partial drain was followed.
    private struct Share {
        var asked = 0
        var moved = 0
    }

    /// The growing share of a datacenter that has come back.
    private struct Ramp {
        /// The time until which it may take only a part of its clients.
        var until: UInt64
        /// The earliest possible start; `nil` if unknown.
        var since: UInt64?
        /// The number of clients whose destination is certain, and of those that went there.
        var asked = 0, taken = 0
        /// The sums of the minimum and maximum expected shares.
        var least = 0.0, most = 0.0, variance = 0.0
    }

    private struct State: Sendable {
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

    private let state = Mutex(State())
    private let bounds: Bounds
    private let databases: [Countries]

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

    /// Returns a complaint if too many or too few networks follow the partial drains in force.
    func shareComplaint() -> String? {
        state.withLock { state in
            defer { state.shares = [:] }
            for (index, share) in state.shares where share.asked >= 300 {
                // An ended drain moves no networks, and was judged before.
                guard let value = state.values[index].last.map({ $0.value % RolloutStep.scale }), 1..<100 ~= value
                else { continue }
                let part = Double(value) / 100
                let found = Double(share.moved) / Double(share.asked)
                let deviation = (part * (1 - part) / Double(share.asked)).squareRoot()
                if abs(found - part) > 6 * deviation {
                    if index == Part.rollout.index {
                        return "\(found) of \(share.asked) client networks get the new side; right is \(part)"
                    }
                    return index == Part.order.index
                        ? "\(found) of \(share.asked) client networks are spread to Ashburn first; right is \(part)"
                        : "a drain of \(part) moves \(found) of \(share.asked) client networks"
                }
            }
            return nil
        }
    }

    /// Records the change of an address: its datacenter may come back with it, or certainly does if all its addresses
    /// were down.
    private func ramp(_ address: Int, _ value: Int, at time: UInt64, _ state: inout State) {
        let datacenter = Datacenter(rawValue: address / 2)!
        guard !state.isAgentAway else { return }
        let known = [0, 1].map { state.values[Part.health(2 * datacenter.rawValue + $0).index] }
        let isDown = known.allSatisfy { $0.last?.value == 0 && $0.dropLast().allSatisfy { $0.until < time } }
        guard value == 1 || state.ramps[datacenter] != nil else { return }
        state.ramps[datacenter] = Ramp(
            until: time + bounds.health + Site.comesBack + bounds.drain, since: isDown && value == 1 ? time : nil)
    }

    /// Returns a complaint about the growing shares of datacenters; `nil` if they are right.
    func rampComplaint() -> String? {
        state.withLock { state in
            for (datacenter, ramp) in state.ramps where ramp.asked >= 200 {
                let slack = 6 * ramp.variance.squareRoot()
                state.ramps[datacenter]!.asked = 0
                state.ramps[datacenter]!.since = nil
                judgedRamps.add(1, ordering: .relaxed)
                if Double(ramp.taken) < ramp.least - slack || Double(ramp.taken) > ramp.most + slack {
                    return
                        "\(datacenter) has come back, and takes \(ramp.taken) of \(ramp.asked) clients; right is \(Int(ramp.least)) to \(Int(ramp.most))"
                }
            }
            return nil
        }
    }

    /// The number of judged growths.
    let judgedRamps = Atomic<Int>(0)

    private func settle(_ part: Part, at time: UInt64, _ state: inout State) {
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

    // MARK: What is right

    /// Returns a complaint about an answer; `nil` if it is right.
    ///
    /// - Parameter isSample: whether the client was picked at random, so that it counts in the figures of shares.
    func complaint(
        about answer: Answer, to question: Question, for client: Client, asked: UInt64, answered: UInt64,
        isSample: Bool = true
    ) -> String? {
        if question == .missing { return answer.responseCode == 3 ? nil : "there is no such name" }
        guard answer.responseCode == 0 else { return "the name is there" }
        if question.isGeographic, answer.scope ?? 0 == 0 { return "it says that it holds for all clients" }
        let given = question == .zone ? answer.records.map { Array($0.prefix(2)) } : answer.records
        let countries = databases.map { $0.place(of: client).country }
        let places = databases.map { $0.place(of: client.forPlaces) }
        return state.withLock { state in
            var choices: [(part: Part, values: [Value], isShare: Bool)] = []
            let newSides = state.order.sides
            var steps: [RolloutStep] = []
            var sides: Set<Int> = []
            var world = [Int](repeating: 0, count: Part.count)
            for part in question.parts {
                let values = state.values[part.index]
                var possible = values.reversed().filter { $0.since <= answered && $0.until >= asked }
                if part == .rollout {
                    steps = possible.map { RolloutStep(value: $0.value) }
                    let sides = possible.flatMap { value in
                        newSides.sides(of: RolloutStep(value: value.value), places).map {
                            Value(value: $0, since: value.since, replaced: value.replaced)
                        }
                    }
                    world[part.index] = sides.first?.value ?? 0
                    if sides.count > 1 { choices.append((part, sides, possible.count == 1)) }
                    continue
                }
                world[part.index] = possible.first?.value ?? 0
                guard part.isShare, possible.contains(where: { 1..<100 ~= $0.value }) else {
                    if possible.count > 1 { choices.append((part, possible, false)) }
                    continue
                }
                let isShare = possible.count == 1
                // A partial drain: both outcomes are possible.
                possible = possible.flatMap { value in
                    guard 1..<100 ~= value.value else { return [value] }
                    return [0, 100].map { Value(value: $0, since: value.since, replaced: value.replaced) }
                }
                choices.append((part, possible, isShare))
            }
            if question == .checked {
                for datacenter in Datacenter.allCases {
                    guard let ramp = state.ramps[datacenter], ramp.until >= asked else { continue }
                    choices.append((.ramp(datacenter), [0, 100].map { Value(value: $0, since: 0) }, false))
                }
            }
            var selection = [Int](repeating: 0, count: choices.count)
            var expectations: [[[UInt8]]] = []
            // The explanation with the newest values.
            var best: [(part: Part, value: Value)]?
            while true {
                for (number, choice) in choices.enumerated() {
                    world[choice.part.index] = choice.values[selection[number]].value
                }
                let expected = records(question, client, countries, places, world, newSides)
                if expected == given {
                    // The old side is the same for all rollouts.
                    let side = world[Part.rollout.index]
                    sides.insert(side % RolloutStep.scale == 0 ? 0 : side)
                    let used = choices.enumerated().map { ($1.part, $1.values[selection[$0]]) }
                    if best.map({ Self.delay($0, asked) > Self.delay(used, asked) }) ?? true { best = used }
                    if isSample, choices.count == 1, choices[0].isShare {
                        let index = choices[0].part.index
                        let value = world[index] % RolloutStep.scale
                        world[index] += 100 - 2 * value
                        if records(question, client, countries, places, world, newSides) != expected {
                            state.shares[index, default: Share()].asked += 1
                            state.shares[index]!.moved += value == 100 ? 1 : 0
                        }
                    }
                }
                if isSample, choices.count == 1, case .ramp(let datacenter) = choices[0].part, expected == given {
                    let value = choices[0].values[selection[0]].value
                    judge(datacenter, value, asked: asked, answered: answered, &state) { value in
                        world[choices[0].part.index] = value
                        return records(question, client, countries, places, world, newSides)
                    }
                }
                if !expectations.contains(expected) { expectations.append(expected) }
                guard let place = selection.indices.first(where: { selection[$0] + 1 < choices[$0].values.count })
                else {
                    break
                }
                for earlier in 0..<place { selection[earlier] = 0 }
                selection[place] += 1
            }
            if let best {
                for (part, value) in best { state.delays.add(Self.delay([(part, value)], asked), of: part) }
                return sides.count == 1 ? state.order.note(client, side: sides.first!, steps) : nil
            }
            let reasons = question.parts.map { part in
                "\(part) "
                    + state.values[part.index].filter { $0.since <= answered && $0.until >= asked }
                    .map { "\($0.value)" }.joined(separator: " or ")
            }.filter { !$0.hasPrefix("drain") || !$0.hasSuffix(" 0") }
            return "right is \(expectations.map(words).joined(separator: ", or ")): \(reasons.joined(separator: ", "))"
        }
    }

    /// Counts an answer that reveals whether a returning datacenter has taken a client.
    ///
    /// - Parameter value: 0 if it has, 100 if not.
    /// - Parameter records: the right records if it takes the client (0) and if it does not (100).
    private func judge(
        _ datacenter: Datacenter, _ value: Int, asked: UInt64, answered: UInt64, _ state: inout State,
        _ records: (Int) -> [[UInt8]]
    ) {
        guard var ramp = state.ramps[datacenter], let since = ramp.since, asked > since + bounds.health else { return }
        guard records(value) != records(100 - value) else { return }
        func share(_ time: UInt64, _ start: UInt64) -> Double {
            min(1, max(0.05, Double(time - start) / Double(Site.comesBack)))
        }
        // A second until coprocesses look, and one for the precision of times.
        let least = share(asked, min(asked, since + bounds.health + 2_000_000_000))
        let most = share(answered + 1_000_000_000, since)
        ramp.asked += 1
        ramp.taken += value == 0 ? 1 : 0
        ramp.least += least
        ramp.most += most
        ramp.variance += max(least * (1 - least), most * (1 - most), least < 0.5 && most > 0.5 ? 0.25 : 0)
        state.ramps[datacenter] = ramp
    }

    /// Returns how long the used values had been replaced when the question was asked.
    private static func delay(_ used: [(part: Part, value: Value)], _ asked: UInt64) -> UInt64 {
        used.map { $0.value.replaced < asked ? asked - $0.value.replaced : 0 }.max() ?? 0
    }

    /// Returns whether the database has the client in the United States.
    func isInUnitedStates(_ client: Client) -> Bool { databases[0].place(of: client).country == code("US") }

    /// Returns the preference list of a client, as in the configuration and networks of `Site`.
    private func datacenters(
        _ question: Question, _ client: Client, _ countries: [UInt32], _ place: Countries.Place, _ world: [Int]
    ) -> [Datacenter] {
        if question == .list || question == .six {
            return world[Part.configuration.index] % 2 == 0 && countries[world[Part.database.index]] == code("JP")
                ? [.ashburn, .oslo, .singapore] : Datacenter.allCases
        }
        guard question == .web || question == .wildcard else { return Datacenter.allCases }
        let isInNetworks =
            switch client {
            case .ipv4(let bits): bits >> 28 == 1
            case .ipv6(let bits): bits >> 60 == 2
            }
        let networks = world[Part.networks.index]
        if networks > 0, isInNetworks { return (0..<3).map { Datacenter(rawValue: (networks + $0) % 3)! } }
        switch countries[world[Part.database.index]] {
        case code("US"): return [.ashburn, .oslo]
        case code("CA"): return [.singapore, .ashburn, .oslo]
        default: return [.oslo, .singapore, .ashburn]
        }
    }

    /// Returns the right records in one world.
    private func records(
        _ question: Question, _ client: Client, _ countries: [UInt32], _ places: [Countries.Place], _ world: [Int],
        _ newSides: RolloutSides
    ) -> [[UInt8]] {
        let world = newSides.world(world)
        let service: Service
        switch question {
        case .zone:
            let version = world[Part.zone.index]
            return [[UInt8(version >> 8), UInt8(version & 0xff)]]
        case .fixed: return [[192, 0, 2, 252]]
        case .missing: return []
        case .web, .wildcard: service = .web
        case .list, .six: service = .api
        case .checked: service = .checked
        case .spread: service = .spread
        }
        let place = places[world[Part.database.index]]
        func isOpen(_ datacenter: Datacenter) -> Bool {
            let bits = world[Part.places(datacenter).index]
            return world[Part.drain(datacenter, nil).index] < 100 && world[Part.drain(datacenter, service).index] < 100
                && !Places.allCases.contains { bits & $0.rawValue != 0 && $0.contains(place) }
        }
        if question == .spread {
            let others: [Datacenter] =
                world[Part.order.index] == 100 ? [.ashburn, .singapore] : [.singapore, .ashburn]
            let chosen = ([.oslo] + others).first(where: isOpen) ?? .oslo
            return [[[192, 0, 2, 250], [198, 51, 100, 250], [203, 0, 113, 250]][chosen.rawValue]]
        }
        let list = datacenters(question, client, countries, place, world)
        let open = list.filter(isOpen)
        func well(_ datacenter: Datacenter) -> [Int] {
            let isForced = world[Part.force(datacenter).index] == 1
            return [0, 1].map { 2 * datacenter.rawValue + $0 }.filter { isForced || world[Part.health($0).index] == 1 }
        }
        func isUp(_ datacenter: Datacenter) -> Bool { service != .checked || !well(datacenter).isEmpty }
        // Without a datacenter that is open and up: a down one before a drained one, and if all are drained, one that
        // is up. A returning datacenter takes its clients gradually, unless they have no other datacenter.
        func takes(_ datacenter: Datacenter) -> Bool {
            world[Part.ramp(datacenter).index] == 0 || world[Part.force(datacenter).index] == 1
        }
        let taken = service == .checked ? open.first { isUp($0) && takes($0) } : nil
        let chosen = taken ?? open.first(where: isUp) ?? open.first ?? list.first(where: isUp) ?? list[0]
        switch question {
        case .web, .wildcard:
            let version = UInt8(world[Part.configuration.index])
            return [[[192, 0, 2, version], [198, 51, 100, version], [203, 0, 113, version]][chosen.rawValue]]
        case .six: return [[0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [UInt8(chosen.rawValue + 1)]]
        case .checked:
            let addresses = well(chosen)
            return (addresses.isEmpty ? [0, 1].map { 2 * chosen.rawValue + $0 } : addresses)
                .map { [127, 1, 0, UInt8($0 + 1)] }
        default: return [[[192, 0, 2, 251], [198, 51, 100, 251], [203, 0, 113, 251]][chosen.rawValue]]
        }
    }
}
