import DNS
import Geography
import PipeProtocol
import Routing
import Zones

/// The side of a rollout that answers one question.
///
/// Invariant: an answer is the same for all clients in the prefix of its scope. Two rules ensure it.
/// 1. Each side has a scope for the client. In the prefix of the longer scope, each side sends all clients to one
///    list. If both sides answer the same there, either may answer, and the longer scope is right.
/// 2. Otherwise the scope is at least as long as the prefix that selects the side: the network that is hashed, or the
///    prefix around the client in which all clients have the same place.
struct RolloutSide {
    /// Whether a rollout runs and affects the question's name.
    var isOn = false
    /// Whether the new side answers.
    var isNew = false
    /// Whether all clients get the old side, so that no scope grows.
    var isDark = false
    /// Whether the two sides have different services at the name, so that no answers can be assumed equal.
    var hasOtherService = false
    /// The length of the prefix around the client in which all clients get this side, at least 1.
    var scope: UInt8 = 1
    /// Whether `Session.oldStatics` replaces the static records.
    var hasStatics = false
    /// The scope of static records; 0 if they are the same for all clients.
    var staticScope: UInt8 = 0
}

extension RolloutSides {
    /// Returns whether a client gets the new side, and the length of the prefix around it in which all clients get
    /// the same side.
    ///
    /// - Parameter resolver: evaluated only if the rule selects by place and the client's place is unknown.
    @inline(__always)
    static func find(
        _ sides: UnsafePointer<RolloutSides>, _ client: IPAddress, length: Int, resolver: @autoclosure () -> IPAddress?
    ) -> (isNew: Bool, scope: UInt8) {
        switch sides.pointee.rule {
        case .dark: return (false, 1)
        case .share(let share):
            let network = ClientNetwork(client, length: length)
            return (share.contains(network.number), network.scope)
        case .places:
            var (place, scope) = sides.pointer(to: \.places)!.lookup(client, length: length)
            if place == 0, let resolver = resolver() { place = self.place(sides, of: resolver) }
            return (sides.pointee.isInside[Int(place)], scope)
        }
    }

    @inline(never)
    private static func place(_ sides: UnsafePointer<RolloutSides>, of resolver: IPAddress) -> UInt32 {
        sides.pointer(to: \.places)!.lookup(resolver, length: .max).number
    }

    /// Returns whether both sides give all clients of a list the same answer, so that the list's scope is right for
    /// both.
    ///
    /// - Parameters:
    ///   - position: the position of the service on that side.
    ///   - hasOtherService: whether the name has another service on the other side.
    @inline(__always)
    func isStable(list: UInt32, ofService position: Int, isNew: Bool, hasOtherService: Bool) -> Bool {
        guard !hasOtherService, let stable = (isNew ? newStable : oldStable)[position] else { return false }
        return stable[Int(list)]
    }

    /// Returns the common number of a datacenter of one side.
    @inline(__always)
    func common(_ datacenter: Int, isNew: Bool) -> Int {
        Int(isNew ? newDatacenters[datacenter] : oldDatacenters[datacenter])
    }

    /// Counts a client that the two sides answer differently.
    ///
    /// - Parameters:
    ///   - own: the common number of the datacenter of the side that answers; -1 for none.
    ///   - other: the common number of the other side's.
    @inline(never)
    static func countDifference(
        _ sides: UnsafePointer<RolloutSides>, _ client: IPAddress, length: Int, isNew: Bool, own: Int, other: Int
    ) {
        let place = Int(sides.pointer(to: \.places)!.lookup(client, length: length).number)
        sides.pointee.counts.countDifference(
            country: Int(sides.pointee.countryOfPlace[place]), from: isNew ? other : own, to: isNew ? own : other)
    }
}
