import DNS
import Geography
import Glibc
import PipeProtocol
import Platform
import Routing
import Telemetry
import Zones

/// A dialogue with pdns: its state, and the answer to every line.
public struct Session: ~Copyable {
    let supply: ServingMailbox
    /// The number of answered questions.
    package private(set) var questions = 0
    /// `nil` after it was called, since it may retain much memory.
    private var makeFirst: (() -> Serving?)?
    let perform: (String) -> [String]
    /// The data that answers are made from; `nil` before the handshake, and until an image is available.
    private(set) var serving: Serving?
    /// Both sides of a rollout; `nil` if none runs.
    private(set) var sides: UnsafePointer<RolloutSides>?
    /// The side that answers the current question.
    var side = RolloutSide()
    /// The old side's static records of the name and its zone id there. They replace the new side's while a rollout
    /// runs.
    var oldStatics: (node: ZoneNode, zoneID: Int)?
    /// The parts of `serving` that most questions need.
    private(set) var world: UnsafePointer<World>?
    /// The protocol version of the handshake; `nil` before it.
    package private(set) var version: ABIVersion?
    var key = NameKey()
    var random: RandomBits
    /// The client of the last client question; `nil` before the first.
    var lastClient: ClientContext?
    var phase = Phase.own

    /// The resolver of the last client question, as text: most answers do not depend on it, so it is parsed on
    /// demand.
    let resolverText = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.resolverLimit)
    var resolverLength = 0
    /// The longest address has 45 bytes as text, and 61 with an interface.
    static let resolverLimit = 64

    /// The client of a question, and the random bits for its draws.
    struct ClientContext {
        let client: IPAddress
        /// The length of the prefix that `client` is the first address of.
        let clientLength: Int
        /// Whether the client has a resolver whose place may be used.
        var hasResolver = true
        /// Random bits for draws.
        let random: UInt64
    }

    /// What pdns is doing, derived from its last questions.
    enum Phase {
        /// It has asked a question of its own, for no client.
        case own
        /// It has asked for the SOA record of a zone, right after a client's question or not.
        case apex(afterClient: Bool)
        /// It asks for a client, right after the SOA record of the zone. It does not ask for that again before a
        /// denial.
        case clientAfterApex
        /// It asks for a client.
        case client
        /// It signs a denial for the client of the last client question.
        case denial
    }

    /// - Parameters:
    ///   - seed: seeds the random bits for draws.
    ///   - supply: delivers each serving after the first.
    ///   - makeFirst: makes the first serving. It is called after the greeting is sent, because pdns waits only 2
    ///     seconds for the greeting by default, and all coprocesses start at once. If it returns `nil`, questions
    ///     fail until one is delivered.
    ///   - perform: runs a command, and returns the lines of its output.
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

    /// Answers one line, without its newline.
    public mutating func answer(_ line: Span<UInt8>, _ reply: inout ReplyWriter) {
        if supply.renew(&serving) { adopt() }
        do throws(RequestError) {
            guard let version, Request.isQuestion(line) else { return try answerOther(line, &reply) }
            let question = try Request.Question(line, version: version)
            guard var world else { return refuseWithoutSnapshot(line.extracting(unchecked: question.type), &reply) }
            guard
                let (client, clientLength, isPDNS) = Self.client(
                    subnet: line.extracting(unchecked: question.clientSubnet),
                    remoteAddress: line.extracting(unchecked: question.remoteAddress), version: version),
                key.set(line.extracting(unchecked: question.name))
            else { throw unreadable(line, question, version) }
            if let sides {
                // The most frequent case, inlined.
                if case .v4(let bits) = client, !isPDNS, sides.pointee.isShare, !sides.pointee.names.mayHave(key) {
                    side = RolloutSide(
                        isOn: true, isNew: sides.pointee.share.contains(ClientNetwork.number(of: bits)),
                        scope: ClientNetwork.ipv4Scope)
                } else {
                    chooseSide(
                        of: sides, question: question, line: line, client: client, clientLength: clientLength,
                        isPDNS: isPDNS)
                }
                if side.isNew { world = sides.pointee.new }
            }
            var zone = world.pointee.zones.zone(of: key, asked: question.zoneID)
            var node = zone.flatMap { world.pointee.zones.node(key, inZone: $0) }
            if side.isNew, node == nil {
                // Only the old image may deny a name: a negative answer has no scope.
                (zone, node) = fallBackToOldSide(&world, zoneID: question.zoneID)
            }
            let result = answerQuestion(
                question, line: line, version: version, world: world, client: client, clientLength: clientLength,
                isPDNS: isPDNS, zone: zone, node: node, to: &reply)
            world.pointee.counters.countQuestion(zone: zone, result)
            // Names that do not exist are not counted, since only the old side answers them. An empty answer counts
            // as refused: it shows that a side has lost records.
            if let sides, !isPDNS, node != nil || result == .refused {
                sides.pointee.counts.countAnswer(isNew: side.isNew, isRefused: result != .answered)
            }
            questions &+= 1
            supply.count(questions)
        } catch {
            refuse(line, error, &reply)
        }
    }

    /// Answers a line that is not a question.
    @inline(never)
    private mutating func answerOther(_ line: Span<UInt8>, _ reply: inout ReplyWriter) throws(RequestError) {
        switch try Request(line, version: version) {
        case .question:
            // A question without a tab after the Q has too few fields.
            throw .unknownRequest
        case .hello(let version):
            greet(version, &reply)
        case .transfer(let transfer):
            guard let serving else { return failWithoutSnapshot(isForSOA: false, &reply) }
            sendAnswers(before: line, &reply)
            answerTransfer(transfer, line: line, snapshot: serving.snapshot, to: &reply)
            sendAnswers(&reply)
        case .command(let words):
            sendAnswers(before: line, &reply)
            answerCommand(line.extracting(words), to: &reply)
            sendAnswers(&reply)
        }
    }

    /// Sends the answers before a line that must not be answered twice: its answer may be sent in parts, or it has an
    /// effect.
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

    /// Resumes a dialogue that the program before this one has begun.
    package mutating func resume(version: ABIVersion) {
        CrashRecord.setVersion(version)
        serving = makeFirst?()
        adopt()
        makeFirst = nil
        self.version = version
    }

    /// Prepares to answer from the current value of `serving`.
    private mutating func adopt() {
        world = serving?.world
        sides = serving?.sides
        side = RolloutSide()
        oldStatics = nil
    }

    /// How long to poll for the next question before sleeping, in microseconds.
    package var waitMicroseconds: Int { world?.pointee.waitMicroseconds ?? 0 }

    /// Answers a line that was too long to keep.
    public mutating func answerOverlongLine(_ reply: inout ReplyWriter) {
        let nothing: [UInt8] = []
        refuse(nothing.span, .lineTooLong, &reply)
    }

    /// Fails a question because no image is loaded.
    @inline(never)
    private func refuseWithoutSnapshot(_ type: Span<UInt8>, _ reply: inout ReplyWriter) {
        supply.recorder.countUnserved()
        failWithoutSnapshot(isForSOA: isSOA(type), &reply)
    }

    /// Answers FAIL. An END alone would be cached by pdns as "no such name".
    @inline(never)
    private func failWithoutSnapshot(isForSOA: Bool, _ reply: inout ReplyWriter) {
        reply.log("no image is loaded; see the log of pdns for the reason")
        fail(isForSOA: isForSOA, &reply)
    }

    /// Answers FAIL. After FAIL to an SOA question pdns reads on until END, and kills the coprocess if that does not
    /// come. After FAIL to any other question it would take an END for the next answer.
    @inline(never)
    func fail(isForSOA: Bool, _ reply: inout ReplyWriter) {
        reply.fail()
        if isForSOA { reply.end() }
    }

    @inline(never)
    private func refuse(_ line: Span<UInt8>, _ reason: RequestError, _ reply: inout ReplyWriter) {
        // Before the handshake pdns expects exactly one line, so no LOG line may come first.
        if version != nil { reply.log(reason.message(about: line)) }
        reply.fail()
    }
}

private func isSOA(_ type: Span<UInt8>) -> Bool { RecordType(type) == .soa }
