import Synchronization

/// Where clients are sent, in the order of the configuration.
enum Datacenter: Int, CaseIterable {
    case oslo, ashburn, singapore
}

/// What a datacenter answers with.
enum Service: Int, CaseIterable {
    case web, api, checked
    /// Oslo, and when that is away all others by capacity.
    case spread
}

/// Places that datacenters are drained for, which both databases have alike.
enum Places: Int, CaseIterable {
    case america = 1, some = 2

    /// As a command has them.
    var words: String { self == .america ? "continent:NA" : "NO,JP" }

    func contains(_ place: Countries.Place) -> Bool {
        self == .america ? place.continent == code("NA") : place.country == code("NO") || place.country == code("JP")
    }
}

/// Two letters as one number.
func code(_ letters: StaticString) -> UInt32 { UInt32(letters.utf8Start[0]) << 8 | UInt32(letters.utf8Start[1]) }

/// What an answer may depend on. Each has a value at any time.
enum Part: Hashable, CustomStringConvertible {
    /// The version of a file, from 1; that of the networks is 0 while there is none. Of the database there are two: 0 and 1.
    case configuration, zone, networks, database
    /// For how many of 100 networks a datacenter is drained, for one service or for all.
    case drain(Datacenter, Service?)
    /// 1 if a datacenter counts as up whatever its health is, else 0.
    case force(Datacenter)
    /// 1 if the checked address of this number is well, else 0.
    case health(Int)
    /// A bit for each of the `Places` that a datacenter is drained for.
    case places(Datacenter)
    /// For a client, 100 if a datacenter that has come back does not take it yet. It has no value of its own.
    case ramp(Datacenter)
    /// How many of 100 networks are spread to Ashburn before Singapore.
    case order
    /// Which clients get the new side of a rollout, and which rollout that is: see `RolloutStep`.
    case rollout

    static let files: [Part] = [.configuration, .zone, .networks, .database]
    private static let services = Service.allCases.count + 1
    static let count = Part.health(0).index + checkedAddresses
    /// Two of each datacenter.
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

    /// What it is at first.
    var firstValue: Int {
        switch self {
        case .configuration, .zone, .networks, .health: 1
        case .order: Self.orderShare
        default: 0
        }
    }

    /// Whether its value is a part of the client networks.
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

/// A question that is asked again and again, each time for another client.
enum Question: CaseIterable {
    case web, wildcard, zone, list, six, fixed, missing, checked, spread

    /// How often it is asked, as compared with the others.
    var weight: Int { self == .web ? 4 : self == .list || self == .checked ? 3 : 1 }

    /// In the zone; a star becomes a label that no other question has.
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

    /// Whether its answers depend on the client, so that they must say for whom they hold.
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

/// Knows which answers are right, from what is in force, or may still be or be already.
final class Oracle: Sendable {
    /// Nanoseconds until a change must be in force everywhere.
    struct Bounds {
        var reload: UInt64 = 5_000_000_000
        /// One second, and another for a machine that is busy.
        var drain: UInt64 = 2_000_000_000
        var health: UInt64 = 0
    }

    /// A value that a part has, or had.
    private struct Value {
        var value: Int
        /// From when on it may be in force.
        var since: UInt64
        /// When the next one took its place; until then it is right.
        var replaced: UInt64 = .max
        /// Until when it may be in force still.
        var until: UInt64 = .max
    }

    /// How a drain of a part of the networks was followed.
    private struct Share {
        var asked = 0
        var moved = 0
    }

    /// How the share of a datacenter grows that has come back.
    private struct Ramp {
        /// Until when it may take less than all of its clients.
        var until: UInt64
        /// When it began at the earliest; nothing if that cannot be told.
        var since: UInt64?
        /// The clients of which it is known whether they went there, and of these all that did.
        var asked = 0, taken = 0
        /// The sums of what it should have taken of each, at least and at most.
        var least = 0.0, most = 0.0, variance = 0.0
    }

    private struct State: Sendable {
        /// By the index of the part, the newest last.
        var values = [[Value]](repeating: [], count: Part.count)
        /// Something on disk is broken, so that nothing is loaded.
        var isBroken = false
        /// Nobody follows the health of addresses.
        var isAgentAway = false
        var shares: [Int: Share] = [:]
        /// By datacenter: it has come back, and takes a part of its clients for a while.
        var ramps: [Datacenter: Ramp] = [:]
        /// What is known of the rollout's order of networks.
        var order = RolloutOrder()
        /// The longest time for which an answer of old was seen after a change, in nanoseconds.
        var delays = Delays()
        /// Counts what the director has told.
        var revision = 0
    }

    /// How long what was right stays right.
    struct Validity: Equatable {
        /// Until the director tells anything more.
        var revision: Int
        /// And until this time, on the clock of `now()`.
        var end: UInt64
    }

    /// The longest times between a change and a question that was answered from before it, in nanoseconds.
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

    /// Changes parts by what `body` does; while it does so, both old and new are right.
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
            // Files that change while they are read are read anew, all of them.
            if changes.contains(where: { Part.files.contains($0.0) }) { restart(at: end, &state) }
        }
    }

    /// Loading begins anew, or cannot come to an end as long as something is broken.
    func filesChange(isBroken: Bool) {
        state.withLock { state in
            state.revision += 1
            state.isBroken = isBroken
            restart(at: now(), &state)
        }
    }

    /// The agent that checks addresses is there again, or away.
    func agentIs(away: Bool) {
        state.withLock { state in
            state.revision += 1
            state.isAgentAway = away
            // What it finds out when it is back may have come back at any time.
            for datacenter in Datacenter.allCases {
                state.ramps[datacenter] = Ramp(until: away ? .max : now() + bounds.health + Site.comesBack)
            }
            for address in 0..<Part.checkedAddresses { settle(.health(address), at: now(), &state) }
        }
    }

    /// The clock is set, which may be done more than once: a datacenter may take all of its clients at once, or less than all for longer,
    /// and what was known of an address may be too old for a while.
    func clockSteps() {
        state.withLock { state in
            state.revision += 1
            for address in 0..<Part.checkedAddresses {
                let index = Part.health(address).index
                guard let last = state.values[index].last, last.value == 0 else { continue }
                // It may count as up, and will be known to be down again.
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

    /// A drain that ends by itself, at a time that is known to a second.
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

    /// A rollout is about to be started, whose new side has these versions of files; its number.
    func beginRollout(_ versions: [Part: Int]) -> Int {
        state.withLock { state in
            state.revision += 1
            return state.order.begin(Part.files.map { versions[$0]! })
        }
    }

    /// From now on a part may have this value, or one that it has or may have.
    func mayBe(_ part: Part, _ value: Int) {
        state.withLock { state in
            state.revision += 1
            let isKnown = state.values[part.index].contains { $0.value == value && $0.until == .max }
            if !isKnown { state.values[part.index].append(Value(value: value, since: now())) }
        }
    }

    /// A part has this value for sure, which it may have had before, and none of the others that it may have had.
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

    /// How many answers told that a network is on one side of a rollout, and how many of these were asked for again.
    var judgedSides: (answers: Int, again: Int) {
        state.withLock { ($0.order.answers, $0.order.again) }
    }

    /// When all that was changed must be in force.
    var settled: UInt64 {
        state.withLock { state in
            state.values.joined().map { $0.until == .max ? $0.since : $0.until }.max() ?? 0
        }
    }

    /// How long an answer stays right that is right if it was asked for at a time.
    func validity(of asked: UInt64) -> Validity {
        state.withLock { state in
            let ends = state.values.joined().map(\.until) + state.ramps.values.map(\.until)
            return Validity(revision: state.revision, end: ends.filter { $0 >= asked }.min() ?? .max)
        }
    }

    var delays: Delays { state.withLock(\.delays) }

    /// A complaint if too many or too few of the networks follow the drains of a share that are in force.
    func shareComplaint() -> String? {
        state.withLock { state in
            defer { state.shares = [:] }
            for (index, share) in state.shares where share.asked >= 300 {
                // What has ended by itself moves none, and was judged with those that it moved before.
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

    /// An address changes: its datacenter may come back with it, or does for sure if all its addresses were known to be down.
    private func ramp(_ address: Int, _ value: Int, at time: UInt64, _ state: inout State) {
        let datacenter = Datacenter(rawValue: address / 2)!
        guard !state.isAgentAway else { return }
        let known = [0, 1].map { state.values[Part.health(2 * datacenter.rawValue + $0).index] }
        let isDown = known.allSatisfy { $0.last?.value == 0 && $0.dropLast().allSatisfy { $0.until < time } }
        guard value == 1 || state.ramps[datacenter] != nil else { return }
        state.ramps[datacenter] = Ramp(
            until: time + bounds.health + Site.comesBack + bounds.drain, since: isDown && value == 1 ? time : nil)
    }

    /// What is wrong with how the shares of datacenters grow that have come back; nothing if all is right.
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

    /// How often the growth of a share was judged by its figures.
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
            // What delays loading does not delay drains.
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

    /// What is wrong with an answer; `nil` if nothing is.
    ///
    /// - Parameter isSample: whether the client was picked at random, so that it counts for the figures by which shares are judged.
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
                // Some of the networks are drained, and some are not.
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
            // How it can be explained with the least of old.
            var best: [(part: Part, value: Value)]?
            while true {
                for (number, choice) in choices.enumerated() {
                    world[choice.part.index] = choice.values[selection[number]].value
                }
                let expected = records(question, client, countries, places, world, newSides)
                if expected == given {
                    // Whatever rollout the old side is of.
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

    /// Counts an answer that says for sure whether a datacenter that has come back has taken a client.
    ///
    /// - Parameter value: 0 if it has, 100 if not.
    /// - Parameter records: what is right if it takes the client, for 0, or does not, for 100.
    private func judge(
        _ datacenter: Datacenter, _ value: Int, asked: UInt64, answered: UInt64, _ state: inout State,
        _ records: (Int) -> [[UInt8]]
    ) {
        guard var ramp = state.ramps[datacenter], let since = ramp.since, asked > since + bounds.health else { return }
        guard records(value) != records(100 - value) else { return }
        func share(_ time: UInt64, _ start: UInt64) -> Double {
            min(1, max(0.05, Double(time - start) / Double(Site.comesBack)))
        }
        // A second until coprocesses look, and one to which times are known.
        let least = share(asked, min(asked, since + bounds.health + 2_000_000_000))
        let most = share(answered + 1_000_000_000, since)
        ramp.asked += 1
        ramp.taken += value == 0 ? 1 : 0
        ramp.least += least
        ramp.most += most
        ramp.variance += max(least * (1 - least), most * (1 - most), least < 0.5 && most > 0.5 ? 0.25 : 0)
        state.ramps[datacenter] = ramp
    }

    /// For how long what was used has been replaced when the question was asked.
    private static func delay(_ used: [(part: Part, value: Value)], _ asked: UInt64) -> UInt64 {
        used.map { $0.value.replaced < asked ? asked - $0.value.replaced : 0 }.max() ?? 0
    }

    /// Whether the database has the client in the United States.
    func isInUnitedStates(_ client: Client) -> Bool { databases[0].place(of: client).country == code("US") }

    /// The datacenters of a client, by preference, as `Site` has them in configuration and networks.
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

    /// The right records in one world.
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
        // Where nothing is open and up, rather down than drained, and where all is drained, what is up.
        // What has come back does not take all of its clients at once, unless they have nowhere else to go.
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
