import Geography
import Glibc
import Platform
import Routing

/// Which preference lists of either side of a rollout send all of their clients where the other side sends them, too.
///
/// Around a client of such a list the answer is the same whichever side gives it, in the whole prefix in which that list holds. So the
/// answering thread need not look the client up on the other side. It is found by a walk over all addresses, which takes a second at
/// most for a database of the whole Internet, and is not waited for.
///
/// A client of whom nothing is known may have the list of its resolver. So a list is only stable if the other side's default list has
/// none of its clients; and what is found by the default list itself is not looked up here.
package final class RolloutStability: Sendable {
    /// By the position of a service of the old side, for each list of its map; `nil` if it is not known.
    nonisolated(unsafe) let old: [UnsafePointer<Bool>?]
    /// The same of the new side.
    nonisolated(unsafe) let new: [UnsafePointer<Bool>?]
    private nonisolated(unsafe) let memory: [UnsafeMutablePointer<Bool>]
    private let differences: RolloutDifferences

    /// The number of different pairs of maps that are compared; services of others are looked up on both sides.
    private static let limit = 8

    package init(_ differences: RolloutDifferences) {
        self.differences = differences
        var memory: [UnsafeMutablePointer<Bool>] = []
        var old = [UnsafePointer<Bool>?](repeating: nil, count: differences.oldCount)
        var new = [UnsafePointer<Bool>?](repeating: nil, count: differences.newCount)
        var known: [UInt64: Set<UInt64>] = [:]
        func keep(_ count: Int) -> UnsafeMutablePointer<Bool> {
            let part = UnsafeMutablePointer<Bool>.allocate(capacity: max(count, 1))
            part.initialize(repeating: true, count: max(count, 1))
            memory.append(part)
            return part
        }
        withExtendedLifetime(differences) {
            for position in old.indices {
                let pair = differences.oldPairs[position]
                guard pair.other >= 0, pair.drawsNothing else { continue }
                let map = Int(differences.old.answers.services[position].map)
                let key = UInt64(map) << 32 | UInt64(pair.otherMap)
                guard known[key] != nil || known.count < Self.limit else { continue }
                let (before, after) = (differences.old.maps[map], differences.new.maps[Int(pair.otherMap)])
                let lists = known[key] ?? Self.pairs(before, after)
                known[key] = lists
                let (one, two) = (keep(before.lists.count), keep(after.lists.count))
                for both in lists {
                    let (first, second) = (UInt32(both >> 32), UInt32(truncatingIfNeeded: both))
                    var isStable = first != before.defaultList && second != after.defaultList
                    if isStable {
                        isStable = false
                        if let from = before.lists.onlyFirst(first), let to = after.lists.onlyFirst(second) {
                            isStable = pair.alike![from] == Int32(to)
                        }
                    }
                    if !isStable { (one[Int(first)], two[Int(second)]) = (false, false) }
                }
                old[position] = UnsafePointer(one)
                new[Int(pair.other)] = UnsafePointer(two)
            }
        }
        (self.old, self.new, self.memory) = (old, new, memory)
    }

    deinit { for part in memory { part.deallocate() } }

    /// The pairs of lists that some address has: the old list in the upper half.
    private static func pairs(_ before: CompiledMap, _ after: CompiledMap) -> Set<UInt64> {
        var pairs: Set<UInt64> = []
        var last = UInt64.max
        var steps = 0
        withUnsafePointer(to: before) { before in
            withUnsafePointer(to: after) { after in
                func length(_ client: IPAddress) -> UInt8 {
                    let one = before.locate(client, length: .max, resolver: nil)
                    let two = after.locate(client, length: .max, resolver: nil)
                    let both = UInt64(one.list) << 32 | UInt64(two.list)
                    if both != last { pairs.insert(both) }
                    last = both
                    steps &+= 1
                    // The thread that answers may wait for this core.
                    if steps & 0xfff == 0 { sched_yield() }
                    return max(one.scope, two.scope)
                }
                AddressWalk.overIPv4 { length(.v4($0)) }
                AddressWalk.overIPv6 { length(.v6($0)) }
                // Clients whose IPv4 address is left open.
                for block in IPPrefix.embeddingIPv4 {
                    let one = before.locate(block.address, length: block.length, resolver: nil)
                    let two = after.locate(block.address, length: block.length, resolver: nil)
                    pairs.insert(UInt64(one.list) << 32 | UInt64(two.list))
                }
            }
        }
        return pairs
    }
}
