import DNS
import Platform

/// All zones: one look-up leads from a name to its zone, another to its records.
///
/// It is a view of columns, and is valid as long as these.
public struct ZoneTable: Sendable {
    /// The id of each zone in the protocol.
    public let ids: ZoneIDs
    @usableFromInline let apexIndex: ApexIndex
    @usableFromInline let entries: Column<Entry>
    /// The images of all zones, one after the other.
    @usableFromInline let images: Column<UInt64>

    /// Where a zone's image is.
    @usableFromInline
    struct Entry: BitwiseCopyable {
        /// In `images`, in units of eight bytes.
        @usableFromInline var start: UInt64
        /// In units of eight bytes; 0 if the zone has no content.
        @usableFromInline var length: UInt64
        /// One less than the number of buckets of its names.
        @usableFromInline var bucketMask: UInt64
        /// The number of its services.
        @usableFromInline var serviceCount: UInt64
    }

    /// The number of zones.
    public var count: Int { entries.count }

    /// Lays out zones.
    ///
    /// - Parameter zones: each apex once.
    public static func write(_ zones: [Zone], to columns: inout ColumnWriter) {
        var entries: [Entry] = []
        var length: UInt64 = 0
        for zone in zones {
            let words = UInt64((zone.imageBytes.count + 7) / 8)
            entries.append(
                Entry(
                    start: length, length: words,
                    bucketMask: zone.image.map { UInt64($0.bucketMask) } ?? 0, serviceCount: UInt64(zone.services.count)
                ))
            length += words
        }
        columns.add(entries)
        ZoneIDs.write(ids(of: zones.map(\.apex)), to: &columns)
        ApexIndex.write(zones.map(\.apex), to: &columns)
        columns.add(UInt64.self, count: Int(length)) { images in
            for (zone, entry) in zip(zones, entries) where entry.length > 0 {
                UnsafeMutableRawBufferPointer(images).baseAddress!.advanced(by: Int(entry.start) * 8)
                    .copyMemory(from: zone.imageBytes.baseAddress!, byteCount: zone.imageBytes.count)
            }
        }
    }

    /// The ids of zones, by their positions.
    public static func ids(of apexes: [DomainName]) -> [Int32] {
        let known = Set(apexes)
        let areNested = apexes.contains { apex in
            var above = apex.parent
            while let name = above {
                if known.contains(name) { return true }
                above = name.parent
            }
            return false
        }
        return ZoneIDs.ids(apexes, areNested: areNested)
    }

    /// Reads what `write` wrote, and checks all of it.
    public init(from columns: inout ColumnReader) throws(MalformedColumns) {
        let entries = try columns.read(Entry.self)
        self.entries = entries
        ids = try ZoneIDs(from: &columns, zoneCount: entries.count)
        apexIndex = try ApexIndex(from: &columns, zoneCount: entries.count)
        images = try columns.read()
        for entry in entries.buffer where entry.serviceCount > UInt64(Int32.max) {
            throw MalformedColumns("a zone has more services than there can be")
        }
        for entry in entries.buffer where entry.length > 0 {
            guard entry.start <= UInt64(images.count), entry.length <= UInt64(images.count) - entry.start,
                entry.serviceCount <= UInt64(Int32.max)
            else { throw MalformedColumns("a zone is outside of the zones") }
            let bytes = UnsafeRawBufferPointer(
                start: images.start + Int(entry.start), count: Int(entry.length) * 8)
            guard ZoneImage.isSound(bytes, serviceCount: Int(entry.serviceCount)),
                UInt64(ZoneImage(base: bytes.baseAddress!).bucketMask) == entry.bucketMask
            else { throw MalformedColumns("a zone is damaged") }
        }
    }

    /// The image of the zone at a position; `nil` if it has no content.
    func image(_ zone: Int) -> ZoneImage? { withUnsafePointer(to: self) { $0.image(zone) } }

    /// Whether a zone has no content, because what it is made of was never good.
    public func isBroken(_ zone: Int) -> Bool { entries[zone].length == 0 }

    /// The number of the services that names of a zone have.
    public func serviceCount(ofZone zone: Int) -> Int { Int(entries[zone].serviceCount) }

    /// What is at the name that `key` holds, and the position of its zone; `nil` if it does not exist.
    ///
    /// A name that is in several zones, one of them below another, belongs to the lowest, unless pdns asks another: a
    /// parent for a delegation. What that does not have does not exist there.
    ///
    /// - Parameter zoneID: the zone that pdns asks, where it knows it; else -1.
    public func find(_ key: borrowing NameKey, zoneID: Int) -> (zone: Int, node: ZoneNode)? {
        withUnsafePointer(to: self) { zones in
            guard let zone = zones.zone(of: key, asked: zoneID) else { return nil }
            return zones.node(key, inZone: zone).map { (zone, $0) }
        }
    }

    /// The position of the zone whose apex is the name that `key` holds.
    public func zone(_ key: borrowing NameKey) -> Int? {
        guard let zone = apexIndex.lowestZone(of: key), apexIndex.isApex(zone, key) else { return nil }
        return zone
    }

    /// Whether the name that `key` holds is the zone's apex or below it.
    public func isInZone(_ key: borrowing NameKey, _ zone: Int) -> Bool { apexIndex.isApex(zone, atOrAbove: key) }

    /// The length of the longest name that a DNAME record of the zone points to, in bytes on the wire; 0 if there is none.
    public func longestDNAMETarget(inZone zone: Int) -> Int {
        image(zone).map { Int($0.header.longestDNAMETarget) } ?? 0
    }

    /// The whole of a zone, in which all is the same if all names, records and numbers of services are; empty if it has no content.
    package func bytes(ofZone zone: Int) -> UnsafeRawBufferPointer {
        image(zone)?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The number of names of a zone that somebody wrote down.
    package func writtenNameCount(ofZone zone: Int) -> Int { image(zone).map { Int($0.header.writtenNameCount) } ?? 0 }

    /// Calls `body` for every name of a zone, the apex first.
    public func forEachNode(inZone zone: Int, _ body: (ZoneNode) -> Void) { image(zone)?.forEachNode(body) }
}

/// The look-ups of a question. They are a pointer's, since to call a function of so large a structure copies all of it.
extension UnsafePointer where Pointee == ZoneTable {
    /// The position of the zone that a name is looked for in, whether it exists or not.
    ///
    /// - Parameter zoneID: as for `find`.
    @inlinable @inline(__always)
    public func zone(of key: borrowing NameKey, asked zoneID: Int) -> Int? {
        // pdns may know an id from another configuration.
        if let asked = pointee.ids.zone(zoneID), pointee.apexIndex.isApex(asked, atOrAbove: key) { return asked }
        return pointee.apexIndex.lowestZone(of: key)
    }

    /// What is at a name of the zone at that position; `nil` if it does not exist.
    @inlinable @inline(__always)
    public func node(_ key: borrowing NameKey, inZone zone: Int) -> ZoneNode? { image(zone)?.node(key) }

    /// The image of the zone at a position; `nil` if it has no content.
    @inlinable @inline(__always)
    func image(_ zone: Int) -> ZoneImage? {
        let entry = pointee.entries[zone]
        guard entry.length > 0 else { return nil }
        return ZoneImage(
            base: UnsafeRawPointer(pointee.images.start + Int(truncatingIfNeeded: entry.start)),
            bucketMask: Int(truncatingIfNeeded: entry.bucketMask))
    }
}
