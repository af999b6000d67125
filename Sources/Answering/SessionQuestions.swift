import DNS
import Geography
import PipeProtocol
import Telemetry
import Zones

/// Answers to questions.
extension Session {
    /// Answers a question about the name in `key`.
    ///
    /// - Parameters:
    ///   - line: the line that the fields of `question` are ranges of.
    ///   - client: the first address of the client's subnet, of which `clientLength` bits are known.
    ///   - isPDNS: whether pdns asks for itself, not for a client.
    ///   - zone: the position of the name's zone; `nil` if it is in none.
    ///   - node: the name in the zone; `nil` if it does not exist.
    @inline(__always)
    mutating func answerQuestion(
        _ question: Request.Question, line: Span<UInt8>, version: ABIVersion, world: UnsafePointer<World>,
        client: IPAddress, clientLength: Int, isPDNS: Bool, zone: Int?, node: ZoneNode?, to reply: inout ReplyWriter
    ) -> QuestionResult {
        let name = line.extracting(unchecked: question.name)
        let type = RecordType(line.extracting(unchecked: question.type))
        if let zone, node == nil, refuses(name, type: type, zones: world.pointee.zones, zone: zone, &reply) {
            return .refused
        }
        let context: ClientContext?
        if isPDNS {
            context = clientOfOwnQuestion(of: type, world.pointee.zones, else: client)
        } else {
            updatePhase(client, line.extracting(unchecked: question.remoteAddress))
            context = ClientContext(client: client, clientLength: clientLength, random: random.next())
            lastClient = context
        }
        var hasRecords = false
        if isInternet(line.extracting(unchecked: question.recordClass)), let type, let zone, let node {
            if side.hasStatics, let statics = oldStatics {
                hasRecords = Self.writeStatics(
                    of: statics.node, zoneID: statics.zoneID, scope: 0, type: type, listsMarkers: !isPDNS, name: name,
                    version: version, to: &reply)
            } else if node.hasRecords {
                let zoneID = world.pointee.zones.pointee.ids[zone]
                hasRecords = Self.writeStatics(
                    of: node, zoneID: zoneID, scope: side.staticScope, type: type, listsMarkers: !isPDNS, name: name,
                    version: version, to: &reply)
            }
            if let service = world.pointee.answers.service(of: node, inZone: zone) {
                let isAnswered = writeService(
                    service, for: context, world: world, node: node, type: type, listsMarkers: !isPDNS, name: name,
                    version: version, to: &reply)
                hasRecords = hasRecords || isAnswered
            }
        }
        reply.end()
        return hasRecords ? .answered : .empty
    }

    /// Switches to the old side, and finds the name in `key` there.
    @inline(never)
    mutating func fallBackToOldSide(
        _ world: inout UnsafePointer<World>, zoneID: Int
    ) -> (zone: Int?, node: ZoneNode?) {
        side = RolloutSide()
        guard let sides else { return (nil, nil) }
        world = sides.pointee.old
        let zone = world.pointee.zones.zone(of: key, asked: zoneID)
        return (zone, zone.flatMap { [world] in world.pointee.zones.node(key, inZone: $0) })
    }

    /// Refuses a question about a name that does not exist, if "no such name" would be wrong.
    @inline(never)
    mutating func refuses(
        _ name: Span<UInt8>, type: RecordType?, zones: UnsafePointer<ZoneTable>, zone: Int, _ reply: inout ReplyWriter
    ) -> Bool {
        if zones.pointee.isBroken(zone) {
            fail(isForSOA: type == .soa, &reply)
            return true
        }
        guard type == .dname || type == .any, overflows(name, zones: zones, zone: zone) else { return false }
        reply.fail()
        return true
    }

    /// Returns whether a DNAME record above a name that does not exist expands it to more than 255 bytes (RFC 6672
    /// section 2.2).
    ///
    /// pdns asks for the name, then for each name above it. When the expanded name is too long, pdns 4.7 leaves our
    /// END unread, and takes it for the answer to its next question. So pdns must not get as far as the DNAME: FAIL
    /// for the name itself prevents that. pdns does not cache FAIL, so the next time it begins with the name again.
    @inline(never)
    private mutating func overflows(_ name: Span<UInt8>, zones: UnsafePointer<ZoneTable>, zone: Int) -> Bool {
        // Few zones have a DNAME that is long enough; the others need no search.
        let longest = zones.pointee.longestDNAMETarget(inZone: zone)
        guard longest > 0, case let length = wireLength(of: name), length + longest > 255 else { return false }
        defer { _ = key.set(name) }
        var start = parentStart(of: name)
        while start < name.count {
            let above = name.extracting(start..<name.count)
            var targetLength: Int?
            // pdns does not look above the zone.
            guard key.set(above), zones.pointee.isInZone(key, zone) else { return false }
            zones.node(key, inZone: zone)?.forEachRecord(type: .dname) { _, target, _, _ in
                targetLength = wireLength(of: target)
            }
            if let targetLength { return length - wireLength(of: above) + targetLength > 255 }
            start += parentStart(of: above)
        }
        return false
    }

    /// Counts a question whose client or name is malformed, and returns which.
    @inline(never)
    func unreadable(_ line: Span<UInt8>, _ question: Request.Question, _ version: ABIVersion) -> RequestError {
        world?.pointee.counters.countQuestion(zone: nil, .refused)
        let (clientSubnet, remoteAddress) = (
            line.extracting(question.clientSubnet), line.extracting(question.remoteAddress)
        )
        guard Self.client(subnet: clientSubnet, remoteAddress: remoteAddress, version: version) == nil else {
            return .unreadable("qname", question.name)
        }
        return version.hasClientSubnet && IPPrefix(clientSubnet) == nil
            ? .unreadable("client subnet", question.clientSubnet)
            : .unreadable("remote address", question.remoteAddress)
    }
}

@inline(__always)
private func isInternet(_ recordClass: Span<UInt8>) -> Bool {
    recordClass.count == 2 && recordClass[unchecked: 0] | 0x20 == UInt8(ascii: "i")
        && recordClass[unchecked: 1] | 0x20 == UInt8(ascii: "n")
}
