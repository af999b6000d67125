import Geography
import Glibc
import Platform
import Routing

/// The stable preference lists of a rollout: the other side sends all clients of such a list to the same datacenter.
///
/// Either side gives a client of a stable list the same answer, in the whole prefix in which the list holds. So the
/// answering thread need not look up the client on the other side. A walk over all addresses finds the stable lists.
/// It takes a second at most for a database of the whole Internet, and no answer waits for it.
///
/// An unknown client may get the list of its resolver. So a list is stable only if none of its clients has the other
/// side's default list, and the default lists themselves are never stable.
package final class RolloutStability: Sendable {
    /// Whether each list of a service's map is stable, by the position of the service on the old side; `nil` if it is
    /// not known.
    nonisolated(unsafe) let old: [UnsafePointer<Bool>?]
    /// The same for the new side.
    nonisolated(unsafe) let new: [UnsafePointer<Bool>?]
    private nonisolated(unsafe) let memory: [UnsafeMutablePointer<Bool>]
    private let differences: RolloutDifferences

    /// The maximum number of pairs of maps to compare. Clients of services with other maps are looked up on both
    /// sides.
    private static let limit = 8

    /// Finds the stable lists of both images. It walks over all addresses, which takes up to a second.
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

    /// Returns the pairs of lists that any address has, with the old list in the upper half.
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
                    // The answering thread may be waiting for this core.
                    if steps & 0xfff == 0 { sched_yield() }
                    return max(one.scope, two.scope)
                }
                AddressWalk.overIPv4 { length(.v4($0)) }
                AddressWalk.overIPv6 { length(.v6($0)) }
                // Clients that embed an IPv4 address of which no bits are known.
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
