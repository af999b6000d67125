import DNS
import Geography
import PipeProtocol
import Routing
import Zones

/// Questions while a rollout runs.
extension Session {
    /// Determines which side answers a question about the name in `key`.
    @inline(never)
    mutating func chooseSide(
        of sides: UnsafePointer<RolloutSides>, question: Request.Question, line: Span<UInt8>, client: IPAddress,
        clientLength: Int, isPDNS: Bool
    ) {
        // Few names differ, and pdns asks few questions of its own.
        guard !isPDNS, !sides.pointee.names.mayHave(key) else {
            return chooseSideOfName(
                of: sides, question: question, line: line, client: client, clientLength: clientLength, isPDNS: isPDNS)
        }
        let (isNew, scope) = RolloutSides.find(
            sides, client, length: clientLength,
            resolver: IPAddress(line.extracting(unchecked: question.remoteAddress)))
        side = RolloutSide(isOn: true, isNew: isNew, isDark: sides.pointee.isDark, scope: scope)
    }

    /// Determines the side for a name that may differ, or for a question of pdns's own.
    @inline(never)
    private mutating func chooseSideOfName(
        of sides: UnsafePointer<RolloutSides>, question: Request.Question, line: Span<UInt8>, client: IPAddress,
        clientLength: Int, isPDNS: Bool
    ) {
        side = RolloutSide()
        let source = sides.pointee.names.source(of: key)
        var (client, length) = (client, clientLength)
        if isPDNS {
            guard let context = clientOfDenial(of: line.extracting(unchecked: question.type)) else {
                // A scope keeps pdns from caching records that some clients do not get.
                if source == .split { side.staticScope = 1 }
                return
            }
            (client, length) = (context.client, context.clientLength)
        } else if source == .split || source == .old {
            RolloutSides.countDifference(sides, client, length: length, isNew: false, own: -1, other: -1)
        }
        guard source != .old else { return }
        if sides.pointee.isDark {
            side = RolloutSide(isOn: source != .split, isDark: true, hasOtherService: source == .otherService)
            return
        }
        let (isNew, scope) = RolloutSides.find(
            sides, client, length: length,
            resolver: isPDNS
                ? lastClient.flatMap { resolver(of: $0) }
                : IPAddress(line.extracting(unchecked: question.remoteAddress)))
        side = RolloutSide(isOn: true, isNew: isNew, scope: scope)
        guard let source else { return }
        side.hasOtherService = source != .service
        if source == .split { side.staticScope = scope }
        guard isNew, source == .service || source == .otherService else { return }
        let zones = sides.pointee.old.pointee.zones
        if let zone = zones.zone(of: key, asked: question.zoneID), let node = zones.node(key, inZone: zone) {
            oldStatics = (node, zones.pointee.ids[zone])
            side.hasStatics = true
        }
    }

    /// Returns the client for which pdns signs a denial, if that is the reason for its own question; see
    /// `clientOfOwnQuestion`.
    private func clientOfDenial(of type: Span<UInt8>) -> ClientContext? {
        guard RecordType(type) == .any else { return nil }
        switch phase {
        case .denial, .clientAfterApex, .apex(afterClient: true): return lastClient
        case .own, .client, .apex(afterClient: false): return nil
        }
    }

    /// Returns the scope of an answer that comes from one datacenter, while nothing is drawn, drained or down. Counts
    /// the question if the other side answers differently.
    ///
    /// - Parameters:
    ///   - datacenter: its number on the side that answers.
    ///   - position: the position of the service there.
    ///   - counts: whether to count the question.
    ///   - scope: the length of the prefix in which this side sends every client there.
    @inline(never)
    func onlyChoiceScope(
        of datacenter: Int, service position: Int, sides: UnsafePointer<RolloutSides>, context: ClientContext,
        counts: Bool, scope: UInt8
    ) -> UInt8 {
        let isNew = side.isNew
        let pair = (isNew ? sides.pointee.newPairs : sides.pointee.oldPairs) + position
        let least = side.isDark ? scope : max(scope, side.scope)
        let own = sides.pointee.common(datacenter, isNew: isNew)
        guard !side.hasOtherService, pair.pointee.other >= 0 else {
            if counts {
                RolloutSides.countDifference(
                    sides, context.client, length: context.clientLength, isNew: isNew, own: own, other: -1)
            }
            return least
        }
        let world = isNew ? sides.pointee.old : sides.pointee.new
        let map = world.pointee.maps + Int(pair.pointee.otherMap)
        let found = map.locate(context.client, length: context.clientLength, resolver: resolver(of: context))
        guard pair.pointee.drawsNothing, world.pointee.isUnrestricted[Int(pair.pointee.otherService)],
            let other = map.pointee.lists.onlyFirst(found.list)
        else {
            var choice = Choice(only: datacenter)
            choice.scope = scope
            if counts {
                compare(
                    choice, service: position, sides: sides, context: context,
                    resolver: resolver(of: context) ?? context.client)
            }
            return least
        }
        if pair.pointee.alike![datacenter] == Int32(other) { return side.isDark ? scope : max(scope, found.scope) }
        if counts {
            RolloutSides.countDifference(
                sides, context.client, length: context.clientLength, isNew: isNew, own: own,
                other: sides.pointee.common(other, isNew: !isNew))
        }
        return least
    }

    /// Returns the minimum scope of an answer, and whether both sides answer the same. If they do, the scope is the
    /// longer one of both sides; otherwise it is the length of the prefix that selects the side.
    @inline(never)
    func leastScope(
        service position: Int, sides: UnsafePointer<RolloutSides>, context: ClientContext
    ) -> (scope: UInt8, isSame: Bool) {
        let isNew = side.isNew
        let pair = (isNew ? sides.pointee.newPairs : sides.pointee.oldPairs) + position
        let different: (UInt8, Bool) = (side.isDark ? 0 : side.scope, false)
        guard !side.hasOtherService, pair.pointee.other >= 0, pair.pointee.isSame else { return different }
        let (world, other) = isNew ? (sides.pointee.new, sides.pointee.old) : (sides.pointee.old, sides.pointee.new)
        let service = world.pointee.answers.services[position]
        let areUnrestricted =
            world.pointee.isUnrestricted[Int(service.service)]
            && other.pointee.isUnrestricted[Int(pair.pointee.otherService)]
        guard sides.pointee.areStatesAlike || areUnrestricted else { return different }
        let one = (world.pointee.maps + Int(service.map)).locate(
            context.client, length: context.clientLength, resolver: resolver(of: context))
        let two = (other.pointee.maps + Int(pair.pointee.otherMap)).locate(
            context.client, length: context.clientLength, resolver: resolver(of: context))
        guard pair.pointee.lists![Int(one.list)] == pair.pointee.otherLists![Int(two.list)] else { return different }
        return (side.isDark ? 0 : max(one.scope, two.scope), true)
    }

    /// Counts the question if the other side's choice differs from that of the answering side.
    ///
    /// - Parameter position: the position of the service on the side that answers.
    @inline(never)
    func compare(
        _ choice: Choice, service position: Int, sides: UnsafePointer<RolloutSides>, context: ClientContext,
        resolver: IPAddress
    ) {
        let isNew = side.isNew
        let pair = (isNew ? sides.pointee.newPairs : sides.pointee.oldPairs) + position
        let own = choice.count == 0 ? -1 : sides.pointee.common(Int(choice.datacenters[0]), isNew: isNew)
        guard !side.hasOtherService, pair.pointee.other >= 0,
            let serving = isNew ? serving : serving?.candidate?.serving
        else {
            return RolloutSides.countDifference(
                sides, context.client, length: context.clientLength, isNew: isNew, own: own, other: -1)
        }
        let (state, placeScope) = serving.state(
            ofService: Int(pair.pointee.otherService), for: context.client, length: context.clientLength,
            resolver: resolver
        )
        let other = serving.snapshot.choose(
            service: Int(pair.pointee.other), for: context.client, length: context.clientLength, resolver: resolver,
            state: state, placeScope: placeScope, random: context.random
        ) { _, _ in }
        var areSame = choice.count == other.count
        for i in 0..<min(choice.count, other.count) {
            areSame = areSame && pair.pointee.alike![Int(choice.datacenters[i])] == other.datacenters[i]
        }
        guard !areSame else { return }
        RolloutSides.countDifference(
            sides, context.client, length: context.clientLength, isNew: isNew, own: own,
            other: other.count == 0 ? -1 : sides.pointee.common(Int(other.datacenters[0]), isNew: !isNew))
    }
}
