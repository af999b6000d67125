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
    private let supply: Supply
    /// How many questions have been answered.
    package private(set) var questions = 0
    /// `nil` once it was called: what it holds may be large.
    private var makeFirst: (() -> Serving?)?
    private let perform: (String) -> [String]
    /// What answers are made from; `nil` before the handshake, and as long as there is none to be had.
    private var serving: Serving?
    /// What is asked of that first.
    private var world: UnsafePointer<World>?
    /// What the handshake settled on; `nil` before it.
    package private(set) var version: ABIVersion?
    private var key = NameKey()
    private var random: RandomBits
    /// The client of the last question that had one; `nil` before the first.
    private var asker: Asker?
    private var phase = Phase.own

    /// The resolver of the last question that had a client, as text: mostly it is not looked at.
    private let resolverText = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.resolverLimit)
    private var resolverLength = 0
    /// The longest address as text has 45 bytes, and one with an interface 61.
    private static let resolverLimit = 64

    /// The client that a question is answered for, and the random number of its draws.
    private struct Asker {
        let client: IPAddress
        /// The length of the prefix that `client` is the first address of.
        let clientLength: Int
        /// Whether a resolver asked for the client.
        var hasResolver = true
        /// Draws from pools.
        let random: UInt64
    }

    /// What pdns does, as far as its last questions tell.
    private enum Phase {
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
        seed: UInt64, supply: Supply, makeFirst: @escaping () -> Serving?,
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
        if supply.renew(&serving) { world = serving?.world }
        do throws(Malformation) {
            switch try Request(line, version: version) {
            case .question(let question):
                guard let world else {
                    supply.recorder.countUnserved()
                    return refuseForLackOfSnapshot(isForSOA: isSOA(line.extracting(question.type)), &reply)
                }
                do throws(Malformation) {
                    let (zone, result) = try answer(question, line, world, &reply)
                    world.pointee.counters.countQuestion(zone: zone, result)
                } catch {
                    world.pointee.counters.countQuestion(zone: nil, .refused)
                    throw error
                }
                questions += 1
                supply.count(questions)
            case .hello(let version):
                greet(version, &reply)
            case .transfer(let transfer):
                guard let serving else { return refuseForLackOfSnapshot(isForSOA: false, &reply) }
                answer(transfer, line, serving.snapshot, &reply)
            case .command(let words):
                answerCommand(line.extracting(words), &reply)
            }
        } catch {
            refuse(line, error, &reply)
        }
    }

    private mutating func greet(_ version: ABIVersion, _ reply: inout ReplyWriter) {
        reply.ok(banner: "geopipe \(geopipeVersion)")
        FaultRecord.setVersion(version)
        if let makeFirst {
            _ = reply.send()
            FaultRecord.endAnswers()
            serving = makeFirst()
            world = serving?.world
            self.makeFirst = nil
        }
        self.version = version
    }

    /// Goes on with a dialogue that another program has begun.
    package mutating func goOn(version: ABIVersion) {
        FaultRecord.setVersion(version)
        serving = makeFirst?()
        world = serving?.world
        makeFirst = nil
        self.version = version
    }

    /// How long to stay awake for the next question, in microseconds.
    package var waitMicroseconds: Int { world?.pointee.waitMicroseconds ?? 0 }

    /// Answers a line that was too long to keep.
    public mutating func answerOverlongLine(_ reply: inout ReplyWriter) {
        let nothing: [UInt8] = []
        refuse(nothing.span, .lineTooLong, &reply)
    }

    /// FAIL, and no END: that would be kept by pdns as "no such name".
    private func refuseForLackOfSnapshot(isForSOA: Bool, _ reply: inout ReplyWriter) {
        reply.log("geopipe has nothing that it can answer from; its standard error has more")
        fail(isForSOA: isForSOA, &reply)
    }

    /// After FAIL to a question for the SOA record pdns reads on until END, or until it has waited too long and kills the coprocess;
    /// to any other question it takes the END for the next answer.
    private func fail(isForSOA: Bool, _ reply: inout ReplyWriter) {
        reply.fail()
        if isForSOA { reply.end() }
    }

    private func refuse(_ line: Span<UInt8>, _ reason: Malformation, _ reply: inout ReplyWriter) {
        // Before the handshake pdns expects one line, and that begins with OK or does not.
        if version != nil { reply.log(reason.message(about: line)) }
        reply.fail()
    }
}

// MARK: - Questions

extension Session {
    /// - Returns: the position of the name's zone, if it is in one, and what became of the question.
    private mutating func answer(
        _ question: Request.Question, _ line: Span<UInt8>, _ world: UnsafePointer<World>, _ reply: inout ReplyWriter
    ) throws(Malformation) -> (zone: Int?, result: QuestionResult) {
        let (client, clientLength, isPDNS) = try client(of: question, line)
        let name = line.extracting(question.name)
        let type = RecordType(line.extracting(question.type))
        guard key.set(name) else { throw .unreadable("qname", question.name) }
        let zone = world.pointee.zones.zone(of: key, asked: question.zoneID)
        let node = zone.flatMap { world.pointee.zones.node(key, inZone: $0) }
        if let zone, node == nil {
            if world.pointee.zones.isBroken(zone) {
                fail(isForSOA: type == .soa, &reply)
                return (zone, .refused)
            }
            if type == .dname || type == .any, overflows(name, world.pointee.zones, zone) {
                reply.fail()
                return (zone, .refused)
            }
        }
        let asker: Asker?
        if isPDNS {
            asker = ownAsker(of: type, world.pointee.zones, else: client)
        } else {
            let isSame = isSameAsker(client, line.extracting(question.remoteAddress))
            asker = Asker(client: client, clientLength: clientLength, random: random.next())
            self.asker = asker
            phase =
                switch phase {
                case .apex: .clientAfterApex
                case .clientAfterApex where isSame: .clientAfterApex
                default: .client
                }
        }
        var hasRecords = false
        if isInternet(line.extracting(question.recordClass)), let type, let zone, let node {
            let zoneID = world.pointee.zones.ids[zone]
            hasRecords = write(node, zoneID, type: type, listsMarkers: !isPDNS, name, &reply)
            if let service = world.pointee.answers.service(of: node, inZone: zone) {
                let isAnswered = write(service, asker, world, node, type: type, listsMarkers: !isPDNS, name, &reply)
                hasRecords = hasRecords || isAnswered
            }
        }
        reply.end()
        return (zone, hasRecords ? .answered : .empty)
    }

    /// Whether the last question was for the same client and resolver; notes the resolver of this one.
    private mutating func isSameAsker(_ client: IPAddress, _ resolver: Span<UInt8>) -> Bool {
        let length = min(resolver.count, Self.resolverLimit)
        return resolver.withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else {
                resolverLength = 0
                return false
            }
            if length == resolverLength, memcmp(start, resolverText, length) == 0 { return asker?.client == client }
            memcpy(resolverText, start, length)
            resolverLength = length
            return false
        }
    }

    /// The resolver that asks for the client of the last question that had one; `nil` if there is none, or it cannot be read.
    private func resolver(of asker: Asker) -> IPAddress? {
        guard asker.hasResolver else { return nil }
        return IPAddress(UnsafeBufferPointer(start: resolverText, count: resolverLength).span)
    }

    /// Returns the client whose records answer pdns's own question for the name in `key`; `nil` for no client.
    ///
    /// To deny a type with a signature, pdns asks which types there are: these must be the client's, as another may have the type.
    /// Before that it reads the zone's SOA record, right after the client's questions, unless it has read it right before them. What
    /// else pdns asks without a client, such as for the target of an alias of type HTTPS, is not about the last client here: pdns may
    /// have had the answer to the client's own question from its cache.
    private mutating func ownAsker(of type: RecordType?, _ zones: ZoneTable, else client: IPAddress) -> Asker? {
        guard type == .any else {
            let isApex = type == .soa && zones.zone(key) != nil
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
            return Asker(client: client, clientLength: client.bitWidth, hasResolver: false, random: 0)
        case .own, .client:
            // Before any client, pdns may deny what a coprocess before this one has answered.
            return asker == nil
                ? Asker(client: client, clientLength: client.bitWidth, hasResolver: false, random: 0) : nil
        }
    }

    /// Counts an answer of a service, and puts it before those who look at samples.
    ///
    /// - Parameter asker: the client that it is for; `nil` if pdns asks on its own account.
    @inline(__always)
    private func count(
        _ choice: Choice, _ service: Int, _ world: UnsafePointer<World>, _ asker: Asker?, _ name: Span<UInt8>
    ) {
        for i in 0..<choice.count {
            world.pointee.counters.countAnswer(service: service, datacenter: Int(choice.datacenters[i]))
        }
        guard let asker, wantsHit(asker) else { return }
        putHit(asker, service, scope: choice.scope, name, datacenterCount: choice.count) { choice.datacenters[$0] }
    }

    @inline(__always)
    private func wantsHit(_ asker: Asker) -> Bool {
        supply.recorder.hits.wants(UInt32(truncatingIfNeeded: asker.random >> 32))
    }

    @inline(never)
    private func putHit(
        _ asker: Asker, _ service: Int, scope: UInt8, _ name: Span<UInt8>, datacenterCount: Int,
        _ datacenter: (Int) -> Int32
    ) {
        guard let serving else { return }
        supply.recorder.hits.put(
            lot: UInt32(truncatingIfNeeded: asker.random >> 32), tally: serving.snapshot.tally.number, service: service,
            client: asker.client, clientLength: asker.clientLength, resolver: resolver(of: asker) ?? asker.client,
            scope: scope,
            name: name,
            datacenterCount: datacenterCount, datacenter: datacenter)
    }

    /// Whether a DNAME record above a name, which does not exist, makes more than 255 bytes of it (RFC 6672 section 2.2).
    ///
    /// pdns asks for the name, and then for one after another of those above it. When it makes the new name, which is too
    /// long for it, pdns 4.7 leaves our END unread, and takes that for the answer to its next question, whatever that is. So it
    /// must not come that far; and pdns caches no FAIL, so that the next time it does not begin further up.
    private mutating func overflows(_ name: Span<UInt8>, _ zones: ZoneTable, _ zone: Int) -> Bool {
        // Mostly a zone has no DNAME that is long enough, which saves looking for it.
        let longest = zones.longestDNAMETarget(inZone: zone)
        guard longest > 0, case let length = wireLength(of: name), length + longest > 255 else { return false }
        defer { _ = key.set(name) }
        var start = parentStart(of: name)
        while start < name.count {
            let above = name.extracting(start..<name.count)
            var targetLength: Int?
            // Above the zone pdns does not look.
            guard key.set(above), zones.isInZone(key, zone) else { return false }
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
    /// - Parameter listsMarkers: whether a marker is authoritative. pdns leaves out of a signed denial what is not; to a
    ///   client's question that would mean a delegation.
    /// - Returns: whether there were any but markers.
    private func write(
        _ node: ZoneNode, _ zoneID: Int, type: RecordType, listsMarkers: Bool, _ name: Span<UInt8>,
        _ reply: inout ReplyWriter
    ) -> Bool {
        let version = version!
        var hasRecords = false
        node.forEachRecord(type: type) { head, text, type, isAuthoritative in
            let isMarker = type == .marker
            hasRecords = hasRecords || !isMarker
            // pdns keeps nothing that has a scope: a marker differs by who asks.
            reply.data(
                scope: isMarker ? 1 : 0, isAuthoritative: isAuthoritative && (listsMarkers || !isMarker), name: name,
                head: head, zoneID: zoneID, content: text, version: version)
        }
        return hasRecords
    }

    /// Writes the records that a service has for a client, and counts the answer.
    ///
    /// - Parameter asker: without, only what is the same for every client: that the name exists.
    /// - Returns: whether there were any records.
    @inline(__always)
    private func write(
        _ position: Int, _ asker: Asker?, _ world: UnsafePointer<World>, _ node: ZoneNode, type: RecordType,
        listsMarkers: Bool, _ name: Span<UInt8>, _ reply: inout ReplyWriter
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
                    service, asker, world, isAuthoritative, type: type, counts: listsMarkers, name, &scope, &isEmpty,
                    &reply)
            if !isDecided {
                writeChoice(
                    position, service, asker, world, isAuthoritative, type: type, counts: listsMarkers, name, &scope,
                    &isEmpty, &reply)
            }
        }
        // Without any record that has a scope, pdns would cache for all clients that there is none (but only a question
        // for all types may be answered with a type that was not asked for).
        guard isEmpty, type == .any else { return !isEmpty }
        let answers = world.pointee.answers
        write(
            answers.records[Int(service.marker)], answers, scope: scope,
            isAuthoritative: isAuthoritative && listsMarkers, name, &reply)
        return false
    }

    /// Writes the records of a client whose list begins with one datacenter, which is all that counts while nothing is drained or
    /// down.
    ///
    /// - Returns: false if more than that has to be looked at.
    @inline(__always)
    private func writeOnlyChoice(
        _ service: AnswerTable.BoundService, _ asker: Asker, _ world: UnsafePointer<World>, _ isAuthoritative: Bool,
        type: RecordType, counts: Bool, _ name: Span<UInt8>, _ scope: inout UInt8, _ isEmpty: inout Bool,
        _ reply: inout ReplyWriter
    ) -> Bool {
        let map = world.pointee.maps.baseAddress! + Int(service.map)
        let found = map.pointee.locate(asker.client, length: asker.clientLength, resolver: resolver(of: asker))
        guard let datacenter = map.pointee.lists.onlyFirst(found.list) else { return false }
        scope = found.scope
        let answers = world.pointee.answers.answers(service, datacenter)
        for position in answers.all {
            let record = world.pointee.answers.records[position]
            guard type == .any || record.type == type else { continue }
            isEmpty = false
            write(
                record, world.pointee.answers, scope: found.scope, isAuthoritative: isAuthoritative, name, &reply)
        }
        guard !isEmpty else { return true }
        world.pointee.counters.countAnswer(service: Int(service.service), datacenter: datacenter)
        if counts, wantsHit(asker) {
            putHit(asker, Int(service.service), scope: found.scope, name, datacenterCount: 1) { _ in Int32(datacenter) }
        }
        return true
    }

    /// Writes the records of what is chosen for a client, whatever that depends on.
    @inline(never)
    private func writeChoice(
        _ position: Int, _ service: AnswerTable.BoundService, _ asker: Asker, _ world: UnsafePointer<World>,
        _ isAuthoritative: Bool, type: RecordType, counts: Bool, _ name: Span<UInt8>, _ scope: inout UInt8,
        _ isEmpty: inout Bool, _ reply: inout ReplyWriter
    ) {
        guard let serving else { return }
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
                write(record, answers, scope: choice.scope, isAuthoritative: isAuthoritative, name, &reply)
            }
        }
        scope = choice.scope
        if !isEmpty { count(choice, Int(service.service), world, counts ? asker : nil, name) }
    }

    @inline(__always)
    private func write(
        _ record: AnswerTable.ReadyRecord, _ answers: AnswerTable, scope: UInt8, isAuthoritative: Bool,
        _ name: Span<UInt8>, _ reply: inout ReplyWriter
    ) {
        reply.data(
            scope: scope, isAuthoritative: isAuthoritative, name: name, tail: answers.tail(record).span,
            version: version!)
    }

    /// The client that the answer is for: the client subnet's first address if there is a subnet, and else the resolver that asks. What
    /// pdns asks by itself has no addresses and no subnet.
    private func client(
        of question: Request.Question, _ line: Span<UInt8>
    ) throws(Malformation) -> (address: IPAddress, length: Int, isPDNS: Bool) {
        if version!.hasClientSubnet {
            guard let subnet = IPPrefix(line.extracting(question.clientSubnet)) else {
                throw .unreadable("client subnet", question.clientSubnet)
            }
            // A client may ask that its address be left out of it (RFC 7871 section 7.1.2).
            if subnet.length > 0 { return (subnet.address, subnet.length, false) }
        }
        guard let resolver = IPAddress(line.extracting(question.remoteAddress)) else {
            throw .unreadable("remote address", question.remoteAddress)
        }
        return (resolver, resolver.bitWidth, version!.hasClientSubnet && resolver == .v4(0))
    }
}

private func isSOA(_ type: Span<UInt8>) -> Bool { RecordType(type) == .soa }

private func isInternet(_ recordClass: Span<UInt8>) -> Bool {
    recordClass.count == 2 && recordClass[0] | 0x20 == UInt8(ascii: "i") && recordClass[1] | 0x20 == UInt8(ascii: "n")
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
                    write(record, snapshot.answers, scope: 0, isAuthoritative: node.isAuthoritative, name, &reply)
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
