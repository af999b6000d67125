import DNS
import Geography
import Routing

/// The part of an answer that a choice is for.
package enum AnswerPart {
    /// All records of a datacenter.
    case all
    /// A records.
    case ipv4
    /// AAAA records.
    case ipv6
    /// Records of all other types.
    case rest
}

/// The datacenters that one question is answered from.
package struct Choice {
    /// The most wanted first; `count` of them.
    package var datacenters: InlineArray<16, Int32> = .init(repeating: 0)
    package var count = 0
    /// The length of the prefix around the client for which the same would be chosen, from 1.
    package var scope: UInt8
    /// The number of the client's preference list.
    package var list: UInt32
    /// Picks among the addresses of a datacenter.
    var draw: RendezvousDraw
    /// Whether addresses that are down are left out; not if there is nothing but what is down.
    var respectsHealth = true
    /// The datacenter that is not available, and whose clients are spread, this one among them; -1 if it is not spread.
    package var spreadFrom: Int32 = -1
}

extension Snapshot {
    /// Chooses for a client, by the service at that position.
    ///
    /// As long as no address of the service is down, one choice holds for the whole answer. Otherwise each family, and
    /// what is no address, is chosen on its own: `body` is called for each part that has a datacenter.
    ///
    /// - Parameters:
    ///   - client: the first address of the client's subnet, of which `length` bits are known.
    ///   - resolver: the address that asks; it stands in for a client of unknown place.
    ///   - state: what the service may use for this client.
    ///   - placeScope: the length of a prefix around the client for whose clients it may use the same.
    ///   - random: any 64 bits.
    /// - Returns: all chosen datacenters together, with the narrowest of the scopes.
    @inline(__always)
    package func choose(
        _ position: Int, for client: IPAddress, length: Int, resolver: IPAddress, _ state: ServiceState,
        placeScope: UInt8, random: UInt64, _ body: (_ choice: Choice, _ part: AnswerPart) -> Void
    ) -> Choice {
        var all = choose(
            position, for: client, length: length, resolver: resolver, state,
            placeScope: placeScope, random: random, part: state.hasDownAddresses ? .rest : .all)
        guard state.hasDownAddresses else {
            body(all, .all)
            return all
        }
        let rest = all
        func add(_ part: AnswerPart) {
            // Where the datacenter has no address of a family, the client gets none from elsewhere either; an alias, above all,
            // stands alone.
            guard has(part, in: rest, position) else { return }
            var choice = choose(
                position, for: client, length: length, resolver: resolver, state, placeScope: placeScope,
                random: random, part: part)
            // Whether there is this part at all is the rest's choice.
            choice.scope = max(choice.scope, rest.scope)
            body(choice, part)
            all.add(choice)
        }
        add(.ipv4)
        add(.ipv6)
        body(rest, .rest)
        return all
    }

    /// Chooses the datacenters for one part of an answer.
    private func choose(
        _ position: Int, for client: IPAddress, length: Int, resolver: IPAddress, _ state: ServiceState,
        placeScope: UInt8, random: UInt64, part: AnswerPart
    ) -> Choice {
        let service = answers.services[position]
        // A structure's look-up would copy it.
        let (list, mapScope) = maps.withUnsafeBufferPointer { maps in
            (maps.baseAddress! + Int(service.map)).locate(client, length: length, resolver: resolver)
        }
        let map = maps[Int(service.map)]
        let scope = max(mapScope, placeScope)
        let spreads = state.isRestricted && map.lists.spreads(list)
        guard service.isSticky || !state.isSameForAll || spreads else {
            return choose(service, map, list, scope, RendezvousDraw(random: random), nil, state, part, network: nil)
                .choice
        }
        let network = ClientNetwork(client, length: length)
        let draw =
            service.isSticky
            ? RendezvousDraw(network: network.number, salt: service.salt) : RendezvousDraw(random: random)
        let spreading = spreads ? RendezvousDraw.spreading(network: network.number, salt: service.salt) : nil
        let (choice, drawn) = choose(
            service, map, list, scope, draw, spreading, state, part, network: network.number)
        guard drawn && service.isSticky || choice.spreadFrom >= 0 || !state.isSameForAll else { return choice }
        var narrowed = choice
        narrowed.scope = max(scope, network.scope)
        return narrowed
    }

    /// Chooses for a client of unknown place, while nothing is drained or down: what a zone transfer gives.
    func defaultChoice(_ position: Int) -> Choice {
        let service = answers.services[position]
        let map = maps[Int(service.map)]
        return choose(
            service, map, map.defaultList, 0, RendezvousDraw(network: 0, salt: service.salt), nil, .all, .all,
            network: nil
        ).choice
    }

    /// - Parameters:
    ///   - spreading: the draw by which clients are spread; `nil` if the list does not spread, or all of it is available.
    ///   - network: the client's network as a number; `nil` if it makes no difference.
    /// - Returns: the choice, and whether chance had a part in it or in what will be picked of it.
    private func choose(
        _ service: AnswerTable.BoundService, _ map: CompiledMap, _ list: UInt32, _ scope: UInt8, _ draw: RendezvousDraw,
        _ spreading: RendezvousDraw?, _ state: ServiceState, _ part: AnswerPart, network: UInt64?
    ) -> (choice: Choice, drawn: Bool) {
        var choice = Choice(scope: scope, list: list, draw: draw)
        let undrained = network.map(state.undrained.forNetwork) ?? state.undrained
        var drawn = false
        if part == .all {
            if let preferred = state.preferred {
                drawn = choice.take(
                    from: map, service, self, network.map(preferred.forNetwork) ?? preferred, spreading, part)
            }
            if choice.count == 0 { drawn = choice.take(from: map, service, self, undrained, spreading, part) }
            if choice.count == 0, service.answersWhenAllDown {
                drawn = choice.take(from: map, service, self, .all, spreading, part)
            }
            return (choice, drawn)
        }
        let attempts = state.attempts(for: part)
        for i in attempts.indices where i < state.certainAttempts || service.answersWhenAllDown {
            let attempt = attempts[i]
            choice.respectsHealth = attempt.respectsHealth
            drawn = choice.take(
                from: map, service, self, network.map(attempt.availability.forNetwork) ?? attempt.availability,
                spreading, part)
            if choice.count > 0 { break }
        }
        return (choice, drawn)
    }
}

extension ServiceState {
    /// Whether some datacenter may be unavailable, for some part of an answer or some client.
    fileprivate var isRestricted: Bool { hasDownAddresses || !undrained.isAll || preferred?.isAll == false }
}

extension Choice {
    /// Adds the datacenters of another part of the same answer, as far as there is room.
    fileprivate mutating func add(_ other: Choice) {
        scope = max(scope, other.scope)
        if spreadFrom < 0 { spreadFrom = other.spreadFrom }
        for i in 0..<other.count where count < 16 { addOnce(other.datacenters[i]) }
    }

    private mutating func addOnce(_ datacenter: Int32) {
        for i in 0..<count where datacenters[i] == datacenter { return }
        datacenters[count] = datacenter
        count += 1
    }

    /// Takes as many available datacenters of its list as the service spreads over.
    ///
    /// - Parameter spreading: the draw by which clients are spread; `nil` if none is.
    /// - Returns: whether chance had a part in it or in what will be picked of it.
    fileprivate mutating func take(
        from map: CompiledMap, _ service: AnswerTable.BoundService, _ snapshot: Snapshot, _ availability: Availability,
        _ spreading: RendezvousDraw?, _ part: AnswerPart
    ) -> Bool {
        var anyDrawn = false
        if let spreading {
            map.lists.forEachSpreadChoice(
                list, draw, spreading: spreading, availability,
                canAnswer: { !snapshot.answers.answers(service, $0).all.isEmpty },
                isPassed: { snapshot.answers.lacks(part, service, at: $0) },
                { add($0, $1, service, snapshot, part, &anyDrawn) })
        } else {
            map.lists.forEachChoice(list, draw, availability) { add($0, $1, service, snapshot, part, &anyDrawn) }
        }
        return anyDrawn
    }

    /// Adds a datacenter to which a list has come.
    ///
    /// - Returns: whether there is room for more.
    @inline(__always)
    private mutating func add(
        _ datacenter: Datacenter, _ reason: PreferenceListTable.Reason, _ service: AnswerTable.BoundService,
        _ snapshot: Snapshot, _ part: AnswerPart, _ anyDrawn: inout Bool
    ) -> Bool {
        // A datacenter may stand in several tiers.
        for i in 0..<count where datacenters[i] == Int32(datacenter) { return true }
        datacenters[count] = Int32(datacenter)
        count += 1
        switch reason {
        case .listed: break
        case .drawn: anyDrawn = true
        case .spread(let away): spreadFrom = Int32(away)
        }
        anyDrawn = anyDrawn || snapshot.answers.picks(part, service, of: datacenter)
        return count < Int(service.spread)
    }
}

extension Snapshot {
    /// Whether a datacenter of `choice` has addresses of a family.
    private func has(_ part: AnswerPart, in choice: Choice, _ position: Int) -> Bool {
        let service = answers.services[position]
        for i in 0..<choice.count where answers.addressCount(part, service, of: Int(choice.datacenters[i])) > 0 {
            return true
        }
        return false
    }
}

extension AnswerTable {
    /// Whether a datacenter has more addresses than an answer gives.
    fileprivate func picks(_ part: AnswerPart, _ service: BoundService, of datacenter: Int) -> Bool {
        addressCount(part, service, of: datacenter) > Int(service.pick)
    }

    /// Whether a part of an answer is a family of which a datacenter has no address.
    fileprivate func lacks(_ part: AnswerPart, _ service: BoundService, at datacenter: Int) -> Bool {
        (part == .ipv4 || part == .ipv6) && addressCount(part, service, of: datacenter) == 0
    }

    /// The number of a datacenter's addresses; of those of a family if that is meant, else of the larger family.
    fileprivate func addressCount(_ part: AnswerPart, _ service: BoundService, of datacenter: Int) -> Int {
        let answers = answers(service, datacenter)
        switch part {
        case .all: return max(answers.ipv4Range.count, answers.ipv6Range.count)
        case .ipv4: return answers.ipv4Range.count
        case .ipv6: return answers.ipv6Range.count
        case .rest: return 0
        }
    }

    /// Calls `body` with the positions of the records that a choice gives.
    func forEachRecord(
        _ service: BoundService, of choice: Choice, _ part: AnswerPart, _ state: ServiceState,
        _ body: (_ record: ReadyRecord) -> Void
    ) {
        let respectsHealth = choice.respectsHealth && state.hasDownAddresses
        for i in 0..<choice.count {
            let answers = answers(service, Int(choice.datacenters[i]))
            if part == .all || part == .ipv4 {
                forEachPicked(
                    service, answers, answers.ipv4Range, choice.draw, state, respectsHealth: respectsHealth, body)
            }
            if part == .all || part == .ipv6 {
                forEachPicked(
                    service, answers, answers.ipv6Range, choice.draw, state, respectsHealth: respectsHealth, body)
            }
            if part == .all || part == .rest { for position in answers.otherRange { body(records[position]) } }
        }
    }

    /// As many of the addresses as may be given, those with the lowest scores.
    private func forEachPicked(
        _ service: BoundService, _ answers: DatacenterAnswers, _ range: Range<Int>, _ draw: RendezvousDraw,
        _ state: ServiceState,
        respectsHealth: Bool, _ body: (ReadyRecord) -> Void
    ) {
        let pick = Int(service.pick)
        guard range.count > pick || respectsHealth else {
            for position in range { body(records[position]) }
            return
        }
        func isEligible(_ position: Int) -> Bool { !respectsHealth || !state.isDown(answers.number(position)) }
        var eligible = 0
        for position in range where isEligible(position) { eligible += 1 }
        guard eligible > pick else {
            for position in range where isEligible(position) { body(records[position]) }
            return
        }
        var last = -Double.infinity
        for _ in 0..<pick {
            var best: (score: Double, position: Int)?
            for position in range where isEligible(position) {
                let address = address(service, answers.number(position))
                let weight = state.weight(address.weight, ofAddress: answers.number(position))
                let score = draw.score(address.identity, weight: weight)
                guard score > last, score < best?.score ?? .infinity else { continue }
                best = (score, position)
            }
            guard let best else { return }
            body(records[best.position])
            last = best.score
        }
    }
}

/// The network whose clients a sticky service treats alike: /24 of IPv4, /56 of IPv6, which is what resolvers tell of their
/// clients (RFC 7871 section 11.1).
package struct ClientNetwork {
    /// Tells the network from all others.
    package let number: UInt64
    /// The length of its prefix, in the client's own family.
    let scope: UInt8

    /// The length of networks of IPv4.
    static let ipv4Scope: UInt8 = 24

    /// The number of the network of an IPv4 address.
    @inline(__always)
    static func number(of bits: UInt32) -> UInt64 { UInt64(bits >> 8) }

    /// - Parameter length: how many of the client's first bits are known.
    package init(_ client: IPAddress, length: Int = .max) {
        switch client {
        case .v4(let bits):
            number = Self.number(of: bits)
            scope = Self.ipv4Scope
        case .v6(let bits):
            if let embedded = client.embeddedIPv4, length > embedded.offset {
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

extension Choice {
    /// A datacenter that was chosen by nothing but its place in a list.
    init(only datacenter: Int) {
        self.init(scope: 1, list: 0, draw: RendezvousDraw(random: 0))
        datacenters[0] = Int32(datacenter)
        count = 1
    }
}
