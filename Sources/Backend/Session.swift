import Geography
import PipeProtocol
import Routing
import Telemetry
import Zones

/// One dialogue with pdns: what has been agreed, and the answer to every line.
public struct Session: ~Copyable {
    private let supply: Supply
    /// How many questions have been answered.
    private(set) var questions = 0
    /// `nil` once it was called: what it holds may be large.
    private var makeFirst: (() -> Serving?)?
    private let perform: (String) -> [String]
    /// What answers are made from; `nil` before the handshake, and as long as there is none to be had.
    private var serving: Serving?
    /// What the handshake settled on; `nil` before it.
    private(set) var version: ABIVersion?
    private var key = NameKey()
    private var random: RandomBits
    /// The client of the last question that had one; `nil` before the first.
    private var asker: Asker?
    private var phase = Phase.own

    /// The client that a question is answered for, and the random number of its draws.
    private struct Asker {
        let client: IPAddress
        /// The length of the prefix that `client` is the first address of.
        let clientLength: Int
        let resolver: IPAddress
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

    /// Answers one line, given without its end.
    public mutating func answer(_ line: Span<UInt8>, _ reply: inout ReplyWriter) {
        supply.renew(&serving)
        do throws(Malformation) {
            switch try Request(line, version: version) {
            case .question(let question):
                guard let serving else {
                    supply.recorder.countUnserved()
                    return refuseForLackOfSnapshot(&reply)
                }
                do throws(Malformation) {
                    let (zone, result) = try answer(question, line, serving, &reply)
                    serving.snapshot.counters.countQuestion(zone: zone, result)
                } catch {
                    serving.snapshot.counters.countQuestion(zone: nil, .refused)
                    throw error
                }
                questions += 1
                supply.count(questions)
            case .hello(let version):
                greet(version, &reply)
            case .transfer(let transfer):
                guard let serving else { return refuseForLackOfSnapshot(&reply) }
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
        FaultGuard.setVersion(version)
        if let makeFirst {
            _ = reply.send()
            FaultGuard.endAnswers()
            serving = makeFirst()
            self.makeFirst = nil
        }
        self.version = version
    }

    /// Goes on with a dialogue that another program has begun.
    ///
    /// - Parameter loads: whether the first to answer from is to be made now; else it comes by the supply.
    mutating func goOn(version: ABIVersion, loads: Bool) {
        FaultGuard.setVersion(version)
        if loads { serving = makeFirst?() }
        makeFirst = nil
        self.version = version
    }

    /// How long to stay awake for the next question, in microseconds.
    var waitMicroseconds: Int { serving?.snapshot.waitMicroseconds ?? 0 }

    /// Whether there is something to answer from.
    mutating func canAnswer() -> Bool {
        supply.renew(&serving)
        return serving != nil
    }

    /// Answers a line that was too long to keep.
    public mutating func answerOverlongLine(_ reply: inout ReplyWriter) {
        let nothing: [UInt8] = []
        refuse(nothing.span, .lineTooLong, &reply)
    }

    /// FAIL, and no END: that would be kept by pdns as "no such name".
    private func refuseForLackOfSnapshot(_ reply: inout ReplyWriter) {
        reply.log("geopipe has nothing that it can answer from; its standard error has more")
        reply.fail()
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
        _ question: Request.Question, _ line: Span<UInt8>, _ serving: Serving, _ reply: inout ReplyWriter
    ) throws(Malformation) -> (zone: Int?, result: QuestionResult) {
        let snapshot = serving.snapshot
        let (client, clientLength, resolver, isPDNS) = try addresses(of: question, line)
        let name = line.extracting(question.name)
        let type = RecordType(line.extracting(question.type))
        guard key.set(name) else { throw .unreadable("qname", question.name) }
        let zone = snapshot.zones.zone(of: key, asked: question.zoneID)
        let node = zone.flatMap { snapshot.zones.node(key, inZone: $0) }
        if let zone, node == nil, type == .dname || type == .any, overflows(name, snapshot, zone) {
            reply.fail()
            return (zone, .refused)
        }
        let asker: Asker?
        if isPDNS {
            asker = ownAsker(of: type, snapshot.zones, else: client)
        } else {
            let isSame = self.asker.map { $0.client == client && $0.resolver == resolver } ?? false
            asker = Asker(client: client, clientLength: clientLength, resolver: resolver, random: random.next())
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
            let zoneID = snapshot.zones.ids[zone]
            hasRecords = write(node, zoneID, type: type, listsMarkers: !isPDNS, name, &reply)
            if let service = snapshot.service(of: node, inZone: zone) {
                let isAnswered = write(
                    service, asker, serving, node, zoneID, type: type, listsMarkers: !isPDNS, name, &reply)
                hasRecords = hasRecords || isAnswered
            }
        }
        reply.end()
        return (zone, hasRecords ? .answered : .empty)
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
            return Asker(client: client, clientLength: client.bitWidth, resolver: client, random: 0)
        case .own, .client:
            // Before any client, pdns may deny what a coprocess before this one has answered.
            return asker == nil
                ? Asker(client: client, clientLength: client.bitWidth, resolver: client, random: 0) : nil
        }
    }

    /// Counts an answer of a service, and puts it before those who look at samples.
    ///
    /// - Parameter asker: the client that it is for; `nil` if pdns asks on its own account.
    @inline(__always)
    private func count(_ choice: Choice, _ service: Int, _ snapshot: Snapshot, _ asker: Asker?, _ name: Span<UInt8>) {
        let configured = snapshot.services[service].service
        for i in 0..<choice.count {
            snapshot.counters.countAnswer(service: configured, datacenter: Int(choice.datacenters[i]))
        }
        guard let asker, case let lot = UInt32(truncatingIfNeeded: asker.random >> 32), supply.recorder.hits.wants(lot)
        else { return }
        supply.recorder.hits.put(
            lot: lot, tally: snapshot.tally.number, service: configured, client: asker.client,
            clientLength: asker.clientLength,
            resolver: asker.resolver, scope: choice.scope, name: name, datacenterCount: choice.count
        ) { choice.datacenters[$0] }
    }

    /// Whether a DNAME record above a name, which does not exist, makes more than 255 bytes of it (RFC 6672 section 2.2).
    ///
    /// pdns asks for the name, and then for one after another of those above it. When it makes the new name, which is too
    /// long for it, pdns 4.7 leaves our END unread, and takes that for the answer to its next question, whatever that is. So it
    /// must not come that far; and pdns caches no FAIL, so that the next time it does not begin further up.
    private mutating func overflows(_ name: Span<UInt8>, _ snapshot: Snapshot, _ zone: Int) -> Bool {
        // Mostly a zone has no DNAME that is long enough, which saves looking for it.
        let longest = snapshot.zones.longestDNAMETarget(inZone: zone)
        guard longest > 0, case let length = wireLength(of: name), length + longest > 255 else { return false }
        defer { _ = key.set(name) }
        var start = parentStart(of: name)
        while start < name.count {
            let above = name.extracting(start..<name.count)
            var targetLength: Int?
            // Above the zone pdns does not look.
            guard key.set(above), snapshot.zones.isInZone(key, zone) else { return false }
            snapshot.zones.node(key, inZone: zone)?.forEachRecord(type: .dname) { _, target, _, _ in
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
    private func write(
        _ position: Int, _ asker: Asker?, _ serving: Serving, _ node: ZoneNode, _ zoneID: Int, type: RecordType,
        listsMarkers: Bool, _ name: Span<UInt8>, _ reply: inout ReplyWriter
    ) -> Bool {
        let snapshot = serving.snapshot
        let service = snapshot.services[position]
        let isAuthoritative = node.isAuthoritative
        var isEmpty = true
        // Any scope but 0 keeps pdns from caching the marker.
        var scope: UInt8 = 1
        if let asker {
            let state = serving.state(ofService: service.service)
            let choice = snapshot.choose(
                position, for: asker.client, length: asker.clientLength, resolver: asker.resolver, state,
                random: asker.random
            ) { choice, part in
                service.forEachRecord(of: choice, part, state) { record in
                    let wasWritten = write(
                        record..<(record + 1), snapshot.store, scope: choice.scope, isAuthoritative: isAuthoritative,
                        zoneID, type: type, name, &reply)
                    isEmpty = isEmpty && !wasWritten
                }
            }
            scope = choice.scope
            if !isEmpty { count(choice, position, snapshot, listsMarkers ? asker : nil, name) }
        }
        // Without any record that has a scope, pdns would cache for all clients that there is none (but only a question
        // for all types may be answered with a type that was not asked for).
        guard isEmpty, type == .any else { return !isEmpty }
        _ = write(
            service.answers.marker, snapshot.store, scope: scope, isAuthoritative: isAuthoritative && listsMarkers,
            zoneID, type: type, name, &reply)
        return false
    }

    /// Writes the records at some positions that are of `type`.
    ///
    /// - Returns: whether there are any.
    @inline(__always)
    private func write(
        _ positions: RecordStore.Positions, _ store: RecordStore, scope: UInt8, isAuthoritative: Bool, _ zoneID: Int,
        type: RecordType, _ name: Span<UInt8>, _ reply: inout ReplyWriter
    ) -> Bool {
        let version = version!
        var isAny = false
        store.forEach(positions, type: type) { head, text, _ in
            isAny = true
            reply.data(
                scope: scope, isAuthoritative: isAuthoritative, name: name, head: head, zoneID: zoneID, content: text,
                version: version)
        }
        return isAny
    }

    /// Whom the answer is for, and who asks: the client subnet's first address if there is a subnet, and the resolver. What
    /// pdns asks by itself has no addresses and no subnet.
    private func addresses(
        of question: Request.Question, _ line: Span<UInt8>
    ) throws(Malformation) -> (client: IPAddress, clientLength: Int, resolver: IPAddress, isPDNS: Bool) {
        guard let resolver = IPAddress(line.extracting(question.remoteAddress)) else {
            throw .unreadable("remote address", question.remoteAddress)
        }
        guard version!.hasClientSubnet else { return (resolver, resolver.bitWidth, resolver, false) }
        guard let subnet = IPPrefix(line.extracting(question.clientSubnet)) else {
            throw .unreadable("client subnet", question.clientSubnet)
        }
        // A client may ask that its address be left out of it (RFC 7871 section 7.1.2).
        guard subnet.length > 0 else { return (resolver, resolver.bitWidth, resolver, resolver == .v4(0)) }
        return (subnet.address, subnet.length, resolver, false)
    }
}

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
                guard let service = snapshot.service(of: node, inZone: zone) else { return }
                snapshot.services[service].forEachRecord(of: snapshot.defaultChoice(service), .all, .all) { position in
                    snapshot.store.forEach(position..<(position + 1), type: .any) { head, text, _ in
                        reply.data(
                            scope: 0, isAuthoritative: node.isAuthoritative, name: name, head: head, zoneID: zoneID,
                            content: text, version: version)
                    }
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
