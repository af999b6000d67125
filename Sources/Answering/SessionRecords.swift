import DNS
import Geography
import PipeProtocol
import Routing
import Telemetry
import Zones

/// Writes the records of answers, and counts them.
extension Session {
    /// Counts an answer of a service, and samples it for the live view and the hits log.
    ///
    /// - Parameter context: the client that it is for; `nil` if pdns asks for itself.
    @inline(__always)
    private mutating func countAnswer(
        _ choice: Choice, service: Int, world: UnsafePointer<World>, context: ClientContext?, scope: UInt8,
        name: Span<UInt8>
    ) {
        for i in 0..<choice.count {
            world.pointee.counters.countAnswer(service: service, datacenter: Int(choice.datacenters[i]))
        }
        guard let context, wantsHit(context) else { return }
        putHit(context, service: service, scope: scope, name: name, datacenterCount: choice.count) {
            choice.datacenters[$0]
        }
    }

    @inline(__always)
    private func wantsHit(_ context: ClientContext) -> Bool {
        supply.recorder.hits.wants(UInt32(truncatingIfNeeded: context.random >> 32))
    }

    @inline(never)
    private mutating func putHit(
        _ context: ClientContext, service: Int, scope: UInt8, name: Span<UInt8>, datacenterCount: Int,
        _ datacenter: (Int) -> Int32
    ) {
        guard let serving = side.isNew ? serving?.candidate?.serving : serving else { return }
        supply.recorder.hits.put(
            sampleKey: UInt32(truncatingIfNeeded: context.random >> 32), tally: serving.snapshot.tally.number,
            service: service,
            client: context.client, clientLength: context.clientLength,
            resolver: resolver(of: context) ?? context.client,
            scope: scope,
            name: name,
            datacenterCount: datacenterCount, datacenter: datacenter)
    }

    /// Writes the static records, which are the same for every client.
    ///
    /// - Parameters:
    ///   - scope: 0, or while a rollout runs the length of the prefix in which they are the same.
    ///   - listsMarkers: whether a marker is authoritative. pdns leaves records that are not out of a signed denial;
    ///     in an answer to a client they would mean a delegation.
    /// - Returns: whether there were records other than markers.
    @inline(never)
    static func writeStatics(
        of node: ZoneNode, zoneID: Int, scope: UInt8, type: RecordType, listsMarkers: Bool, name: Span<UInt8>,
        version: ABIVersion, to reply: inout ReplyWriter
    ) -> Bool {
        var hasRecords = false
        node.forEachRecord(type: type) { head, text, type, isAuthoritative in
            let isMarker = type == .marker
            hasRecords = hasRecords || !isMarker
            // A scope keeps pdns from caching the marker, which differs between clients and pdns.
            reply.data(
                scope: isMarker ? max(1, scope) : scope,
                isAuthoritative: isAuthoritative && (listsMarkers || !isMarker), name: name,
                head: head, zoneID: zoneID, content: text, version: version)
        }
        return hasRecords
    }

    /// Writes the records that a service has for a client, and counts the answer.
    ///
    /// - Parameters:
    ///   - position: the position of the service in `AnswerTable.services`.
    ///   - context: if `nil`, only the marker is written, which is the same for every client.
    ///   - listsMarkers: see `writeStatics`.
    /// - Returns: whether there were any records.
    @inline(__always)
    mutating func writeService(
        _ position: Int, for context: ClientContext?, world: UnsafePointer<World>, node: ZoneNode, type: RecordType,
        listsMarkers: Bool, name: Span<UInt8>, version: ABIVersion, to reply: inout ReplyWriter
    ) -> Bool {
        let service = world.pointee.answers.services[position]
        let isAuthoritative = node.isAuthoritative
        var isEmpty = true
        // A scope other than 0 keeps pdns from caching the marker.
        var scope: UInt8 = 1
        if let context {
            let isDecided =
                service.drawsNothing && world.pointee.isUnrestricted[Int(service.service)]
                && writeOnlyChoice(
                    of: service, at: position, for: context, world: world, isAuthoritative: isAuthoritative, type: type,
                    counts: listsMarkers, name: name, version: version, scope: &scope, isEmpty: &isEmpty, to: &reply)
            if !isDecided {
                writeChoice(
                    at: position, for: context, world: world, isAuthoritative: isAuthoritative, type: type,
                    counts: listsMarkers, name: name, version: version, scope: &scope, isEmpty: &isEmpty, to: &reply)
            }
        }
        // Without a record that has a scope, pdns would cache for all clients that there is none. Only an ANY
        // question may be answered with a type that was not asked for.
        guard isEmpty, type == .any else { return !isEmpty }
        Self.writeRecord(
            world.pointee.answers.records[Int(service.marker)], world: world, scope: scope,
            isAuthoritative: isAuthoritative && listsMarkers, name: name, version: version, to: &reply)
        return false
    }

    /// Writes the records for a client whose list begins with one datacenter, while nothing is drained or down.
    ///
    /// - Returns: false if the list begins otherwise, and nothing was written.
    @inline(__always)
    private mutating func writeOnlyChoice(
        of service: AnswerTable.BoundService, at position: Int, for context: ClientContext, world: UnsafePointer<World>,
        isAuthoritative: Bool, type: RecordType, counts: Bool, name: Span<UInt8>, version: ABIVersion,
        scope: inout UInt8, isEmpty: inout Bool, to reply: inout ReplyWriter
    ) -> Bool {
        let map = world.pointee.maps + Int(service.map)
        var isByDefault = false
        let found = map.locate(
            context.client, length: context.clientLength, resolver: resolver(of: context, isAsked: &isByDefault))
        guard let datacenter = map.pointee.lists.onlyFirst(found.list) else { return false }
        scope = found.scope
        if side.isOn, let sides,
            isByDefault
                || !sides.pointee.isStable(
                    list: found.list, ofService: position, isNew: side.isNew, hasOtherService: side.hasOtherService)
        {
            scope = onlyChoiceScope(
                of: datacenter, service: position, sides: sides, context: context, counts: counts, scope: found.scope)
        }
        let answers = world.pointee.answers.answers(service, datacenter)
        for position in answers.all {
            let record = world.pointee.answers.records[position]
            guard type == .any || record.type == type else { continue }
            isEmpty = false
            Self.writeRecord(
                record, world: world, scope: scope, isAuthoritative: isAuthoritative, name: name, version: version,
                to: &reply)
        }
        guard !isEmpty else { return true }
        world.pointee.counters.countAnswer(service: Int(service.service), datacenter: datacenter)
        if counts, wantsHit(context) {
            putHit(context, service: Int(service.service), scope: scope, name: name, datacenterCount: 1) { _ in
                Int32(datacenter)
            }
        }
        return true
    }

    /// Writes the records of the datacenters that are chosen for a client: the general case.
    @inline(never)
    private mutating func writeChoice(
        at position: Int, for context: ClientContext, world: UnsafePointer<World>, isAuthoritative: Bool,
        type: RecordType, counts: Bool, name: Span<UInt8>, version: ABIVersion, scope: inout UInt8,
        isEmpty: inout Bool, to reply: inout ReplyWriter
    ) {
        guard let serving = side.isNew ? serving?.candidate?.serving : serving else { return }
        var (least, isSame): (UInt8, Bool) = (0, true)
        if side.isOn, let sides { (least, isSame) = leastScope(service: position, sides: sides, context: context) }
        let service = world.pointee.answers.services[position]
        let resolver = resolver(of: context) ?? context.client
        let (state, placeScope) = serving.state(
            ofService: Int(service.service), for: context.client, length: context.clientLength, resolver: resolver)
        let answers = world.pointee.answers
        let choice = serving.snapshot.choose(
            service: position, for: context.client, length: context.clientLength, resolver: resolver, state: state,
            placeScope: placeScope, random: context.random
        ) { choice, part in
            answers.forEachRecord(of: service, choice: choice, part: part, state: state) { record in
                guard type == .any || record.type == type else { return }
                isEmpty = false
                Self.writeRecord(
                    record, world: world, scope: max(choice.scope, least), isAuthoritative: isAuthoritative, name: name,
                    version: version, to: &reply)
            }
        }
        scope = max(choice.scope, least)
        if !isEmpty {
            countAnswer(
                choice, service: Int(service.service), world: world, context: counts ? context : nil, scope: scope,
                name: name)
        }
        if counts, !isSame, let sides {
            compare(choice, service: position, sides: sides, context: context, resolver: resolver)
        }
    }

    /// Writes one record of a service.
    @inline(__always)
    private static func writeRecord(
        _ record: AnswerTable.ReadyRecord, world: UnsafePointer<World>, scope: UInt8, isAuthoritative: Bool,
        name: Span<UInt8>, version: ABIVersion, to reply: inout ReplyWriter
    ) {
        reply.data(
            scope: scope, isAuthoritative: isAuthoritative, name: name, tail: world.pointee.answers.tail(record).span,
            version: version)
    }
}
