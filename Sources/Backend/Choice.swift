import Geography
import Routing
import Zones

/// The datacenters that one question is answered from.
struct Choice {
    /// The most wanted first; `count` of them.
    var datacenters: InlineArray<16, Int32> = .init(repeating: 0)
    var count = 0
    /// The length of the prefix around the client for which the same would be chosen, from 1.
    var scope: UInt8
    /// The number of the client's preference list.
    var list: UInt32
    /// Picks among the addresses of a datacenter.
    var draw: Draw
    /// Whether addresses that are down are left out; not if there is nothing but what is down.
    var heedsHealth = true
}

extension Snapshot {
    /// Chooses for a client, by the service at that position.
    ///
    /// - Parameters:
    ///   - resolver: who asks, and stands in for a client of whom nothing is known.
    ///   - random: any 64 bits.
    func choose(
        _ position: Int, for client: IPAddress, resolver: IPAddress, _ state: ServiceState, random: UInt64
    ) -> Choice {
        let service = services[position]
        let map = maps[service.map]
        let (list, scope) = map.locate(client, resolver: resolver)
        guard service.isSticky || !state.isSameForAll else {
            return choose(service, map, list, scope, Draw(random: random), state, network: nil).choice
        }
        let network = ClientNetwork(client)
        let draw = service.isSticky ? Draw(network: network.number, salt: service.salt) : Draw(random: random)
        let (choice, drawn) = choose(service, map, list, scope, draw, state, network: network.number)
        guard drawn && service.isSticky || !state.isSameForAll else { return choice }
        var narrowed = choice
        narrowed.scope = max(scope, network.scope)
        return narrowed
    }

    /// What is chosen for those who are nowhere, for those who ask for a whole zone and not for themselves.
    func defaultChoice(_ position: Int) -> Choice {
        let service = services[position]
        let map = maps[service.map]
        return choose(service, map, map.defaultList, 0, Draw(network: 0, salt: service.salt), .all, network: nil).choice
    }

    /// - Parameter network: tells the client's network from others; `nil` if that makes no difference.
    /// - Returns: the choice, and whether chance had a part in it or in what will be picked of it.
    private func choose(
        _ service: BoundService, _ map: CompiledMap, _ list: UInt32, _ scope: UInt8, _ draw: Draw,
        _ state: ServiceState, network: UInt64?
    ) -> (choice: Choice, drawn: Bool) {
        var choice = Choice(scope: scope, list: list, draw: draw)
        var drawn = choice.take(from: map, service, network.map(state.available.forNetwork) ?? state.available)
        if choice.count == 0, service.answersWhenAllDown {
            drawn = choice.takeInSpite(of: state, from: map, service, network: network ?? 0)
        }
        return (choice, drawn)
    }
}

extension Choice {
    /// Takes what is best where nothing is available.
    ///
    /// - Returns: as `take` does.
    fileprivate mutating func takeInSpite(
        of state: ServiceState, from map: CompiledMap, _ service: Snapshot.BoundService, network: UInt64
    ) -> Bool {
        // What an operator has said counts for more than what was found out.
        heedsHealth = false
        var drawn = take(from: map, service, state.undrained.forNetwork(network))
        guard count == 0 else { return drawn }
        heedsHealth = true
        drawn = take(from: map, service, state.up)
        guard count == 0 else { return drawn }
        heedsHealth = false
        return take(from: map, service, .all)
    }

    /// Takes as many available datacenters of its list as the service spreads over.
    ///
    /// - Returns: whether chance had a part in it or in what will be picked of it.
    fileprivate mutating func take(
        from map: CompiledMap, _ service: Snapshot.BoundService, _ availability: Availability
    ) -> Bool {
        var anyDrawn = false
        map.lists.forEachChoice(list, draw, availability) { datacenter, drawn in
            // A datacenter may stand in several tiers.
            for i in 0..<count where datacenters[i] == Int32(datacenter) { return true }
            datacenters[count] = Int32(datacenter)
            count += 1
            anyDrawn = anyDrawn || drawn || service.answers.mostAddresses(of: datacenter) > service.pick
            return count < service.spread
        }
        return anyDrawn
    }
}

extension Snapshot.BoundService {
    /// Calls `body` with the positions of the records that a choice gives, in the store.
    func forEachRecord(of choice: Choice, _ state: ServiceState, _ body: (_ position: Int32) -> Void) {
        let heedsHealth = choice.heedsHealth && state.hasDownAddresses
        for i in 0..<choice.count {
            let records = answers[Int(choice.datacenters[i])]
            forEachPicked(records.ipv4, choice.draw, state, heedsHealth: heedsHealth, body)
            forEachPicked(records.ipv6, choice.draw, state, heedsHealth: heedsHealth, body)
            for position in records.others { body(position) }
        }
    }

    /// As many of the addresses as may be given, those with the lowest scores.
    private func forEachPicked(
        _ group: ServiceAnswers.AddressGroup, _ draw: Draw, _ state: ServiceState, heedsHealth: Bool,
        _ body: (Int32) -> Void
    ) {
        guard group.records.count > pick || heedsHealth else {
            for position in group.records { body(position) }
            return
        }
        var eligible = 0
        for position in group.records where isEligible(position, of: group, state, heedsHealth) { eligible += 1 }
        guard eligible > pick else {
            for position in group.records where isEligible(position, of: group, state, heedsHealth) { body(position) }
            return
        }
        var last = -Double.infinity
        for _ in 0..<pick {
            var best: (score: Double, position: Int32)?
            for position in group.records where isEligible(position, of: group, state, heedsHealth) {
                let address = answers.address(position, of: group)
                let score = draw.score(address.identity, weight: address.weight)
                guard score > last, score < best?.score ?? .infinity else { continue }
                best = (score, position)
            }
            guard let best else { return }
            body(best.position)
            last = best.score
        }
    }

    /// Whether an address may be given.
    private func isEligible(
        _ position: Int32, of group: ServiceAnswers.AddressGroup, _ state: ServiceState, _ heedsHealth: Bool
    ) -> Bool { !heedsHealth || !state.isDown(answers.number(position, of: group)) }
}

/// The network whose clients a sticky service treats alike: /24 of IPv4, /56 of IPv6, which is what resolvers tell of their
/// clients (RFC 7871 section 11.1).
struct ClientNetwork {
    /// Tells the network from all others.
    let number: UInt64
    /// The length of its prefix, in the client's own family.
    let scope: UInt8

    init(_ client: IPAddress) {
        switch client {
        case .v4(let bits):
            number = UInt64(bits >> 8)
            scope = 24
        case .v6(let bits):
            if let embedded = client.embeddedIPv4 {
                number = UInt64(embedded.address >> 8)
                scope = UInt8(24 + embedded.offset)
            } else if bits >> 72 == 0 || bits >> 72 == 0x64_ff9b_0000_00 {
                // These two /56 have IPv4 addresses in them, which draw as the networks that they are: their neighbours
                // must not speak for them.
                number = UInt64(truncatingIfNeeded: bits >> 32) | 1 << 63
                scope = 96
            } else {
                number = UInt64(truncatingIfNeeded: bits >> 72) | 1 << 63
                scope = 56
            }
        }
    }
}
