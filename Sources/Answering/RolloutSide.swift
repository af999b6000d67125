import DNS
import Geography
import PipeProtocol
import Routing
import Zones

/// The side of a rollout that answers one question.
///
/// What must hold: an answer is the same for all clients in the prefix of its scope. Two rules give that.
/// 1. Around a client, within the longer of the two scopes that both sides have for it, each side sends all clients to one list. If both
///    sides answer the same there, it does not matter which one answers, and the longer of both scopes is right.
/// 2. Otherwise the scope is at least as long as the prefix that the side is chosen by: the network that is hashed, or the prefix
///    around the client in which all have its place.
struct RolloutSide {
    /// Whether a rollout runs that the question's name is a part of.
    var isOn = false
    /// Whether the new side answers.
    var isNew = false
    /// Whether no scope is narrowed, as all clients get the old side.
    var isDark = false
    /// Whether the service of the name is another one on both sides, so that nothing is known to be the same.
    var isUnlike = false
    /// The length of the prefix around the client in which all clients get this side, at least 1.
    var scope: UInt8 = 1
    /// Whether `sideStatics` counts.
    var hasStatics = false
    /// The scope of static records; 0 if they are the same for all clients.
    var staticScope: UInt8 = 0
}

extension RolloutSides {
    /// Whether a client gets the new side, and the length of the prefix around it in which all clients get the same side.
    ///
    /// - Parameter resolver: asked for only if the place of the client counts, and is not known.
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

    /// Whether both sides answer all clients of a list of one side alike, so that the list's scope is right for both.
    ///
    /// - Parameters:
    ///   - position: of the service, on that side.
    ///   - isUnlike: whether the name has another service on the other side.
    @inline(__always)
    func isStable(_ position: Int, list: UInt32, isNew: Bool, _ isUnlike: Bool) -> Bool {
        guard !isUnlike, let stable = (isNew ? newStable : oldStable)[position] else { return false }
        return stable[Int(list)]
    }

    /// The common number of a datacenter of one side.
    @inline(__always)
    func common(_ datacenter: Int, isNew: Bool) -> Int {
        Int(isNew ? newDatacenters[datacenter] : oldDatacenters[datacenter])
    }

    /// Counts that both sides answer a client differently.
    ///
    /// - Parameters:
    ///   - own: the common number of the datacenter of the side that answers; -1 for none.
    ///   - other: that of the other side's.
    @inline(never)
    static func countDifference(
        _ sides: UnsafePointer<RolloutSides>, _ client: IPAddress, length: Int, isNew: Bool, own: Int, other: Int
    ) {
        let place = Int(sides.pointer(to: \.places)!.lookup(client, length: length).number)
        sides.pointee.counts.countDifference(
            country: Int(sides.pointee.countryOfPlace[place]), from: isNew ? other : own, to: isNew ? own : other)
    }
}
