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
    /// The numbers of the chosen datacenters, the most preferred first: the first `count` elements.
    package var datacenters: InlineArray<16, Int32> = .init(repeating: 0)
    /// The number of chosen datacenters, 0...16.
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
    /// Chooses the datacenters of a service for a client, for all parts of the answer.
    ///
    /// If no address of the service is down, one choice holds for the whole answer. Otherwise IPv4 addresses, IPv6
    /// addresses and other records are chosen separately: `body` is called for each part that has a datacenter.
    ///
    /// - Parameters:
    ///   - position: the position of the service in `answers.services`.
    ///   - client: the first address of the client's subnet, of which `length` bits are known.
    ///   - resolver: the address of the resolver; its place is used if the client's place is unknown.
    ///   - state: the datacenters and addresses that the service may use for this client.
    ///   - placeScope: the length of a prefix around the client in which `state` is the same for every client.
    ///   - random: any 64 bits.
    /// - Returns: all chosen datacenters, with the longest of the scopes.
    @inline(__always)
    package func choose(
        service position: Int, for client: IPAddress, length: Int, resolver: IPAddress, state: ServiceState,
        placeScope: UInt8, random: UInt64, _ body: (_ choice: Choice, _ part: AnswerPart) -> Void
    ) -> Choice {
        var all = choosePart(
            state.hasDownAddresses ? .rest : .all, service: position, for: client, length: length, resolver: resolver,
            state: state, placeScope: placeScope, random: random)
        guard state.hasDownAddresses else {
            body(all, .all)
            return all
        }
        let rest = all
        func add(_ part: AnswerPart) {
            // If the datacenter has no address of a family, the client gets none from another datacenter either: a
            // CNAME must not get company.
            guard has(part, in: rest, service: position) else { return }
            var choice = choosePart(
                part, service: position, for: client, length: length, resolver: resolver, state: state,
                placeScope: placeScope, random: random)
            // The choice for the rest decides whether this part exists, so its scope counts, too.
            choice.scope = max(choice.scope, rest.scope)
            body(choice, part)
            all.merge(choice)
        }
        add(.ipv4)
        add(.ipv6)
        body(rest, .rest)
        return all
    }

    /// Chooses the datacenters for one part of an answer: finds the client's list, makes the draws, and takes the first
    /// usable datacenters of the list.
    private func choosePart(
        _ part: AnswerPart, service position: Int, for client: IPAddress, length: Int, resolver: IPAddress,
        state: ServiceState, placeScope: UInt8, random: UInt64
    ) -> Choice {
        let service = answers.services[position]
        // Finds the client's list. A method called on an array element would copy the map; a pointer does not.
        let (list, mapScope) = maps.withUnsafeBufferPointer { maps in
            (maps.baseAddress! + Int(service.map)).locate(client, length: length, resolver: resolver)
        }
        let map = maps[Int(service.map)]
        let scope = max(mapScope, placeScope)
        let spreads = state.isRestricted && map.lists.spreads(list)
        guard service.isSticky || !state.isSameForAll || spreads else {
            return firstUsable(
                of: service, map: map, list: list, scope: scope, draw: RendezvousDraw(random: random), spreading: nil,
                state: state, part: part, network: nil
            ).choice
        }
        let network = ClientNetwork(client, length: length)
        let draw =
            service.isSticky
            ? RendezvousDraw(network: network.number, salt: service.salt) : RendezvousDraw(random: random)
        let spreading = spreads ? RendezvousDraw.spreading(network: network.number, salt: service.salt) : nil
        let (choice, drawn) = firstUsable(
            of: service, map: map, list: list, scope: scope, draw: draw, spreading: spreading, state: state, part: part,
            network: network.number)
        guard drawn && service.isSticky || choice.spreadFrom >= 0 || !state.isSameForAll else { return choice }
        var narrowed = choice
        narrowed.scope = max(scope, network.scope)
        return narrowed
    }

    /// Chooses for a client of unknown place while nothing is drained or down. A zone transfer contains this choice.
    ///
    /// - Parameter position: the position of the service in `answers.services`.
    func defaultChoice(service position: Int) -> Choice {
        let service = answers.services[position]
        let map = maps[Int(service.map)]
        return firstUsable(
            of: service, map: map, list: map.defaultList, scope: 0,
            draw: RendezvousDraw(network: 0, salt: service.salt), spreading: nil, state: .all, part: .all, network: nil
        ).choice
    }

    /// Chooses the first usable datacenters of a list. If none is up, it tries datacenters that are short of their
    /// quorum, then all, in the order of `ServiceState.attempts(for:)`.
    ///
    /// - Parameters:
    ///   - scope: the scope of the choice.
    ///   - draw: the draw among the members of a tier, and among the addresses of a datacenter.
    ///   - spreading: the draw that spreads clients; `nil` if the list does not spread, or all of its datacenters are
    ///     available.
    ///   - network: the client's network as a number; `nil` if it does not matter.
    /// - Returns: the choice, and whether a draw decided it or will decide which addresses are picked.
    private func firstUsable(
        of service: AnswerTable.BoundService, map: CompiledMap, list: UInt32, scope: UInt8, draw: RendezvousDraw,
        spreading: RendezvousDraw?, state: ServiceState, part: AnswerPart, network: UInt64?
    ) -> (choice: Choice, drawn: Bool) {
        var choice = Choice(scope: scope, list: list, draw: draw)
        let undrained = network.map(state.undrained.forNetwork) ?? state.undrained
        var drawn = false
        if part == .all {
            if let preferred = state.preferred {
                drawn = choice.take(
                    from: map, service: service, in: self, available: network.map(preferred.forNetwork) ?? preferred,
                    spreading: spreading, part: part)
            }
            if choice.count == 0 {
                drawn = choice.take(
                    from: map, service: service, in: self, available: undrained, spreading: spreading, part: part)
            }
            if choice.count == 0, service.answersWhenAllDown {
                drawn = choice.take(
                    from: map, service: service, in: self, available: .all, spreading: spreading, part: part)
            }
            return (choice, drawn)
        }
        let attempts = state.attempts(for: part)
        for i in attempts.indices where i < state.certainAttempts || service.answersWhenAllDown {
            let attempt = attempts[i]
            choice.respectsHealth = attempt.respectsHealth
            drawn = choice.take(
                from: map, service: service, in: self,
                available: network.map(attempt.availability.forNetwork) ?? attempt.availability, spreading: spreading,
                part: part)
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
    fileprivate mutating func merge(_ other: Choice) {
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
        from map: CompiledMap, service: AnswerTable.BoundService, in snapshot: Snapshot,
        available availability: Availability, spreading: RendezvousDraw?, part: AnswerPart
    ) -> Bool {
        var anyDrawn = false
        if let spreading {
            map.lists.forEachSpreadChoice(
                list, draw, spreading: spreading, availability,
                canAnswer: { !snapshot.answers.answers(service, $0).all.isEmpty },
                isPassed: { snapshot.answers.lacks(part, of: service, in: $0) },
                { add($0, reason: $1, service: service, in: snapshot, part: part, &anyDrawn) })
        } else {
            map.lists.forEachChoice(list, draw, availability) {
                add($0, reason: $1, service: service, in: snapshot, part: part, &anyDrawn)
            }
        }
        return anyDrawn
    }

    /// Adds the next datacenter of a list, unless it is already there.
    ///
    /// - Returns: whether there is room for more.
    @inline(__always)
    private mutating func add(
        _ datacenter: Datacenter, reason: PreferenceListTable.Reason, service: AnswerTable.BoundService,
        in snapshot: Snapshot, part: AnswerPart, _ anyDrawn: inout Bool
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
        anyDrawn = anyDrawn || snapshot.answers.picks(part, of: service, in: datacenter)
        return count < Int(service.spread)
    }
}

extension Snapshot {
    /// Whether a datacenter of `choice` has addresses of a family.
    private func has(_ part: AnswerPart, in choice: Choice, service position: Int) -> Bool {
        let service = answers.services[position]
        for i in 0..<choice.count where answers.addressCount(part, of: service, in: Int(choice.datacenters[i])) > 0 {
            return true
        }
        return false
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
