import DNS
import Geography
import Routing

/// The part of an answer that a choice of datacenters applies to.
package enum AnswerPart {
    /// All records of a datacenter.
    case all
    /// A records.
    case ipv4
    /// AAAA records.
    case ipv6
    /// Records of all other types than A and AAAA.
    case rest
}

/// The datacenters that the answer to one question comes from.
package struct Choice {
    /// The first `count` elements are the datacenters, the most preferred first.
    package var datacenters: InlineArray<16, Int32> = .init(repeating: 0)
    package var count = 0
    /// The length of the prefix around the client in which every client gets the same choice, from 1.
    package var scope: UInt8
    /// The number of the client's preference list.
    package var list: UInt32
    /// Picks among the addresses of a datacenter.
    var draw: RendezvousDraw
    /// Whether addresses that are down are left out. False if all addresses are down.
    var respectsHealth = true
    /// The unavailable datacenter whose clients are spread over others, if this client is one of them; else -1.
    package var spreadFrom: Int32 = -1
}

extension Snapshot {
    /// Chooses the datacenters of a service for a client.
    ///
    /// If no address of the service is down, one choice holds for the whole answer. Otherwise IPv4 addresses, IPv6
    /// addresses and other records are chosen separately: `body` is called for each part that has a datacenter.
    ///
    /// - Parameters:
    ///   - client: the first address of the client's subnet, of which `length` bits are known.
    ///   - resolver: the address of the resolver; its place is used if the client's place is unknown.
    ///   - state: the datacenters and addresses that the service may use for this client.
    ///   - placeScope: the length of a prefix around the client in which `state` is the same for every client.
    ///   - random: any 64 bits.
    /// - Returns: all chosen datacenters, with the longest of the scopes.
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
            // If the datacenter has no address of a family, the client gets none from another datacenter either: a
            // CNAME must not get company.
            guard has(part, in: rest, position) else { return }
            var choice = choose(
                position, for: client, length: length, resolver: resolver, state, placeScope: placeScope,
                random: random, part: part)
            // The choice for the rest decides whether this part exists, so its scope counts too.
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
        // A method called on an array element would copy the structure; a pointer does not.
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

    /// Chooses for a client of unknown place while nothing is drained or down. A zone transfer contains this choice.
    func defaultChoice(_ position: Int) -> Choice {
        let service = answers.services[position]
        let map = maps[Int(service.map)]
        return choose(
            service, map, map.defaultList, 0, RendezvousDraw(network: 0, salt: service.salt), nil, .all, .all,
            network: nil
        ).choice
    }

    /// - Parameters:
    ///   - spreading: the draw that spreads clients; `nil` if the list does not spread, or all of its datacenters are
    ///     available.
    ///   - network: the client's network as a number; `nil` if it does not matter.
    /// - Returns: the choice, and whether a draw decided it or will decide which addresses are picked.
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
    /// Whether a datacenter may be unavailable for a part of an answer or for some clients.
    fileprivate var isRestricted: Bool { hasDownAddresses || !undrained.isAll || preferred?.isAll == false }
}

extension Choice {
    /// Adds the datacenters of another part of the same answer, up to 16 in all.
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

    /// Takes the first available datacenters of the list, as many as the service answers from.
    ///
    /// - Parameter spreading: the draw that spreads clients; `nil` if none are spread.
    /// - Returns: whether a draw decided it or will decide which addresses are picked.
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

    /// Adds the next datacenter of a list, unless it is already there.
    ///
    /// - Returns: whether there is room for more.
    @inline(__always)
    private mutating func add(
        _ datacenter: Datacenter, _ reason: PreferenceListTable.Reason, _ service: AnswerTable.BoundService,
        _ snapshot: Snapshot, _ part: AnswerPart, _ anyDrawn: inout Bool
    ) -> Bool {
        // A datacenter may be in several tiers.
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

    /// Whether a part of an answer is an address family, and a datacenter has no address of that family.
    fileprivate func lacks(_ part: AnswerPart, _ service: BoundService, at datacenter: Int) -> Bool {
        (part == .ipv4 || part == .ipv6) && addressCount(part, service, of: datacenter) == 0
    }

    /// Returns the number of addresses that a datacenter has: of the family that `part` names, else of the larger
    /// family.
    fileprivate func addressCount(_ part: AnswerPart, _ service: BoundService, of datacenter: Int) -> Int {
        let answers = answers(service, datacenter)
        switch part {
        case .all: return max(answers.ipv4Range.count, answers.ipv6Range.count)
        case .ipv4: return answers.ipv4Range.count
        case .ipv6: return answers.ipv6Range.count
        case .rest: return 0
        }
    }

    /// Calls `body` with each record that a choice gives.
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

    /// Calls `body` with the addresses that have the lowest scores, at most `pick` of them.
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

/// The network whose clients a sticky service treats alike: /24 for IPv4 and /56 for IPv6, the prefix lengths that
/// resolvers send (RFC 7871 section 11.1).
package struct ClientNetwork {
    /// A number that identifies the network.
    package let number: UInt64
    /// The length of its prefix, in the client's own family.
    let scope: UInt8

    /// The prefix length of IPv4 networks.
    static let ipv4Scope: UInt8 = 24

    /// Returns the number of the network of an IPv4 address.
    @inline(__always)
    static func number(of bits: UInt32) -> UInt64 { UInt64(bits >> 8) }

    /// - Parameter length: the number of leading bits of the client that are known.
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
                // These two /56 contain embedded IPv4 addresses, which draw as IPv4 networks. The rest of each /56
                // draws apart from them, by /96.
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
    /// Makes a choice of one datacenter that no draw decided.
    init(only datacenter: Int) {
        self.init(scope: 1, list: 0, draw: RendezvousDraw(random: 0))
        datacenters[0] = Int32(datacenter)
        count = 1
    }
}
