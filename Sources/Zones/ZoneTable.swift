import Glibc

/// All zones: one look-up leads from a name to its zone, another to its records.
public final class ZoneTable: Sendable {
    /// The id of each zone in the protocol.
    public let ids: ZoneIDs
    private let zones: [Zone]
    private let images: [ZoneImage]
    private let apexIndex: ApexIndex

    /// - Parameter zones: each apex once.
    public init(_ zones: [Zone]) {
        self.zones = zones
        images = zones.map(\.image)
        let index = ApexIndex(zones.map(\.apex))
        apexIndex = index
        ids = ZoneIDs(zones.map(\.apex), areNested: zones.contains { index.isBelowAnother($0.apex) })
    }

    /// What is at the name that `key` holds, and the position of its zone; `nil` if it does not exist.
    ///
    /// A name that is in several zones, one of them below another, belongs to the lowest, unless pdns asks another: a
    /// parent for a delegation. What that does not have does not exist there.
    ///
    /// - Parameter zoneID: the zone that pdns asks, where it knows it; else -1.
    public func find(_ key: borrowing NameKey, zoneID: Int) -> (zone: Int, node: ZoneNode)? {
        guard let zone = zone(of: key, asked: zoneID) else { return nil }
        return node(key, inZone: zone).map { (zone, $0) }
    }

    /// What is at a name of the zone at that position; `nil` if it does not exist.
    public func node(_ key: borrowing NameKey, inZone zone: Int) -> ZoneNode? { images[zone].node(key) }

    /// The position of the zone that a name is looked for in, whether it exists or not.
    ///
    /// - Parameter zoneID: as for `find`.
    public func zone(of key: borrowing NameKey, asked zoneID: Int) -> Int? {
        // pdns may know an id from another configuration.
        if let asked = ids.zone(zoneID), apexIndex.isApex(asked, atOrAbove: key) { return asked }
        return apexIndex.lowestZone(of: key)
    }

    /// The position of the zone whose apex is the name that `key` holds.
    public func zone(_ key: borrowing NameKey) -> Int? {
        guard let zone = apexIndex.lowestZone(of: key), apexIndex.isApex(zone, key) else { return nil }
        return zone
    }

    /// Whether the name that `key` holds is the zone's apex or below it.
    public func isInZone(_ key: borrowing NameKey, _ zone: Int) -> Bool { apexIndex.isApex(zone, atOrAbove: key) }

    /// The length of the longest name that a DNAME record of the zone points to, in bytes on the wire; 0 if there is none.
    public func longestDNAMETarget(inZone zone: Int) -> Int { Int(images[zone].header.longestDNAMETarget) }

    /// Calls `body` for every name of a zone, the apex first.
    public func forEachNode(inZone zone: Int, _ body: (ZoneNode) -> Void) { images[zone].forEachNode(body) }
}

/// Finds the zone that a name belongs to.
private struct ApexIndex: Sendable {
    /// Half of each slot is the hash, the other half one more than the zone's position; 0 if the slot is free.
    private var slots: [UInt64]
    /// The keys of all apexes, one behind the other.
    private var keys: [UInt8] = []
    /// Where each key ends.
    private var ends: [Int] = [0]
    private var labelCounts: [Int] = []
    /// The bit of each number of labels that some apex has.
    private var depths: UInt128 = 0
    /// The zone of the root, if it is there.
    private var rootZone: Int?

    init(_ apexes: [DomainName]) {
        var size = 8
        while size < 2 * apexes.count { size *= 2 }
        slots = Array(repeating: 0, count: size)
        for (zone, apex) in apexes.enumerated() {
            let key = apex.key
            keys += key
            ends.append(keys.count)
            labelCounts.append(apex.labelCount)
            guard apex != .root else {
                rootZone = zone
                continue
            }
            depths |= 1 << UInt128(apex.labelCount)
            let hash = nameHash(key.span)
            var slot = Int(hash) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt64(hash) << 32 | UInt64(zone + 1)
        }
    }

    func lowestZone(of key: borrowing NameKey) -> Int? {
        var labels = key.labelCount
        while labels > 0 {
            if depths >> UInt128(labels) & 1 == 1, let zone = zone(key.suffix(labels: labels)) { return zone }
            labels -= 1
        }
        return rootZone
    }

    /// Whether some other apex is above this one.
    func isBelowAnother(_ apex: DomainName) -> Bool {
        var key = NameKey()
        let parent = apex.parent?.key
        return parent.map { key.set($0.span) && lowestZone(of: key) != nil } ?? false
    }

    func isApex(_ zone: Int, atOrAbove key: borrowing NameKey) -> Bool {
        let labels = labelCounts[zone]
        return labels == 0 || labels <= key.labelCount && isKey(key.suffix(labels: labels), zone)
    }

    func isApex(_ zone: Int, _ key: borrowing NameKey) -> Bool { labelCounts[zone] == key.labelCount }

    private func zone(_ key: UnsafeBufferPointer<UInt8>) -> Int? {
        let hash = nameHash(key.span)
        let slots = slots.span
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if UInt32(truncatingIfNeeded: slots[slot] >> 32) == hash {
                let zone = Int(UInt32(truncatingIfNeeded: slots[slot])) - 1
                if isKey(key, zone) { return zone }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isKey(_ key: UnsafeBufferPointer<UInt8>, _ zone: Int) -> Bool {
        let range = ends[zone]..<ends[zone + 1]
        guard range.count == key.count else { return false }
        return keys.withUnsafeBufferPointer {
            memcmp($0.baseAddress! + range.lowerBound, key.baseAddress!, range.count) == 0
        }
    }
}
