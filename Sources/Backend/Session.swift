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
    /// Whose question pdns works on; `nil` before the first.
    private var asker: Asker?

    /// For whom a question is answered, and how the dice fell.
    private struct Asker {
        let client: IPAddress
        /// The length of the prefix that `client` is the first address of, as it was told.
        let clientLength: Int
        let resolver: IPAddress
        /// Draws from pools.
        let random: UInt64
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
        if type == .dname, overflows(name, snapshot, zoneID: question.zoneID) {
            reply.fail()
            return (key.set(name) ? snapshot.zones.zone(of: key, asked: question.zoneID) : nil, .refused)
        }
        guard key.set(name) else { throw .unreadable("qname", question.name) }
        // To deny a type with a signature pdns lists those that there are, and asks for them itself, right after the
        // client's own question: they must be the client's, as another may have the type.
        let asker =
            (isPDNS ? self.asker : nil)
            ?? Asker(client: client, clientLength: clientLength, resolver: resolver, random: random.next())
        if !isPDNS { self.asker = asker }
        let zone = snapshot.zones.zone(of: key, asked: question.zoneID)
        var hasRecords = false
        if isInternet(line.extracting(question.recordClass)), let type, let zone,
            let node = snapshot.zones.node(key, inZone: zone)
        {
            let zoneID = snapshot.zones.ids[zone]
            hasRecords = write(node, zoneID, type: type, listsMarkers: !isPDNS, name, &reply)
            if let service = snapshot.service(of: node, inZone: zone) {
                let state = serving.state(ofService: snapshot.services[service].service)
                let choice = snapshot.choose(
                    service, for: asker.client, resolver: asker.resolver, state, random: asker.random)
                let isAnswered = write(
                    choice, service, state, snapshot, node, zoneID, type: type, listsMarkers: !isPDNS, name, &reply)
                if isAnswered {
                    hasRecords = true
                    count(choice, service, snapshot, isPDNS ? nil : asker, name)
                }
            }
        }
        reply.end()
        return (zone, hasRecords ? .answered : .empty)
    }

    /// Counts an answer of a service, and hands it on to whoever wants to look at it.
    ///
    /// - Parameter asker: the client that it is for, unless pdns asks on its own account.
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

    /// Whether a DNAME record above a name makes more than 255 bytes of it (RFC 6672 section 2.2).
    ///
    /// pdns looks for it at the name, then at one after another of those above it. When it makes the name, which is too
    /// long for it, it leaves our END unread, and takes that for the answer to its next question, of whoever it is. So it
    /// must not come that far; and it keeps no FAIL, so that the next time it does not begin further up.
    private mutating func overflows(_ name: Span<UInt8>, _ snapshot: Snapshot, zoneID: Int) -> Bool {
        guard key.set(name), let asked = snapshot.zones.zone(of: key, asked: zoneID) else { return false }
        var start = 0
        while start < name.count {
            let above = name.extracting(start..<name.count)
            var targetLength: Int?
            if key.set(above), let (zone, node) = snapshot.zones.find(key, zoneID: zoneID) {
                // Above the zone that pdns asks it does not look.
                guard zone == asked else { return false }
                node.forEachRecord(type: .dname) { _, target, _, _ in targetLength = wireLength(of: target) }
            }
            if let targetLength { return wireLength(of: name) - wireLength(of: above) + targetLength > 255 }
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

    /// Writes the records of a service's choice.
    ///
    /// - Returns: whether there were any.
    private func write(
        _ choice: Choice, _ service: Int, _ state: ServiceState, _ snapshot: Snapshot, _ node: ZoneNode, _ zoneID: Int,
        type: RecordType, listsMarkers: Bool, _ name: Span<UInt8>, _ reply: inout ReplyWriter
    ) -> Bool {
        var isEmpty = true
        snapshot.services[service].forEachRecord(of: choice, state) { position in
            let wasWritten = write(
                position..<(position + 1), snapshot.store, scope: choice.scope, isAuthoritative: node.isAuthoritative,
                zoneID, type: type, name, &reply)
            isEmpty = isEmpty && !wasWritten
        }
        // Without any record that has a scope pdns would keep for everybody that there is none (but only a question
        // for all types may be answered with a type that was not asked for).
        guard isEmpty, type == .any else { return !isEmpty }
        _ = write(
            snapshot.services[service].answers.marker, snapshot.store, scope: choice.scope,
            isAuthoritative: node.isAuthoritative && listsMarkers, zoneID, type: type, name, &reply)
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
        if version!.hasLocalAddress {
            guard IPAddress(line.extracting(question.localAddress)) != nil else {
                throw .unreadable("local address", question.localAddress)
            }
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
                snapshot.services[service].forEachRecord(of: snapshot.defaultChoice(service), .all) { position in
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
