import DNS
import Platform
import Zones

/// The names that the two sides of a rollout answer differently, and the side that answers each of them while the
/// rollout runs.
///
/// A negative answer has no scope: pdns and resolvers cache it for all clients (RFC 2308, RFC 7871 section 7.4). So
/// until the commit the old image decides whether a name or a zone exists, and it gives SOA, NS, DS and DNAME
/// records.
final class RolloutNames: Sendable {
    /// Whether no name differs except in the serials of zones.
    var isSame: Bool { onlyOld == 0 && onlyNew == 0 && changed == serials }
    /// The number of names that differ only in a serial.
    let serials: Int

    /// Which side gives the records of a name. Ordered by caution: the greatest applies if a name is in several
    /// zones.
    enum Source: UInt8 {
        /// The client's side gives both the static records and the service.
        case split
        /// The old image gives static records. The service is the same on both sides, and the client's side gives it.
        case service
        /// The old image gives static records. The service differs, and the client's side gives it.
        case otherService
        /// The old image gives everything.
        case old
    }

    /// The numbers of names that only one image has, and of names that differ.
    let onlyOld: Int
    let onlyNew: Int
    let changed: Int

    /// A hash table of the names: the hash in the upper half, 1 + the position in `entries` in the lower; 0 is free.
    private nonisolated(unsafe) let slots: UnsafeMutablePointer<UInt64>
    private let slotMask: Int
    private nonisolated(unsafe) let entries: UnsafeMutablePointer<Entry>
    private nonisolated(unsafe) let text: UnsafeMutablePointer<UInt8>

    fileprivate struct Entry {
        var start: Int
        var count: Int
        var source: Source
    }

    /// Compares all names of two images.
    init(from old: Snapshot, to new: Snapshot) {
        var comparison = NameComparison(old, new)
        withExtendedLifetime((old, new)) { comparison.compare() }
        (onlyOld, onlyNew, changed) = (comparison.onlyOld, comparison.onlyNew, comparison.changed)
        serials = comparison.serials
        let found = comparison.found
        // Most questions are for a name that is not in the table; a sparse table ends their probe at the first slot.
        var size = 64
        while size < found.count * (found.count < 10_000 ? 8 : 2) { size *= 2 }
        slotMask = size - 1
        slots = .allocate(capacity: size)
        slots.initialize(repeating: 0, count: size)
        entries = .allocate(capacity: max(found.count, 1))
        // Names are compared sixteen bytes at a time.
        let length = found.keys.reduce(0) { $0 + $1.count } + 16
        text = .allocate(capacity: length)
        text.initialize(repeating: 0, count: length)
        var start = 0
        var key = NameKey()
        for (position, (name, source)) in found.enumerated() {
            guard key.set(name.span) else { continue }
            (text + start).update(from: name, count: name.count)
            (entries + position).initialize(to: Entry(start: start, count: name.count, source: source))
            start += name.count
            var slot = Int(key.hash) & slotMask
            while slots[slot] != 0 { slot = (slot + 1) & slotMask }
            slots[slot] = UInt64(key.hash) << 32 | UInt64(position + 1)
        }
    }

    deinit {
        slots.deallocate()
        entries.deallocate()
        text.deallocate()
    }

    /// The table as the answering thread reads it. Valid as long as its owner.
    struct Table {
        fileprivate let slots: UnsafeMutablePointer<UInt64>
        fileprivate let slotMask: Int
        fileprivate let entries: UnsafeMutablePointer<Entry>
        fileprivate let text: UnsafeMutablePointer<UInt8>

        /// Whether `source` may return a value. False in most cases, at the cost of one load.
        @inline(__always)
        func mayHave(_ key: borrowing NameKey) -> Bool { slots[Int(key.hash) & slotMask] != 0 }

        /// Returns the source of the name in `key`; `nil` if both sides answer it alike, except for the datacenters
        /// of its service.
        @inline(__always)
        func source(of key: borrowing NameKey) -> Source? {
            var slot = Int(key.hash) & slotMask
            while true {
                let entry = slots[slot]
                guard entry != 0 else { return nil }
                if UInt32(truncatingIfNeeded: entry >> 32) == key.hash, let source = source(at: entry, key) {
                    return source
                }
                slot = (slot &+ 1) & slotMask
            }
        }

        private func source(at slot: UInt64, _ key: borrowing NameKey) -> Source? {
            let entry = entries[Int(UInt32(truncatingIfNeeded: slot)) - 1]
            guard entry.count == key.count else { return nil }
            for position in 0..<entry.count where text[entry.start + position] != key.bytes[position] { return nil }
            return entry.source
        }
    }

    var table: Table { Table(slots: slots, slotMask: slotMask, entries: entries, text: text) }
}

/// Finds the names that differ.
private struct NameComparison: ~Copyable {
    private let old: Snapshot
    private let new: Snapshot
    private(set) var found: [[UInt8]: RolloutNames.Source] = [:]
    private(set) var onlyOld = 0
    private(set) var onlyNew = 0
    private(set) var changed = 0
    private(set) var serials = 0
    private var key = NameKey()

    init(_ old: Snapshot, _ new: Snapshot) { (self.old, self.new) = (old, new) }

    mutating func compare() {
        let newZones = Dictionary(
            (0..<new.zoneCount).map { (new.zoneName($0), $0) }, uniquingKeysWith: { first, _ in first })
        var missing = newZones
        for zone in 0..<old.zoneCount {
            let name = old.zoneName(zone)
            missing[name] = nil
            guard let other = newZones[name], old.zones.isBroken(zone) == new.zones.isBroken(other) else {
                onlyOld += addAll(old, zone)
                if let other = newZones[name] { onlyNew += addAll(new, other) }
                continue
            }
            compare(zone, other)
        }
        for zone in missing.values { onlyNew += addAll(new, zone) }
    }

    /// Makes the old image answer all names of a zone.
    ///
    /// - Returns: the number of names.
    private mutating func addAll(_ snapshot: Snapshot, _ zone: Int) -> Int {
        var names: [[UInt8]] = []
        snapshot.zones.forEachNode(inZone: zone) { node in names.append(node.nameBytes) }
        for name in names { add(name, .old) }
        return names.count
    }

    /// Adds a name. If it is in several zones, the most cautious source applies.
    private mutating func add(_ name: [UInt8], _ source: RolloutNames.Source) {
        guard let known = found[name], known.rawValue >= source.rawValue else {
            found[name] = source
            return
        }
    }

    private mutating func compare(_ oldZone: Int, _ newZone: Int) {
        let (oldServices, newServices) = (
            old.boundServiceNames(ofZone: oldZone), new.boundServiceNames(ofZone: newZone)
        )
        let (before, after) = (old.zones.bytes(ofZone: oldZone), new.zones.bytes(ofZone: newZone))
        if oldServices == newServices, ColumnReader(before).hasSameBytes(as: ColumnReader(after)) { return }
        // The apex comes first.
        var isApex = true
        var names: [[UInt8]] = []
        old.zones.forEachNode(inZone: oldZone) { names.append($0.nameBytes) }
        for name in names {
            defer { isApex = false }
            guard key.set(name.span), let one = node(old, oldZone) else { continue }
            guard let two = node(new, newZone) else {
                onlyOld += 1
                add(name, .old)
                continue
            }
            let oldService = one.service < 0 ? nil : oldServices[Int(one.service)]
            let newService = two.service < 0 ? nil : newServices[Int(two.service)]
            let (records, others) = (one.staticRecords, two.staticRecords)
            guard oldService != newService || records != others else { continue }
            changed += 1
            if oldService == newService, records.map(\.withoutSerial) == others.map(\.withoutSerial) { serials += 1 }
            add(name, Self.source(records, oldService, others, newService, isApex: isApex))
        }
        names = []
        new.zones.forEachNode(inZone: newZone) { names.append($0.nameBytes) }
        for name in names where key.set(name.span) && node(old, oldZone) == nil {
            onlyNew += 1
            add(name, .old)
        }
    }

    private func node(_ snapshot: Snapshot, _ zone: Int) -> ZoneNode? {
        withUnsafePointer(to: snapshot.zones) { $0.node(key, inZone: zone) }
    }

    /// Returns the source of a name that both images have.
    private static func source(
        _ before: [StaticRecord], _ oldService: String?, _ after: [StaticRecord], _ newService: String?, isApex: Bool
    ) -> RolloutNames.Source {
        let (old, new) = (Set(before.map(\.type)), Set(after.map(\.type)))
        let authority: Set<RecordType> = [.soa, .ns, .ds, .dname]
        let canSplit = !isApex && authority.isDisjoint(with: old.union(new))
        switch (oldService, newService) {
        // The other side would deny a type that only one side has, and resolvers cache that denial for all clients.
        case (nil, nil): return canSplit && old == new ? .split : .old
        case (_?, _?): return canSplit && old == new ? .split : oldService == newService ? .service : .otherService
        // Only one side has a service here: types that the service lacks would be denied on that side alone.
        default: return .old
        }
    }
}

/// A static record, without the zone's id.
private struct StaticRecord: Hashable {
    var type: RecordType
    var head: [UInt8]
    var text: [UInt8]

    /// The record; a SOA record without its serial.
    var withoutSerial: StaticRecord {
        guard type == .soa else { return self }
        var fields = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        if fields.count > 2 { fields[2] = [] }
        return StaticRecord(type: type, head: head, text: Array(fields.joined(separator: [UInt8(ascii: " ")])))
    }
}

extension ZoneNode {
    fileprivate var nameBytes: [UInt8] { withName { name in name.withUnsafeBufferPointer { Array($0) } } }

    fileprivate var staticRecords: [StaticRecord] {
        var records: [StaticRecord] = []
        forEachRecord(type: .any) { head, text, type, isAuthoritative in
            let flag: [UInt8] = [isAuthoritative ? 1 : 0]
            records.append(
                StaticRecord(
                    type: type, head: head.withUnsafeBufferPointer { Array($0) } + flag,
                    text: text.withUnsafeBufferPointer { Array($0) }))
        }
        return records
    }
}

extension Snapshot {
    /// Returns the names of a zone's services, by their number in the zone.
    fileprivate func boundServiceNames(ofZone zone: Int) -> [String] {
        answers.services(ofZone: zone).map { serviceNames[Int(answers.services[$0].service)] }
    }
}
