import DNS
import Geography
import Glibc
import PipeProtocol
import Platform
import Routing
import Telemetry
import Zones

/// One dialogue with pdns: what has been agreed, and the answer to every line.
public struct Session: ~Copyable {
    private let supply: ServingMailbox
    /// How many questions have been answered.
    package private(set) var questions = 0
    /// `nil` once it was called: what it holds may be large.
    private var makeFirst: (() -> Serving?)?
    private let perform: (String) -> [String]
    /// What answers are made from; `nil` before the handshake, and as long as there is none to be had.
    private(set) var serving: Serving?
    /// Both sides of a rollout; `nil` if none runs.
    private var sides: UnsafePointer<RolloutSides>?
    /// Which of them answers the question.
    var side = RolloutSide()
    /// Takes the place of the records at the name, while a rollout runs: the old side's, and the zone's id there.
    var sideStatics: (node: ZoneNode, zoneID: Int)?
    /// What is asked of that first.
    private var world: UnsafePointer<World>?
    /// What the handshake settled on; `nil` before it.
    package private(set) var version: ABIVersion?
    private(set) var key = NameKey()
    private var random: RandomBits
    /// The client of the last question that had one; `nil` before the first.
    private(set) var asker: ClientContext?
    private(set) var phase = Phase.own

    /// The resolver of the last question that had a client, as text: mostly it is not looked at.
    private let resolverText = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.resolverLimit)
    private var resolverLength = 0
    /// The longest address as text has 45 bytes, and one with an interface 61.
    private static let resolverLimit = 64

    /// The client that a question is answered for, and the random number of its draws.
    struct ClientContext {
        let client: IPAddress
        /// The length of the prefix that `client` is the first address of.
        let clientLength: Int
        /// Whether a resolver asked for the client.
        var hasResolver = true
        /// Draws from pools.
        let random: UInt64
    }

    /// What pdns does, as far as its last questions tell.
    enum Phase {
        /// It has asked something of its own.
        case own
        /// It has asked for the SOA record of a zone, and before that for a client or not.
        case apex(afterClient: Bool)
        /// It asks for a client, right after the SOA record of the zone: it need not read that again to deny something.
        case clientAfterApex
        /// It asks for a client.
        case client
        /// It denies something with a signature to the client that it asked for last.
        case denial
    }

    /// - Parameters:
    ///   - seed: begins the random numbers that draw from pools.
    ///   - supply: has later ones than the first.
    ///   - makeFirst: makes the first to answer from. It is called when pdns has been greeted: pdns waits 2 seconds
    ///     for the greeting, by default, and all coprocesses start at once. Without it every question fails.
    ///   - perform: carries a command out, and says what came of it.
    public init(
        seed: UInt64, supply: ServingMailbox, makeFirst: @escaping () -> Serving?,
        perform: @escaping (_ command: String) -> [String] = { ["unknown command '\($0)'"] }
    ) {
        random = RandomBits(seed: seed)
        self.supply = supply
        self.makeFirst = makeFirst
        self.perform = perform
    }

    deinit { resolverText.deallocate() }

    /// Answers one line, given without its end.
    public mutating func answer(_ line: Span<UInt8>, _ reply: inout ReplyWriter) {
        if supply.renew(&serving) { adopt() }
        do throws(RequestError) {
            guard let version, Request.isQuestion(line) else { return try answerOther(line, &reply) }
            let question = try Request.Question(line, version: version)
            guard var world else { return refuseForLackOfSnapshot(line.extracting(unchecked: question.type), &reply) }
            guard
                let (client, clientLength, isPDNS) = Self.client(
                    line.extracting(unchecked: question.clientSubnet),
                    line.extracting(unchecked: question.remoteAddress),
                    version),
                key.set(line.extracting(unchecked: question.name))
            else { throw unreadable(line, question, version) }
            if let sides {
                // As most questions are.
                if case .v4(let bits) = client, !isPDNS, sides.pointee.isShare, !sides.pointee.names.mayHave(key) {
                    side = RolloutSide(
                        isOn: true, isNew: sides.pointee.share.contains(ClientNetwork.number(of: bits)),
                        scope: ClientNetwork.ipv4Scope)
                } else {
                    takeSide(sides, question, line, client, clientLength, isPDNS: isPDNS)
                }
                if side.isNew { world = sides.pointee.new }
            }
            var zone = world.pointee.zones.zone(of: key, asked: question.zoneID)
            var node = zone.flatMap { world.pointee.zones.node(key, inZone: $0) }
            if side.isNew, node == nil {
                // The old image does not have the name either, and says so.
                (zone, node) = takeOldSide(&world, zoneID: question.zoneID)
            }
            let result = answer(
                question, line, version, world, client, clientLength, isPDNS: isPDNS, zone: zone, node: node, &reply)
            world.pointee.counters.countQuestion(zone: zone, result)
            // Names that do not exist are the old side's alone. An empty answer counts as refused: it is what a side gives that has
            // lost something.
            if let sides, !isPDNS, node != nil || result == .refused {
                sides.pointee.counts.countAnswer(isNew: side.isNew, isRefused: result != .answered)
            }
            questions &+= 1
            supply.count(questions)
        } catch {
            refuse(line, error, &reply)
        }
    }

    /// Answers a line that is no question.
    @inline(never)
    private mutating func answerOther(_ line: Span<UInt8>, _ reply: inout ReplyWriter) throws(RequestError) {
        switch try Request(line, version: version) {
        case .question:
            // Without a tab after the first byte it has too few fields.
            throw .unknownRequest
        case .hello(let version):
            greet(version, &reply)
        case .transfer(let transfer):
            guard let serving else { return failForLackOfSnapshot(isForSOA: false, &reply) }
            sendAnswers(before: line, &reply)
            answer(transfer, line, serving.snapshot, &reply)
            sendAnswers(&reply)
        case .command(let words):
            sendAnswers(before: line, &reply)
            answerCommand(line.extracting(words), &reply)
            sendAnswers(&reply)
        }
    }

    /// Sends what was answered before a line that must stand alone, since it must not be answered twice: its answer may leave in pieces,
    /// or it does something.
    private func sendAnswers(before line: Span<UInt8>, _ reply: inout ReplyWriter) {
        guard !reply.isEmpty else { return }
        sendAnswers(&reply)
        line.withUnsafeBufferPointer { CrashRecord.beginAnswer($0) }
    }

    private func sendAnswers(_ reply: inout ReplyWriter) {
        _ = reply.send()
        CrashRecord.endAnswers()
    }

    @inline(never)
    private mutating func greet(_ version: ABIVersion, _ reply: inout ReplyWriter) {
        reply.ok(banner: "geopipe \(geopipeVersion)")
        CrashRecord.setVersion(version)
        if let makeFirst {
            sendAnswers(&reply)
            serving = makeFirst()
            adopt()
            self.makeFirst = nil
        }
        self.version = version
    }

    /// Goes on with a dialogue that another program has begun.
    package mutating func goOn(version: ABIVersion) {
        CrashRecord.setVersion(version)
        serving = makeFirst?()
        adopt()
        makeFirst = nil
        self.version = version
    }

    /// Answers from what `serving` is now.
    private mutating func adopt() {
        world = serving?.world
        sides = serving?.sides
        side = RolloutSide()
        sideStatics = nil
    }

    /// How long to stay awake for the next question, in microseconds.
    package var waitMicroseconds: Int { world?.pointee.waitMicroseconds ?? 0 }

    /// Answers a line that was too long to keep.
    public mutating func answerOverlongLine(_ reply: inout ReplyWriter) {
        let nothing: [UInt8] = []
        refuse(nothing.span, .lineTooLong, &reply)
    }

    /// Refuses a question of a type.
    @inline(never)
    private func refuseForLackOfSnapshot(_ type: Span<UInt8>, _ reply: inout ReplyWriter) {
        supply.recorder.countUnserved()
        failForLackOfSnapshot(isForSOA: isSOA(type), &reply)
    }

    /// FAIL, and no END: that would be kept by pdns as "no such name".
    @inline(never)
    private func failForLackOfSnapshot(isForSOA: Bool, _ reply: inout ReplyWriter) {
        reply.log("geopipe has nothing that it can answer from; its standard error has more")
        fail(isForSOA: isForSOA, &reply)
    }

    /// After FAIL to a question for the SOA record pdns reads on until END, or until it has waited too long and kills the coprocess;
    /// to any other question it takes the END for the next answer.
    @inline(never)
    private func fail(isForSOA: Bool, _ reply: inout ReplyWriter) {
        reply.fail()
        if isForSOA { reply.end() }
    }

    @inline(never)
    private func refuse(_ line: Span<UInt8>, _ reason: RequestError, _ reply: inout ReplyWriter) {
        // Before the handshake pdns expects one line, and that begins with OK or does not.
        if version != nil { reply.log(reason.message(about: line)) }
        reply.fail()
    }
}

// MARK: - Questions

extension Session {
    /// Answers a question for the name in `key`.
    ///
    /// - Parameter zone: the position of the name's zone, if it is in one.
    @inline(__always)
    private mutating func answer(
        _ question: Request.Question, _ line: Span<UInt8>, _ version: ABIVersion, _ world: UnsafePointer<World>,
        _ client: IPAddress, _ clientLength: Int, isPDNS: Bool, zone: Int?, node: ZoneNode?,
        _ reply: inout ReplyWriter
    ) -> QuestionResult {
        let name = line.extracting(unchecked: question.name)
        let type = RecordType(line.extracting(unchecked: question.type))
        if let zone, node == nil, refuses(name, type, world.pointee.zones, zone, &reply) { return .refused }
        let asker: ClientContext?
        if isPDNS {
            asker = ownAsker(of: type, world.pointee.zones, else: client)
        } else {
            notePhase(client, line.extracting(unchecked: question.remoteAddress))
            asker = ClientContext(client: client, clientLength: clientLength, random: random.next())
            self.asker = asker
        }
        var hasRecords = false
        if isInternet(line.extracting(unchecked: question.recordClass)), let type, let zone, let node {
            if side.hasStatics, let statics = sideStatics {
                hasRecords = Self.write(
                    statics.node, statics.zoneID, scope: 0, type: type, listsMarkers: !isPDNS, name, version, &reply)
            } else if node.hasRecords {
                let zoneID = world.pointee.zones.pointee.ids[zone]
                hasRecords = Self.write(
                    node, zoneID, scope: side.staticScope, type: type, listsMarkers: !isPDNS, name, version, &reply)
            }
            if let service = world.pointee.answers.service(of: node, inZone: zone) {
                let isAnswered = write(
                    service, asker, world, node, type: type, listsMarkers: !isPDNS, name, version, &reply)
                hasRecords = hasRecords || isAnswered
            }
        }
        reply.end()
        return hasRecords ? .answered : .empty
    }

    /// Has the old side answer the question for the name in `key`, and finds the name there.
    @inline(never)
    private mutating func takeOldSide(
        _ world: inout UnsafePointer<World>, zoneID: Int
    ) -> (zone: Int?, node: ZoneNode?) {
        side = RolloutSide()
        guard let sides else { return (nil, nil) }
        world = sides.pointee.old
        let zone = world.pointee.zones.zone(of: key, asked: zoneID)
        return (zone, zone.flatMap { [world] in world.pointee.zones.node(key, inZone: $0) })
    }

    /// Notes that a client asks, and its resolver.
    @inline(__always)
    private mutating func notePhase(_ client: IPAddress, _ resolver: Span<UInt8>) {
        switch phase {
        case .apex:
            phase = .clientAfterApex
        case .clientAfterApex:
            // So it stays for the same client and resolver.
            guard !isLastResolver(resolver) || asker?.client != client else { return }
            phase = .client
        case .own, .client, .denial:
            phase = .client
        }
        noteResolver(resolver)
    }

    /// Whether the last question that had a client was of this resolver.
    private func isLastResolver(_ resolver: Span<UInt8>) -> Bool {
        guard min(resolver.count, Self.resolverLimit) == resolverLength else { return false }
        return resolver.withUnsafeBytes { text in
            text.baseAddress.map { areEqual($0, resolverText, count: resolverLength) } ?? false
        }
    }

    /// Keeps the text of a resolver's address.
    @inline(__always)
    private mutating func noteResolver(_ resolver: Span<UInt8>) {
        let length = min(resolver.count, Self.resolverLimit)
        resolverLength = length
        resolver.withUnsafeBytes { text in
            guard let start = text.baseAddress else { return }
            let target = UnsafeMutableRawPointer(resolverText)
            if 8...16 ~= length {
                // As most are. The second word ends with the last byte.
                target.storeBytes(of: start.loadUnaligned(as: UInt64.self), as: UInt64.self)
                target.storeBytes(
                    of: start.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self),
                    toByteOffset: length &- 8, as: UInt64.self)
            } else {
                target.copyMemory(from: start, byteCount: length)
            }
        }
    }

    /// The resolver that asks for the client of the last question that had one; `nil` if there is none, or it cannot be read.
    @inline(__always)
    func resolver(of asker: ClientContext) -> IPAddress? {
        guard asker.hasResolver else { return nil }
        return IPAddress(UnsafeBufferPointer(start: resolverText, count: resolverLength).span)
    }

    /// Does as `resolver(of:)` does, and notes that it was called.
    @inline(__always)
    private func resolver(of asker: ClientContext, isAsked: inout Bool) -> IPAddress? {
        isAsked = true
        return resolver(of: asker)
    }

    /// Returns the client whose records answer pdns's own question for the name in `key`; `nil` for no client.
    ///
    /// To deny a type with a signature, pdns asks which types there are: these must be the client's, as another may have the type.
    /// Before that it reads the zone's SOA record, right after the client's questions, unless it has read it right before them. What
    /// else pdns asks without a client, such as for the target of an alias of type HTTPS, is not about the last client here: pdns may
    /// have had the answer to the client's own question from its cache.
    @inline(never)
    private mutating func ownAsker(of type: RecordType?, _ zones: UnsafePointer<ZoneTable>, else client: IPAddress)
        -> ClientContext?
    {
        guard type == .any else {
            let isApex = type == .soa && zones.pointee.zone(key) != nil
            phase =
                switch phase {
                case _ where !isApex: .own
                case .client, .clientAfterApex: .apex(afterClient: true)
                default: .apex(afterClient: false)
                }
            return nil
        }
        switch phase {
        case .denial, .clientAfterApex, .apex(afterClient: true):
            phase = .denial
            return asker
        case .apex(afterClient: false):
            // pdns has had from its cache that there is no such name, and denies that.
            return ClientContext(client: client, clientLength: client.bitWidth, hasResolver: false, random: 0)
        case .own, .client:
            // Before any client, pdns may deny what a coprocess before this one has answered.
            return asker == nil
                ? ClientContext(client: client, clientLength: client.bitWidth, hasResolver: false, random: 0) : nil
        }
    }

    /// Counts an answer of a service, and puts it before those who look at samples.
    ///
    /// - Parameter asker: the client that it is for; `nil` if pdns asks on its own account.
    @inline(__always)
    private mutating func count(
        _ choice: Choice, _ service: Int, _ world: UnsafePointer<World>, _ asker: ClientContext?, scope: UInt8,
        _ name: Span<UInt8>
    ) {
        for i in 0..<choice.count {
            world.pointee.counters.countAnswer(service: service, datacenter: Int(choice.datacenters[i]))
        }
        guard let asker, wantsHit(asker) else { return }
        putHit(asker, service, scope: scope, name, datacenterCount: choice.count) { choice.datacenters[$0] }
    }

    @inline(__always)
    private func wantsHit(_ asker: ClientContext) -> Bool {
        supply.recorder.hits.wants(UInt32(truncatingIfNeeded: asker.random >> 32))
    }

    @inline(never)
    private mutating func putHit(
        _ asker: ClientContext, _ service: Int, scope: UInt8, _ name: Span<UInt8>, datacenterCount: Int,
        _ datacenter: (Int) -> Int32
    ) {
        guard let serving = side.isNew ? serving?.candidate?.serving : serving else { return }
        supply.recorder.hits.put(
            lot: UInt32(truncatingIfNeeded: asker.random >> 32), tally: serving.snapshot.tally.number, service: service,
            client: asker.client, clientLength: asker.clientLength, resolver: resolver(of: asker) ?? asker.client,
            scope: scope,
            name: name,
            datacenterCount: datacenterCount, datacenter: datacenter)
    }

    /// Refuses a question for a name that does not exist, if "no such name" would be wrong.
    @inline(never)
    private mutating func refuses(
        _ name: Span<UInt8>, _ type: RecordType?, _ zones: UnsafePointer<ZoneTable>, _ zone: Int,
        _ reply: inout ReplyWriter
    ) -> Bool {
        if zones.pointee.isBroken(zone) {
            fail(isForSOA: type == .soa, &reply)
            return true
        }
        guard type == .dname || type == .any, overflows(name, zones, zone) else { return false }
        reply.fail()
        return true
    }

    /// Whether a DNAME record above a name, which does not exist, makes more than 255 bytes of it (RFC 6672 section 2.2).
    ///
    /// pdns asks for the name, and then for one after another of those above it. When it makes the new name, which is too
    /// long for it, pdns 4.7 leaves our END unread, and takes that for the answer to its next question, whatever that is. So it
    /// must not come that far; and pdns caches no FAIL, so that the next time it does not begin further up.
    @inline(never)
    private mutating func overflows(_ name: Span<UInt8>, _ zones: UnsafePointer<ZoneTable>, _ zone: Int) -> Bool {
        // Mostly a zone has no DNAME that is long enough, which saves looking for it.
        let longest = zones.pointee.longestDNAMETarget(inZone: zone)
        guard longest > 0, case let length = wireLength(of: name), length + longest > 255 else { return false }
        defer { _ = key.set(name) }
        var start = parentStart(of: name)
        while start < name.count {
            let above = name.extracting(start..<name.count)
            var targetLength: Int?
            // Above the zone pdns does not look.
            guard key.set(above), zones.pointee.isInZone(key, zone) else { return false }
            zones.node(key, inZone: zone)?.forEachRecord(type: .dname) { _, target, _, _ in
                targetLength = wireLength(of: target)
            }
            if let targetLength { return length - wireLength(of: above) + targetLength > 255 }
            start += parentStart(of: above)
        }
        return false
    }

    /// Writes the records that are the same for every client.
    ///
    /// - Parameters:
    ///   - scope: 0, or the length of the prefix that they are the same for while a rollout runs.
    ///   - listsMarkers: whether a marker is authoritative. pdns leaves out of a signed denial what is not; to a
    ///     client's question that would mean a delegation.
    /// - Returns: whether there were any but markers.
    @inline(never)
    private static func write(
        _ node: ZoneNode, _ zoneID: Int, scope: UInt8, type: RecordType, listsMarkers: Bool, _ name: Span<UInt8>,
        _ version: ABIVersion, _ reply: inout ReplyWriter
    ) -> Bool {
        var hasRecords = false
        node.forEachRecord(type: type) { head, text, type, isAuthoritative in
            let isMarker = type == .marker
            hasRecords = hasRecords || !isMarker
            // pdns keeps nothing that has a scope: a marker differs by who asks.
            reply.data(
                scope: isMarker ? max(1, scope) : scope,
                isAuthoritative: isAuthoritative && (listsMarkers || !isMarker), name: name,
                head: head, zoneID: zoneID, content: text, version: version)
        }
        return hasRecords
    }

    /// Writes the records that a service has for a client, and counts the answer.
    ///
    /// - Parameter asker: without, only what is the same for every client: that the name exists.
    /// - Returns: whether there were any records.
    @inline(__always)
    private mutating func write(
        _ position: Int, _ asker: ClientContext?, _ world: UnsafePointer<World>, _ node: ZoneNode, type: RecordType,
        listsMarkers: Bool, _ name: Span<UInt8>, _ version: ABIVersion, _ reply: inout ReplyWriter
    ) -> Bool {
        let service = world.pointee.answers.services[position]
        let isAuthoritative = node.isAuthoritative
        var isEmpty = true
        // Any scope but 0 keeps pdns from caching the marker.
        var scope: UInt8 = 1
        if let asker {
            let isDecided =
                service.drawsNothing && world.pointee.isUnrestricted[Int(service.service)]
                && writeOnlyChoice(
                    position, service, asker, world, isAuthoritative, type: type, counts: listsMarkers, name, version,
                    &scope,
                    &isEmpty, &reply)
            if !isDecided {
                writeChoice(
                    position, asker, world, isAuthoritative, type: type, counts: listsMarkers, name, version,
                    &scope, &isEmpty, &reply)
            }
        }
        // Without any record that has a scope, pdns would cache for all clients that there is none (but only a question
        // for all types may be answered with a type that was not asked for).
        guard isEmpty, type == .any else { return !isEmpty }
        Self.write(
            world.pointee.answers.records[Int(service.marker)], world, scope: scope,
            isAuthoritative: isAuthoritative && listsMarkers, name, version, &reply)
        return false
    }

    /// Writes the records of a client whose list begins with one datacenter, which is all that counts while nothing is drained or
    /// down.
    ///
    /// - Returns: false if more than that has to be looked at.
    @inline(__always)
    private mutating func writeOnlyChoice(
        _ position: Int, _ service: AnswerTable.BoundService, _ asker: ClientContext, _ world: UnsafePointer<World>,
        _ isAuthoritative: Bool, type: RecordType, counts: Bool, _ name: Span<UInt8>, _ version: ABIVersion,
        _ scope: inout UInt8, _ isEmpty: inout Bool, _ reply: inout ReplyWriter
    ) -> Bool {
        let map = world.pointee.maps + Int(service.map)
        var isByDefault = false
        let found = map.locate(
            asker.client, length: asker.clientLength, resolver: resolver(of: asker, isAsked: &isByDefault))
        guard let datacenter = map.pointee.lists.onlyFirst(found.list) else { return false }
        scope = found.scope
        if side.isOn, let sides,
            isByDefault || !sides.pointee.isStable(position, list: found.list, isNew: side.isNew, side.isUnlike)
        {
            scope = sideScope(sides, position, datacenter, asker, counts: counts, scope: found.scope)
        }
        let answers = world.pointee.answers.answers(service, datacenter)
        for position in answers.all {
            let record = world.pointee.answers.records[position]
            guard type == .any || record.type == type else { continue }
            isEmpty = false
            Self.write(record, world, scope: scope, isAuthoritative: isAuthoritative, name, version, &reply)
        }
        guard !isEmpty else { return true }
        world.pointee.counters.countAnswer(service: Int(service.service), datacenter: datacenter)
        if counts, wantsHit(asker) {
            putHit(asker, Int(service.service), scope: scope, name, datacenterCount: 1) { _ in Int32(datacenter) }
        }
        return true
    }

    /// Writes the records of what is chosen for a client, whatever that depends on.
    @inline(never)
    private mutating func writeChoice(
        _ position: Int, _ asker: ClientContext, _ world: UnsafePointer<World>, _ isAuthoritative: Bool,
        type: RecordType,
        counts: Bool, _ name: Span<UInt8>, _ version: ABIVersion, _ scope: inout UInt8, _ isEmpty: inout Bool,
        _ reply: inout ReplyWriter
    ) {
        guard let serving = side.isNew ? serving?.candidate?.serving : serving else { return }
        var (least, isSame): (UInt8, Bool) = (0, true)
        if side.isOn, let sides { (least, isSame) = sideScope(sides, position, asker) }
        let service = world.pointee.answers.services[position]
        let resolver = resolver(of: asker) ?? asker.client
        let (state, placeScope) = serving.state(
            ofService: Int(service.service), for: asker.client, length: asker.clientLength, resolver: resolver)
        let answers = world.pointee.answers
        let choice = serving.snapshot.choose(
            position, for: asker.client, length: asker.clientLength, resolver: resolver, state,
            placeScope: placeScope, random: asker.random
        ) { choice, part in
            answers.forEachRecord(service, of: choice, part, state) { record in
                guard type == .any || record.type == type else { return }
                isEmpty = false
                Self.write(
                    record, world, scope: max(choice.scope, least), isAuthoritative: isAuthoritative, name, version,
                    &reply)
            }
        }
        scope = max(choice.scope, least)
        if !isEmpty { count(choice, Int(service.service), world, counts ? asker : nil, scope: scope, name) }
        if counts, !isSame, let sides { compare(choice, sides, position, asker, resolver) }
    }

    @inline(__always)
    private static func write(
        _ record: AnswerTable.ReadyRecord, _ world: UnsafePointer<World>, scope: UInt8, isAuthoritative: Bool,
        _ name: Span<UInt8>, _ version: ABIVersion, _ reply: inout ReplyWriter
    ) {
        reply.data(
            scope: scope, isAuthoritative: isAuthoritative, name: name, tail: world.pointee.answers.tail(record).span,
            version: version)
    }

    /// The client that the answer is for: the client subnet's first address if there is a subnet, and else the resolver that asks. What
    /// pdns asks by itself has no addresses and no subnet. `nil` if it cannot be read.
    @inline(__always)
    private static func client(
        _ clientSubnet: Span<UInt8>, _ remoteAddress: Span<UInt8>, _ version: ABIVersion
    ) -> (address: IPAddress, length: Int, isPDNS: Bool)? {
        if version.hasClientSubnet {
            guard let subnet = IPPrefix(clientSubnet) else { return nil }
            // A client may ask that its address be left out of it (RFC 7871 section 7.1.2).
            if subnet.length > 0 { return (subnet.address, subnet.length, false) }
        }
        guard let resolver = IPAddress(remoteAddress) else { return nil }
        return (resolver, resolver.bitWidth, version.hasClientSubnet && resolver == .v4(0))
    }

    /// Counts a question of which the client or the name cannot be read, and says which.
    @inline(never)
    private func unreadable(_ line: Span<UInt8>, _ question: Request.Question, _ version: ABIVersion) -> RequestError {
        world?.pointee.counters.countQuestion(zone: nil, .refused)
        let (clientSubnet, remoteAddress) = (
            line.extracting(question.clientSubnet), line.extracting(question.remoteAddress)
        )
        guard Self.client(clientSubnet, remoteAddress, version) == nil else {
            return .unreadable("qname", question.name)
        }
        return version.hasClientSubnet && IPPrefix(clientSubnet) == nil
            ? .unreadable("client subnet", question.clientSubnet)
            : .unreadable("remote address", question.remoteAddress)
    }
}

private func isSOA(_ type: Span<UInt8>) -> Bool { RecordType(type) == .soa }

@inline(__always)
private func isInternet(_ recordClass: Span<UInt8>) -> Bool {
    recordClass.count == 2 && recordClass[unchecked: 0] | 0x20 == UInt8(ascii: "i")
        && recordClass[unchecked: 1] | 0x20 == UInt8(ascii: "n")
}

// MARK: - Transfers and commands

extension Session {
    private mutating func answer(
        _ transfer: Request.Transfer, _ line: Span<UInt8>, _ snapshot: Snapshot, _ reply: inout ReplyWriter
    ) {
        guard let zone = zone(of: transfer, line, snapshot) else {
            reply.log("asked to transfer a zone that is not there")
            return reply.fail()
        }
        guard !snapshot.zones.isBroken(zone) else { return reply.fail() }
        let version = version!
        let zoneID = snapshot.zones.ids[zone]
        snapshot.zones.forEachNode(inZone: zone) { node in
            node.withName { name in
                node.forEachRecord(type: .any) { head, text, type, isAuthoritative in
                    guard type != .marker else { return }
                    reply.data(
                        scope: 0, isAuthoritative: isAuthoritative, name: name, head: head, zoneID: zoneID,
                        content: text, version: version)
                }
                guard let position = snapshot.answers.service(of: node, inZone: zone) else { return }
                let choice = snapshot.defaultChoice(position)
                snapshot.answers.forEachRecord(snapshot.answers.services[position], of: choice, .all, .all) { record in
                    reply.data(
                        scope: 0, isAuthoritative: node.isAuthoritative, name: name,
                        tail: snapshot.answers.tail(record).span, version: version)
                }
            }
        }
        reply.end()
    }

    /// The position of the zone: by its name where there is one, else by its id.
    private mutating func zone(of transfer: Request.Transfer, _ line: Span<UInt8>, _ snapshot: Snapshot) -> Int? {
        if !transfer.zone.isEmpty {
            return key.set(line.extracting(transfer.zone)) ? snapshot.zones.zone(key) : nil
        }
        return snapshot.zones.ids.zone(transfer.zoneID)
    }

    /// Commands always end with END: pdns reads on until then, even after FAIL.
    private func answerCommand(_ words: Span<UInt8>, _ reply: inout ReplyWriter) {
        let command = String(decoding: words.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
        for line in perform(command) { reply.line(line) }
        reply.end()
    }
}
