import DNS
import PipeProtocol
import Zones

/// Answers to zone transfers and commands.
extension Session {
    /// Answers a zone transfer with all records of the zone.
    mutating func answerTransfer(
        _ transfer: Request.Transfer, line: Span<UInt8>, snapshot: Snapshot, to reply: inout ReplyWriter
    ) {
        guard let zone = zone(of: transfer, line: line, snapshot: snapshot) else {
            reply.log("asked to transfer a zone that does not exist")
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
                let choice = snapshot.defaultChoice(service: position)
                snapshot.answers.forEachRecord(
                    of: snapshot.answers.services[position], choice: choice, part: .all, state: .all
                ) { record in
                    reply.data(
                        scope: 0, isAuthoritative: node.isAuthoritative, name: name,
                        tail: snapshot.answers.tail(record).span, version: version)
                }
            }
        }
        reply.end()
    }

    /// Returns the position of the zone, by its name if the request has one, else by its id.
    private mutating func zone(of transfer: Request.Transfer, line: Span<UInt8>, snapshot: Snapshot) -> Int? {
        if !transfer.zone.isEmpty {
            return key.set(line.extracting(transfer.zone)) ? snapshot.zones.zone(key) : nil
        }
        return snapshot.zones.ids.zone(transfer.zoneID)
    }

    /// Answers a command. The output always ends with END: pdns reads on until then, even after FAIL.
    func answerCommand(_ words: Span<UInt8>, to reply: inout ReplyWriter) {
        let command = String(decoding: words.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
        for line in perform(command) { reply.line(line) }
        reply.end()
    }
}
