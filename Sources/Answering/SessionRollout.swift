import DNS
import Geography
import PipeProtocol
import Routing
import Zones

/// A question while a rollout runs.
extension Session {
    /// Finds out which side answers a question for the name in `key`.
    @inline(never)
    mutating func takeSide(
        _ sides: UnsafePointer<RolloutSides>, _ question: Request.Question, _ line: Span<UInt8>, _ client: IPAddress,
        _ clientLength: Int, isPDNS: Bool
    ) {
        // Few names differ, and pdns asks little of its own.
        guard !isPDNS, !sides.pointee.names.mayHave(key) else {
            return takeSideOfName(sides, question, line, client, clientLength, isPDNS: isPDNS)
        }
        let (isNew, scope) = RolloutSides.find(
            sides, client, length: clientLength,
            resolver: IPAddress(line.extracting(unchecked: question.remoteAddress)))
        side = RolloutSide(isOn: true, isNew: isNew, isDark: sides.pointee.isDark, scope: scope)
    }

    /// Finds it out for a name that both sides may not answer alike, or for pdns.
    @inline(never)
    private mutating func takeSideOfName(
        _ sides: UnsafePointer<RolloutSides>, _ question: Request.Question, _ line: Span<UInt8>, _ client: IPAddress,
        _ clientLength: Int, isPDNS: Bool
    ) {
        side = RolloutSide()
        let way = sides.pointee.names.way(key)
        var (client, length) = (client, clientLength)
        if isPDNS {
            guard let asker = deniedAsker(of: line.extracting(unchecked: question.type)) else {
                // pdns must not keep what some clients do not get.
                if way == .split { side.staticScope = 1 }
                return
            }
            (client, length) = (asker.client, asker.clientLength)
        } else if way == .split || way == .old {
            RolloutSides.countDifference(sides, client, length: length, isNew: false, own: -1, other: -1)
        }
        guard way != .old else { return }
        if sides.pointee.isDark {
            side = RolloutSide(isOn: way != .split, isDark: true, isUnlike: way == .otherService)
            return
        }
        let (isNew, scope) = RolloutSides.find(
            sides, client, length: length,
            resolver: isPDNS
                ? asker.flatMap { resolver(of: $0) } : IPAddress(line.extracting(unchecked: question.remoteAddress)))
        side = RolloutSide(isOn: true, isNew: isNew, scope: scope)
        guard let way else { return }
        side.isUnlike = way != .service
        if way == .split { side.staticScope = scope }
        guard isNew, way == .service || way == .otherService else { return }
        let zones = sides.pointee.old.pointee.zones
        if let zone = zones.zone(of: key, asked: question.zoneID), let node = zones.node(key, inZone: zone) {
            sideStatics = (node, zones.pointee.ids[zone])
            side.hasStatics = true
        }
    }

    /// The client to whom pdns denies something with a signature, if that is what a question of its own is for: see `ownAsker`.
    private func deniedAsker(of type: Span<UInt8>) -> ClientContext? {
        guard RecordType(type) == .any else { return nil }
        switch phase {
        case .denial, .clientAfterApex, .apex(afterClient: true): return asker
        case .own, .client, .apex(afterClient: false): return nil
        }
    }

    /// The scope of an answer that comes from one datacenter, since nothing is drawn, drained or down; also counts if the other side
    /// answers differently.
    ///
    /// - Parameters:
    ///   - position: the position of the service on the side that answers.
    ///   - datacenter: its number there.
    ///   - scope: the length of the prefix for whose clients this side sends there.
    @inline(never)
    func sideScope(
        _ sides: UnsafePointer<RolloutSides>, _ position: Int, _ datacenter: Int, _ asker: ClientContext, counts: Bool,
        scope: UInt8
    ) -> UInt8 {
        let isNew = side.isNew
        let pair = (isNew ? sides.pointee.newPairs : sides.pointee.oldPairs) + position
        let least = side.isDark ? scope : max(scope, side.scope)
        let own = sides.pointee.common(datacenter, isNew: isNew)
        guard !side.isUnlike, pair.pointee.other >= 0 else {
            if counts {
                RolloutSides.countDifference(
                    sides, asker.client, length: asker.clientLength, isNew: isNew, own: own, other: -1)
            }
            return least
        }
        let world = isNew ? sides.pointee.old : sides.pointee.new
        let map = world.pointee.maps + Int(pair.pointee.otherMap)
        let found = map.locate(asker.client, length: asker.clientLength, resolver: resolver(of: asker))
        guard pair.pointee.drawsNothing, world.pointee.isUnrestricted[Int(pair.pointee.otherService)],
            let other = map.pointee.lists.onlyFirst(found.list)
        else {
            var choice = Choice(only: datacenter)
            choice.scope = scope
            if counts { compare(choice, sides, position, asker, resolver(of: asker) ?? asker.client) }
            return least
        }
        if pair.pointee.alike![datacenter] == Int32(other) { return side.isDark ? scope : max(scope, found.scope) }
        if counts {
            RolloutSides.countDifference(
                sides, asker.client, length: asker.clientLength, isNew: isNew, own: own,
                other: sides.pointee.common(other, isNew: !isNew))
        }
        return least
    }

    /// The scope that an answer must have at least, whatever it depends on: as long as the side is chosen by, unless both sides
    /// answer the same within a shorter prefix; and whether they do.
    @inline(never)
    func sideScope(
        _ sides: UnsafePointer<RolloutSides>, _ position: Int, _ asker: ClientContext
    ) -> (scope: UInt8, isSame: Bool) {
        let isNew = side.isNew
        let pair = (isNew ? sides.pointee.newPairs : sides.pointee.oldPairs) + position
        let different: (UInt8, Bool) = (side.isDark ? 0 : side.scope, false)
        guard !side.isUnlike, pair.pointee.other >= 0, pair.pointee.isSame else { return different }
        let (world, other) = isNew ? (sides.pointee.new, sides.pointee.old) : (sides.pointee.old, sides.pointee.new)
        let service = world.pointee.answers.services[position]
        let areUnrestricted =
            world.pointee.isUnrestricted[Int(service.service)]
            && other.pointee.isUnrestricted[Int(pair.pointee.otherService)]
        guard sides.pointee.areStatesAlike || areUnrestricted else { return different }
        let one = (world.pointee.maps + Int(service.map)).locate(
            asker.client, length: asker.clientLength, resolver: resolver(of: asker))
        let two = (other.pointee.maps + Int(pair.pointee.otherMap)).locate(
            asker.client, length: asker.clientLength, resolver: resolver(of: asker))
        guard pair.pointee.lists![Int(one.list)] == pair.pointee.otherLists![Int(two.list)] else { return different }
        return (side.isDark ? 0 : max(one.scope, two.scope), true)
    }

    /// Counts if the other side answers differently from a choice of the side that answers.
    ///
    /// - Parameter position: the position of the service on the side that answers.
    @inline(never)
    func compare(
        _ choice: Choice, _ sides: UnsafePointer<RolloutSides>, _ position: Int, _ asker: ClientContext,
        _ resolver: IPAddress
    ) {
        let isNew = side.isNew
        let pair = (isNew ? sides.pointee.newPairs : sides.pointee.oldPairs) + position
        let own = choice.count == 0 ? -1 : sides.pointee.common(Int(choice.datacenters[0]), isNew: isNew)
        guard !side.isUnlike, pair.pointee.other >= 0, let serving = isNew ? serving : serving?.candidate?.serving
        else {
            return RolloutSides.countDifference(
                sides, asker.client, length: asker.clientLength, isNew: isNew, own: own, other: -1)
        }
        let (state, placeScope) = serving.state(
            ofService: Int(pair.pointee.otherService), for: asker.client, length: asker.clientLength, resolver: resolver
        )
        let other = serving.snapshot.choose(
            Int(pair.pointee.other), for: asker.client, length: asker.clientLength, resolver: resolver, state,
            placeScope: placeScope, random: asker.random
        ) { _, _ in }
        var areSame = choice.count == other.count
        for i in 0..<min(choice.count, other.count) {
            areSame = areSame && pair.pointee.alike![Int(choice.datacenters[i])] == other.datacenters[i]
        }
        guard !areSame else { return }
        RolloutSides.countDifference(
            sides, asker.client, length: asker.clientLength, isNew: isNew, own: own,
            other: other.count == 0 ? -1 : sides.pointee.common(Int(other.datacenters[0]), isNew: !isNew))
    }
}
