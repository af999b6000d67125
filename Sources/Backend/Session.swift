import Geography
import PipeProtocol
import Zones

/// One dialogue with pdns: what has been agreed, and the answer to every line.
public struct Session: ~Copyable {
    private let snapshot: Snapshot
    /// What the handshake settled on; `nil` before it.
    private var version: ABIVersion?
    private var key = NameKey()
    private var random: RandomBits

    /// - Parameter seed: begins the random numbers that draw from pools.
    public init(_ snapshot: Snapshot, seed: UInt64) {
        self.snapshot = snapshot
        random = RandomBits(seed: seed)
    }

    /// Answers one line, given without its end.
    public mutating func answer(_ line: Span<UInt8>, _ reply: inout ReplyWriter) {
        do {
            switch try Request(line, version: version) {
            case .question(let question):
                try answer(question, line, &reply)
            case .hello(let version):
                self.version = version
                reply.ok(banner: "geopipe \(geopipeVersion)")
            case .transfer(let transfer):
                try answer(transfer, line, &reply)
            case .command(let words):
                answerCommand(line.extracting(words), &reply)
            }
        } catch {
            refuse(line, error, &reply)
        }
    }

    /// Answers a line that was too long to keep.
    public mutating func answerOverlongLine(_ reply: inout ReplyWriter) {
        let nothing: [UInt8] = []
        refuse(nothing.span, .lineTooLong, &reply)
    }

    private func refuse(_ line: Span<UInt8>, _ reason: Malformation, _ reply: inout ReplyWriter) {
        // Before the handshake pdns expects one line, and that begins with OK or does not.
        if version != nil { reply.log(reason.message(about: line)) }
        reply.fail()
    }
}

// MARK: - Questions

extension Session {
    private mutating func answer(
        _ question: Request.Question, _ line: Span<UInt8>, _ reply: inout ReplyWriter
    ) throws(Malformation) {
        let client = try client(of: question, line)
        let name = line.extracting(question.name)
        guard key.set(name) else { throw .unreadable("qname", question.name) }
        if isInternet(line.extracting(question.recordClass)), let type = RecordType(line.extracting(question.type)),
            let node = snapshot.zones.node(key)
        {
            write(node.records, type: type, scope: 0, name, &reply)
            if node.service >= 0 {
                let service = snapshot.services[Int(node.service)]
                let (datacenter, scope) = snapshot.maps[service.map].choose(
                    for: client, random: random.next(), isAvailable: { _ in true })
                write(service.answers[datacenter], type: type, scope: scope, name, &reply)
            }
        }
        reply.end()
    }

    private func write(
        _ records: RecordStore.Positions, type: RecordType, scope: UInt8, _ name: Span<UInt8>,
        _ reply: inout ReplyWriter
    ) {
        let version = version!
        snapshot.store.forEach(records, type: type) { record, _, isAuthoritative in
            reply.data(scope: scope, isAuthoritative: isAuthoritative, name: name, record: record, version: version)
        }
    }

    /// Whom the answer is for: the client subnet's first address if there is a subnet, else the resolver.
    private func client(of question: Request.Question, _ line: Span<UInt8>) throws(Malformation) -> IPAddress {
        guard let remote = IPAddress(line.extracting(question.remoteAddress)) else {
            throw .unreadable("remote address", question.remoteAddress)
        }
        if version!.hasLocalAddress {
            guard IPAddress(line.extracting(question.localAddress)) != nil else {
                throw .unreadable("local address", question.localAddress)
            }
        }
        guard version!.hasClientSubnet else { return remote }
        guard let subnet = IPPrefix(line.extracting(question.clientSubnet)) else {
            throw .unreadable("client subnet", question.clientSubnet)
        }
        // A client may ask that its address be left out of it (RFC 7871 section 7.1.2).
        return subnet.length > 0 ? subnet.address : remote
    }
}

private func isInternet(_ recordClass: Span<UInt8>) -> Bool {
    recordClass.count == 2 && recordClass[0] | 0x20 == UInt8(ascii: "i") && recordClass[1] | 0x20 == UInt8(ascii: "n")
}

// MARK: - Transfers and commands

extension Session {
    private mutating func answer(
        _ transfer: Request.Transfer, _ line: Span<UInt8>, _ reply: inout ReplyWriter
    ) throws(Malformation) {
        guard let zone = zone(of: transfer, line) else {
            reply.log("asked to transfer a zone that is not there")
            return reply.fail()
        }
        let version = version!
        let snapshot = snapshot
        snapshot.zones.forEachNode(inZone: zone) { name, node in
            snapshot.store.forEach(node.records, type: .any) { record, type, isAuthoritative in
                guard type != .marker else { return }
                reply.data(scope: 0, isAuthoritative: isAuthoritative, name: name, record: record, version: version)
            }
            guard node.service >= 0 else { return }
            let service = snapshot.services[Int(node.service)]
            let records = service.answers[snapshot.maps[service.map].defaultDatacenter]
            snapshot.store.forEach(records, type: .any) { record, _, isAuthoritative in
                reply.data(scope: 0, isAuthoritative: isAuthoritative, name: name, record: record, version: version)
            }
        }
        reply.end()
    }

    /// The position of the zone: by its name where there is one, else by its id.
    private mutating func zone(of transfer: Request.Transfer, _ line: Span<UInt8>) -> Int? {
        if !transfer.zone.isEmpty {
            return key.set(line.extracting(transfer.zone)) ? snapshot.zones.zone(key) : nil
        }
        return snapshot.zones.apexes.indices.contains(transfer.zoneID - 1) ? transfer.zoneID - 1 : nil
    }

    /// Commands always end with END: pdns reads on until then, even after FAIL.
    private func answerCommand(_ words: Span<UInt8>, _ reply: inout ReplyWriter) {
        let command = String(decoding: words.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
        switch command.split(whereSeparator: { $0 == " " || $0 == "\t" }).first {
        case "version":
            reply.line("geopipe \(geopipeVersion)")
        case "help":
            reply.line("version  the version of geopipe")
            reply.line("help     this list")
        default:
            reply.line("unknown command '\(command)'; try help")
        }
        reply.end()
    }
}
