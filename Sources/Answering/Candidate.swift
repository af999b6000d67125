import Geography
import Routing
import State

/// The new side of a rollout, and which clients it answers.
public final class Candidate: Sendable {
    /// The new image, with the switches and the health in force.
    package let serving: Serving
    package let differences: RolloutDifferences
    package let counts: RolloutCounts
    /// `nil` as long as it is not known.
    let stability: RolloutStability?
    let rule: Rule
    /// By the number of a place of the new image, whether clients there get the new side; empty without places.
    let isInside: [Bool]

    /// Which clients get the new side.
    enum Rule {
        case dark
        case share(NetworkShare)
        case places
    }

    /// - Parameters:
    ///   - rollout: what is rolled out, to whom.
    ///   - serving: the new image.
    ///   - counts: where the answering thread counts; of the same differences.
    ///   - stability: of the same differences; without it answers are the same, and take longer.
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

/// Both sides of a rollout as the answering thread sees them, without references to count. It is valid as long as the serving of the
/// old side, which keeps the candidate.
struct RolloutSides {
    let old: UnsafePointer<World>
    let new: UnsafePointer<World>
    let rule: Candidate.Rule
    /// Whether all clients get the old side.
    let isDark: Bool
    /// Whether `share` decides, which is what `rule` says then.
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
    /// By the position of a service, and the number of a list, what `isStable` says; `nil` if it is not known.
    let oldStable: UnsafePointer<UnsafePointer<Bool>?>
    let newStable: UnsafePointer<UnsafePointer<Bool>?>

    /// Makes one, which `free` takes away.
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

    /// - Parameter other: the side that the services are not of: only what it does not restrict is known to be the same.
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
