import DNS
import Platform
import Zones

/// The names that both sides of a rollout do not answer alike, and how they are answered while it runs.
///
/// No negative answer has a scope: pdns and resolvers keep it for all clients (RFC 2308, RFC 7871 section 7.4). So whether a name exists
/// is the old image's to say until the commit, and so are SOA, NS, DS and DNAME records, and zones as a whole.
final class RolloutNames: Sendable {
    /// Whether no name differs, but for the serials of zones.
    var isSame: Bool { onlyOld == 0 && onlyNew == 0 && changed == serials }
    /// Names of which nothing differs but a serial.
    let serials: Int

    /// How a name is answered.
    enum Way: UInt8 {
        /// Static records are those of the client's side, and so is the service.
        case split
        /// Static records are the old image's, and the service, the same on both sides, is that of the client's side.
        case service
        /// Static records are the old image's, and the client's side has a service of its own there.
        case otherService
        /// All of it is the old image's.
        case old
    }

    /// Names that one image alone has, and names that differ.
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
        var way: Way
    }

    /// Compares all names.
    init(from old: Snapshot, to new: Snapshot) {
        var finder = Finder(old, new)
        withExtendedLifetime((old, new)) { finder.compare() }
        (onlyOld, onlyNew, changed) = (finder.onlyOld, finder.onlyNew, finder.changed)
        serials = finder.serials
        let found = finder.found
        // Most questions are for a name that is not here, and should find a free slot at once.
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
        for (position, (name, way)) in found.enumerated() {
            guard key.set(name.span) else { continue }
            (text + start).update(from: name, count: name.count)
            (entries + position).initialize(to: Entry(start: start, count: name.count, way: way))
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

    /// The table as the answering thread sees it; valid as long as its owner.
    struct Table {
        fileprivate let slots: UnsafeMutablePointer<UInt64>
        fileprivate let slotMask: Int
        fileprivate let entries: UnsafeMutablePointer<Entry>
        fileprivate let text: UnsafeMutablePointer<UInt8>

        /// Whether `way` may have an answer.
        @inline(__always)
        func mayHave(_ key: borrowing NameKey) -> Bool { slots[Int(key.hash) & slotMask] != 0 }

        /// How the name that `key` holds is answered; `nil` if both sides answer it alike but for the datacenters of its service.
        @inline(__always)
        func way(_ key: borrowing NameKey) -> Way? {
            var slot = Int(key.hash) & slotMask
            while true {
                let entry = slots[slot]
                guard entry != 0 else { return nil }
                if UInt32(truncatingIfNeeded: entry >> 32) == key.hash, let way = way(at: entry, key) { return way }
                slot = (slot &+ 1) & slotMask
            }
        }

        private func way(at slot: UInt64, _ key: borrowing NameKey) -> Way? {
            let entry = entries[Int(UInt32(truncatingIfNeeded: slot)) - 1]
            guard entry.count == key.count else { return nil }
            for position in 0..<entry.count where text[entry.start + position] != key.bytes[position] { return nil }
            return entry.way
        }
    }

    var table: Table { Table(slots: slots, slotMask: slotMask, entries: entries, text: text) }
}

/// Finds the names that differ.
private struct Finder: ~Copyable {
    private let old: Snapshot
    private let new: Snapshot
    private(set) var found: [[UInt8]: RolloutNames.Way] = [:]
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

    /// Has all names of a zone answered by the old image.
    ///
    /// - Returns: how many these are.
    private mutating func addAll(_ snapshot: Snapshot, _ zone: Int) -> Int {
        var names: [[UInt8]] = []
        snapshot.zones.forEachNode(inZone: zone) { node in names.append(node.nameBytes) }
        for name in names { add(name, .old) }
        return names.count
    }

    /// The most careful way counts, if a name is in several zones.
    private mutating func add(_ name: [UInt8], _ way: RolloutNames.Way) {
        guard let known = found[name], known.rawValue >= way.rawValue else {
            found[name] = way
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
            add(name, Self.way(records, oldService, others, newService, isApex: isApex))
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

    /// How a name that both images have is answered.
    private static func way(
        _ before: [StaticRecord], _ oldService: String?, _ after: [StaticRecord], _ newService: String?, isApex: Bool
    ) -> RolloutNames.Way {
        let (old, new) = (Set(before.map(\.type)), Set(after.map(\.type)))
        let authority: Set<RecordType> = [.soa, .ns, .ds, .dname]
        let canSplit = !isApex && authority.isDisjoint(with: old.union(new))
        switch (oldService, newService) {
        // A type that one side alone has would be denied to its clients, and that is kept for all.
        case (nil, nil): return canSplit && old == new ? .split : .old
        case (_?, _?): return canSplit && old == new ? .split : oldService == newService ? .service : .otherService
        // What the service has no records of would be denied to its clients alone.
        default: return .old
        }
    }
}

/// A static record, without the zone's id.
private struct StaticRecord: Hashable {
    var type: RecordType
    var head: [UInt8]
    var text: [UInt8]

    /// The same; of a SOA record without its serial.
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
    /// The names of the services that names of a zone have, by their number in the zone.
    fileprivate func boundServiceNames(ofZone zone: Int) -> [String] {
        answers.services(ofZone: zone).map { serviceNames[Int(answers.services[$0].service)] }
    }
}
