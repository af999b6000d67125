import Geography
import Routing
import State

/// The new side of a rollout, and the rule that selects its clients.
public final class Candidate: Sendable {
    /// The new image, with the switches and the health in force.
    package let serving: Serving
    /// The differences between the images of both sides.
    package let differences: RolloutDifferences
    /// The counts of the answering thread.
    package let counts: RolloutCounts
    /// `nil` until it has been computed.
    let stability: RolloutStability?
    /// Selects the clients that get the new side.
    let rule: Rule
    /// Whether clients get the new side, by the number of their place in the new image; empty unless the rule is
    /// `places`.
    let isInside: [Bool]

    /// Which clients get the new side.
    enum Rule {
        /// No client.
        case dark
        /// The clients whose network is in a share.
        case share(NetworkShare)
        /// The clients at the places of `isInside`.
        case places
    }

    /// - Parameters:
    ///   - rollout: the rollout; its part selects the clients.
    ///   - serving: the new image.
    ///   - counts: the counters of the answering thread, made for the same differences.
    ///   - stability: made for the same differences; without it answers are the same but take longer.
    package init(
        _ rollout: Rollout, _ serving: Serving, _ differences: RolloutDifferences, _ counts: RolloutCounts,
        _ stability: RolloutStability? = nil
    ) {
        self.stability = stability
        self.serving = serving
        self.differences = differences
        self.counts = counts
        switch rollout.part {
        case .dark: (rule, isInside) = (.dark, [])
        case .share(let percent): (rule, isInside) = (.share(NetworkShare(percent: percent, salt: rollout.salt)), [])
        case .places(let areas): (rule, isInside) = (.places, serving.snapshot.places.isInside(areas))
        }
    }
}

/// Both sides of a rollout as the answering thread reads them, without reference counting. Valid as long as the
/// `Serving` of the old side, which retains the candidate.
struct RolloutSides {
    let old: UnsafePointer<World>
    let new: UnsafePointer<World>
    let rule: Candidate.Rule
    /// Whether all clients get the old side.
    let isDark: Bool
    /// Whether `rule` is a share. Stored apart, so that the most frequent case is one load.
    let isShare: Bool
    let share: NetworkShare
    let isInside: UnsafePointer<Bool>
    let places: PlaceIndex
    let names: RolloutNames.Table
    let oldPairs: UnsafePointer<RolloutPair>
    let newPairs: UnsafePointer<RolloutPair>
    let oldDatacenters: UnsafePointer<Int32>
    let newDatacenters: UnsafePointer<Int32>
    let countryOfPlace: UnsafePointer<UInt16>
    let areStatesAlike: Bool
    let counts: RolloutCounts.Writer
    /// The results of `isStable` by the position of a service and the number of a list; `nil` if they are not known.
    let oldStable: UnsafePointer<UnsafePointer<Bool>?>
    let newStable: UnsafePointer<UnsafePointer<Bool>?>

    /// Allocates a value that `free` deallocates.
    static func made(_ old: UnsafePointer<World>, _ candidate: Candidate) -> UnsafePointer<RolloutSides> {
        let isInside = UnsafeMutablePointer<Bool>.allocate(capacity: max(candidate.isInside.count, 1))
        isInside.initialize(repeating: false, count: max(candidate.isInside.count, 1))
        isInside.update(from: candidate.isInside, count: candidate.isInside.count)
        let differences = candidate.differences
        let isDark = if case .dark = candidate.rule { true } else { false }
        let share: NetworkShare? = if case .share(let share) = candidate.rule { share } else { nil }
        let oldStable = stable(
            candidate.stability?.old ?? [], differences.oldPairs, differences.oldCount, candidate.serving.world)
        let newStable = stable(candidate.stability?.new ?? [], differences.newPairs, differences.newCount, old)
        let sides = UnsafeMutablePointer<RolloutSides>.allocate(capacity: 1)
        sides.initialize(
            to: RolloutSides(
                old: old, new: candidate.serving.world, rule: candidate.rule, isDark: isDark, isShare: share != nil,
                share: share ?? NetworkShare(percent: 1, salt: 0), isInside: isInside,
                places: candidate.serving.snapshot.places, names: differences.names.table,
                oldPairs: differences.oldPairs, newPairs: differences.newPairs,
                oldDatacenters: differences.oldDatacenters, newDatacenters: differences.newDatacenters,
                countryOfPlace: differences.countryOfPlace, areStatesAlike: differences.areStatesAlike,
                counts: candidate.counts.writer, oldStable: oldStable, newStable: newStable))
        return UnsafePointer(sides)
    }

    /// - Parameter other: the other side. A service that it restricts is not known to answer the same.
    private static func stable(
        _ known: [UnsafePointer<Bool>?], _ pairs: UnsafePointer<RolloutPair>, _ count: Int,
        _ other: UnsafePointer<World>
    ) -> UnsafePointer<UnsafePointer<Bool>?> {
        let stable = UnsafeMutablePointer<UnsafePointer<Bool>?>.allocate(capacity: max(count, 1))
        for position in 0..<count {
            let pair = pairs[position]
            let isKnown =
                position < known.count && pair.drawsNothing && pair.other >= 0
                && other.pointee.isUnrestricted[Int(pair.otherService)]
            (stable + position).initialize(to: isKnown ? known[position] : nil)
        }
        return UnsafePointer(stable)
    }

    static func free(_ sides: UnsafePointer<RolloutSides>) {
        sides.pointee.isInside.deallocate()
        sides.pointee.oldStable.deallocate()
        sides.pointee.newStable.deallocate()
        UnsafeMutablePointer(mutating: sides).deinitialize(count: 1)
        sides.deallocate()
    }
}
