import Answering
import DNS
import Glibc
import Platform
import Zones

/// The names and zones that differ between two images.
public struct NameDifference: Sendable {
    public var added = 0
    public var removed = 0
    /// The number of names that both images have with different records.
    public var changed = 0
    /// The first changes, at most `detailLimit`, zone by zone.
    public var details: [Change] = []
    /// Zones that only one image has.
    public var addedZones: [String] = []
    public var removedZones: [String] = []
    /// Zones whose SOA or NS records change at the apex.
    public var changedApexes: [String] = []
    /// The number of names of the older image.
    public var oldCount = 0
    /// The number of names of the newer image.
    public var newCount = 0

    /// Names whose service differs, or that have a service only in one image.
    var rebindings: [Rebinding] = []

    /// Names that move from one service to another.
    struct Rebinding {
        /// `nil` for names that had no service.
        var old: String?
        /// `nil` for names that no longer have a service.
        var new: String?
        var names: [String]
    }

    /// The maximum number of changes that are listed name by name.
    public static let detailLimit = 1_000

    /// A changed name. Records are written as in a zone file, without the name.
    public struct Change: Sendable {
        public enum Kind: String, Sendable { case added, removed, changed }
        public var name: String
        public var kind: Kind
        public var added: [String]
        public var removed: [String]
    }

    public init() {}

    public var isEmpty: Bool {
        added == 0 && removed == 0 && changed == 0 && addedZones.isEmpty && removedZones.isEmpty
    }

    /// Compares the names of two images.
    init(from old: Snapshot, to new: Snapshot) {
        let (before, after) = (NameReader(old), NameReader(new))
        for (apex, zone) in before.zones.sorted(by: { $0.key < $1.key }) where after.zones[apex] == nil {
            removedZones.append(apex)
            before.forEachName(ofZone: zone) { name, node in
                note(name, before.records(node, zone), [])
            }
        }
        for (apex, zone) in after.zones.sorted(by: { $0.key < $1.key }) {
            guard let oldZone = before.zones[apex] else {
                addedZones.append(apex)
                after.forEachName(ofZone: zone) { name, node in note(name, [], after.records(node, zone)) }
                continue
            }
            compare(before, oldZone, after, zone, apex)
        }
        oldCount = before.nameCount
        newCount = after.nameCount
    }

    private mutating func compare(
        _ before: NameReader, _ oldZone: Int, _ after: NameReader, _ newZone: Int, _ apex: String
    ) {
        guard !before.isEqual(zone: oldZone, to: newZone, of: after) else { return }
        var rest: [String: ZoneNode] = [:]
        before.forEachName(ofZone: oldZone) { rest[$0] = $1 }
        after.forEachName(ofZone: newZone) { name, node in
            guard let old = rest.removeValue(forKey: name) else {
                return note(name, [], after.records(node, newZone))
            }
            let (one, two) = (before.records(old, oldZone), after.records(node, newZone))
            guard one != two, name != apex || one.map(Self.withoutSerial) != two.map(Self.withoutSerial) else { return }
            note(name, one, two)
            let services = (before.service(old, oldZone), after.service(node, newZone))
            if services.0 != services.1 { noteRebinding(name, services.0, services.1) }
            if name == apex, Self.authority(one) != Self.authority(two) { changedApexes.append(apex) }
        }
        for (name, node) in rest.sorted(by: { $0.key < $1.key }) { note(name, before.records(node, oldZone), []) }
    }

    /// Returns a record, without the serial if it is a SOA record: a new serial alone is not a change.
    private static func withoutSerial(_ record: String) -> String {
        var fields = record.split(separator: " ")
        guard fields.count > 4, fields[1] == "SOA" else { return record }
        fields.remove(at: 4)
        return fields.joined(separator: " ")
    }

    /// Returns the SOA records, without their serials, and the NS records.
    private static func authority(_ records: [String]) -> [String] {
        records.filter { ["SOA", "NS"].contains($0.split(separator: " ").dropFirst().first) }.map(withoutSerial)
    }

    private mutating func noteRebinding(_ name: String, _ old: String?, _ new: String?) {
        if let position = rebindings.firstIndex(where: { $0.old == old && $0.new == new }) {
            rebindings[position].names.append(name)
        } else {
            rebindings.append(Rebinding(old: old, new: new, names: [name]))
        }
    }

    /// - Parameters:
    ///   - before: sorted; empty if there was no such name.
    ///   - after: sorted; empty if the name is gone.
    private mutating func note(_ name: String, _ before: [String], _ after: [String]) {
        let kind: Change.Kind = before.isEmpty ? .added : after.isEmpty ? .removed : .changed
        switch kind {
        case .added: added += 1
        case .removed: removed += 1
        case .changed: changed += 1
        }
        guard details.count < Self.detailLimit else { return }
        let (old, new) = (Set(before), Set(after))
        details.append(
            Change(
                name: name, kind: kind, added: after.filter { !old.contains($0) },
                removed: before.filter { !new.contains($0) }))
    }
}

/// Reads names and records of an image.
private final class NameReader {
    private let snapshot: Snapshot
    /// The positions of zones by their apexes.
    let zones: [String: Int]
    private(set) var nameCount = 0
    /// The records of each service, by its position.
    private var answers: [Int: [String]] = [:]

    init(_ snapshot: Snapshot) {
        self.snapshot = snapshot
        zones = Dictionary((0..<snapshot.zoneCount).map { (snapshot.zoneName($0), $0) }) { first, _ in first }
    }

    /// Calls `body` with each name of a zone that has records or a service, the apex first. Empty non-terminals (RFC 9499) are left
    /// out.
    func forEachName(ofZone zone: Int, _ body: (_ name: String, _ node: ZoneNode) -> Void) {
        withExtendedLifetime(snapshot) {
            snapshot.zones.forEachNode(inZone: zone) { node in
                guard !records(node, zone).isEmpty else { return }
                nameCount += 1
                body(node.withName { name in String(decoding: (0..<name.count).map { name[$0] }, as: UTF8.self) }, node)
            }
        }
    }

    /// Returns whether a zone has the same names and records as a zone of another image. If so, both count its names.
    func isEqual(zone: Int, to otherZone: Int, of other: NameReader) -> Bool {
        withExtendedLifetime((snapshot, other.snapshot)) {
            let (mine, others) = (snapshot.zones.bytes(ofZone: zone), other.snapshot.zones.bytes(ofZone: otherZone))
            let services = snapshot.answers.services(ofZone: zone)
            let otherServices = other.snapshot.answers.services(ofZone: otherZone)
            guard mine.count == others.count, services.count == otherServices.count,
                mine.isEmpty || memcmp(mine.baseAddress!, others.baseAddress!, mine.count) == 0,
                zip(services, otherServices).allSatisfy({ answers($0) == other.answers($1) })
            else { return false }
            nameCount += snapshot.zones.writtenNameCount(ofZone: zone)
            other.nameCount += other.snapshot.zones.writtenNameCount(ofZone: otherZone)
            return true
        }
    }

    /// Returns the service of a name; `nil` if it has none.
    func service(_ node: ZoneNode, _ zone: Int) -> String? {
        snapshot.answers.service(of: node, inZone: zone).map { position in
            snapshot.serviceNames[Int(snapshot.answers.services[position].service)]
        }
    }

    /// Returns the records of a name, sorted. Records of its service include the name of their datacenter.
    func records(_ node: ZoneNode, _ zone: Int) -> [String] {
        var records: [String] = []
        node.forEachRecord(type: .any) { head, text, type, _ in
            guard type != .marker else { return }
            records.append(Self.record(head, text))
        }
        if let service = snapshot.answers.service(of: node, inZone: zone) { records += self.answers(service) }
        return records.sorted()
    }

    private func answers(_ position: Int) -> [String] {
        if let known = answers[position] { return known }
        let service = snapshot.answers.services[position]
        let name = snapshot.serviceNames[Int(service.service)]
        var records: [String] = []
        for (datacenter, datacenterName) in snapshot.datacenterNames.enumerated() {
            snapshot.answers.forEachTail(service, datacenter) { tail in
                let fields = Self.fields(Array(tail))
                // The fields are class, type, TTL, zone id (ignored) and content.
                guard fields.count >= 5 else { return }
                records.append(
                    "\(fields[2]) \(fields[1]) \(fields[4...].joined(separator: " ")) from \(datacenterName) (service \(name))"
                )
            }
        }
        if records.isEmpty { records = ["service \(name), without any record"] }
        answers[position] = records
        return records
    }

    /// Returns the fields of a line, without the newline.
    private static func fields(_ line: [UInt8]) -> [String] {
        line.split { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\n") }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Returns a static record: its TTL, type and content.
    private static func record(_ head: Span<UInt8>, _ text: Span<UInt8>) -> String {
        func fields(_ span: Span<UInt8>) -> [String] {
            NameReader.fields((0..<span.count).map { span[$0] })
        }
        // The head has class, type and TTL; the text has the content.
        let (head, content) = (fields(head), fields(text))
        return ([head.dropFirst(2).first ?? "", head.dropFirst().first ?? ""] + content).joined(separator: " ")
    }
}
