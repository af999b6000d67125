/// Which clients a rollout has given its new side, as a number that a part has.
struct RolloutStep: Equatable {
    /// Numbers of rollouts are multiples of this. What is added is 0 for no client, 1 to 99 for a share in percent, and from
    /// `firstPlaces` on the bits of `Places`. Of one client, 100 is the new side, and 0 the old one.
    static let scale = 1_000
    static let firstPlaces = 200
    static let none = RolloutStep(value: 0)

    let value: Int

    init(value: Int) { self.value = value }

    /// - Parameter rollout: as `RolloutOrder.begin` numbers them.
    init(of rollout: Int, share: Int) { value = rollout * Self.scale + share }

    init(of rollout: Int, places: Places) { value = rollout * Self.scale + Self.firstPlaces + places.rawValue }

    var rollout: Int { value / Self.scale }

    /// The share in percent; `nil` if places decide.
    var share: Int? { value % Self.scale < 100 ? value % Self.scale : nil }
}

/// What the new sides of the last rollouts are made of.
struct RolloutSides {
    /// By the number of a rollout, the versions of the files of its new side, in the order of `Part.files`.
    private var versions: [Int: [Int]] = [:]

    /// Adds a rollout. Answers of one that ended a while ago are not judged any more.
    mutating func add(_ rollout: Int, _ files: [Int]) {
        versions = versions.filter { $0.key + 2 >= rollout }
        versions[rollout] = files
    }

    /// What a client may get at a step.
    ///
    /// - Parameter places: of the client, by the version of the database.
    func sides(of step: RolloutStep, _ places: [Countries.Place]) -> [Int] {
        let old = step.rollout * RolloutStep.scale
        if let share = step.share { return share == 0 ? [old] : [old, old + 100] }
        let bits = step.value % RolloutStep.scale - RolloutStep.firstPlaces
        guard let files = versions[step.rollout], let area = Places(rawValue: bits) else { return [old] }
        return [area.contains(places[files[Part.database.index]]) ? old + 100 : old]
    }

    /// What answers depend on, on the side that `world` has.
    func world(_ world: [Int]) -> [Int] {
        let side = world[Part.rollout.index]
        guard side % RolloutStep.scale == 100, let files = versions[side / RolloutStep.scale] else { return world }
        var world = world
        for (part, version) in zip(Part.files, files) { world[part.index] = version }
        return world
    }
}

/// Judges who gets the new side of a rollout.
///
/// It does not know how the program puts client networks in order, only that each keeps its place as long as the rollout runs: one that
/// was on the new side with a share has it with every larger share, and one that was on the old side has that with every smaller one.
struct RolloutOrder {
    /// The number of the last rollout.
    private var rollout = 0
    private(set) var sides = RolloutSides()
    /// The largest share with which a network was seen on the old side, and the smallest one with which it was on the new side.
    private var bounds: [Client: (old: Int, new: Int)] = [:]
    /// The answers that told which side a network is on, and those of them that came after another for the same network.
    private(set) var answers = 0
    private(set) var again = 0

    /// A new rollout; its number.
    mutating func begin(_ files: [Int]) -> Int {
        rollout += 1
        sides.add(rollout, files)
        bounds = [:]
        return rollout
    }

    /// Notes that a network was answered by a side.
    ///
    /// - Parameter steps: those that the rollout may have been at.
    /// - Returns: what is wrong with that.
    mutating func note(_ client: Client, side: Int, _ steps: [RolloutStep]) -> String? {
        let shares = steps.compactMap(\.share)
        // Places have no order, and an earlier rollout has another one.
        guard shares.count == steps.count, steps.allSatisfy({ $0.rollout == rollout || $0 == .none }),
            let least = shares.min(), let most = shares.max(), most > 0
        else { return nil }
        let known = bounds[client]
        var bound = known ?? (old: 0, new: .max)
        if side % RolloutStep.scale == 100 {
            bound.new = min(bound.new, most)
        } else {
            bound.old = max(bound.old, least)
        }
        bounds[client] = bound
        answers += 1
        if known != nil { again += 1 }
        guard bound.old >= bound.new else { return nil }
        bounds[client] = nil
        return "the network has the new side with a share of \(bound.new)%, and the old one with \(bound.old)%"
    }
}
