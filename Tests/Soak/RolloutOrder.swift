/// The clients of a rollout's new side, encoded as the value of a part.
struct RolloutStep: Equatable {
    /// Numbers of rollouts are multiples of this. Added to it is 0 for no client, 1...99 for a share in percent, or
    /// from `firstPlaces` on the bits of `Places`. For one client, 100 is the new side, and 0 the old one.
    static let scale = 1_000
    static let firstPlaces = 200
    static let none = RolloutStep(value: 0)

    let value: Int

    init(value: Int) { self.value = value }

    /// - Parameter rollout: the number from `RolloutOrder.begin`.
    init(of rollout: Int, share: Int) { value = rollout * Self.scale + share }

    init(of rollout: Int, places: Places) { value = rollout * Self.scale + Self.firstPlaces + places.rawValue }

    var rollout: Int { value / Self.scale }

    /// The share in percent; `nil` if places decide.
    var share: Int? { value % Self.scale < 100 ? value % Self.scale : nil }
}

/// The new sides of the last rollouts.
struct RolloutSides {
    /// The versions of the new side's files, in the order of `Part.files`, by the number of a rollout.
    private var versions: [Int: [Int]] = [:]

    /// Adds a rollout, and forgets one that ended a while ago.
    mutating func add(_ rollout: Int, _ files: [Int]) {
        versions = versions.filter { $0.key + 2 >= rollout }
        versions[rollout] = files
    }

    /// Returns the sides that a client may get at a step.
    ///
    /// - Parameter places: the places of the client, by the version of the database.
    func sides(of step: RolloutStep, _ places: [Countries.Place]) -> [Int] {
        let old = step.rollout * RolloutStep.scale
        if let share = step.share { return share == 0 ? [old] : [old, old + 100] }
        let bits = step.value % RolloutStep.scale - RolloutStep.firstPlaces
        guard let files = versions[step.rollout], let area = Places(rawValue: bits) else { return [old] }
        return [area.contains(places[files[Part.database.index]]) ? old + 100 : old]
    }

    /// Returns the values that answers depend on, for the side in `world`.
    func world(_ world: [Int]) -> [Int] {
        let side = world[Part.rollout.index]
        guard side % RolloutStep.scale == 100, let files = versions[side / RolloutStep.scale] else { return world }
        var world = world
        for (part, version) in zip(Part.files, files) { world[part.index] = version }
        return world
    }
}

/// Judges which clients get the new side of a rollout.
///
/// It does not know the program's order of networks, only that the order is fixed while a rollout runs: a network on
/// the new side at a share is there at every larger share, and a network on the old side is there at every smaller
/// one.
struct RolloutOrder {
    /// The number of the last rollout.
    private var rollout = 0
    private(set) var sides = RolloutSides()
    /// The largest share at which a network was on the old side, and the smallest at which it was on the new side.
    private var bounds: [Client: (old: Int, new: Int)] = [:]
    /// The number of answers that revealed a side, and how many of them repeated a network.
    private(set) var answers = 0
    private(set) var again = 0

    /// Begins a rollout, and returns its number.
    mutating func begin(_ files: [Int]) -> Int {
        rollout += 1
        sides.add(rollout, files)
        bounds = [:]
        return rollout
    }

    /// Records the side that answered a network.
    ///
    /// - Parameter steps: the possible steps of the rollout.
    /// - Returns: a complaint; `nil` if it is right.
    mutating func note(_ client: Client, side: Int, _ steps: [RolloutStep]) -> String? {
        let shares = steps.compactMap(\.share)
        // Places have no order, and an earlier rollout has a different one.
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
