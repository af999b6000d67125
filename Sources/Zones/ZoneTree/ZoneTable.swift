import DNS
import Platform

/// All zones: finds the zone of a name, and the name in its zone.
///
/// It is a view of columns, and valid as long as these.
public struct ZoneTable: Sendable {
    /// The ids of the zones in the pipe protocol.
    public let ids: ZoneIDs
    @usableFromInline let apexIndex: ApexIndex
    @usableFromInline let entries: Column<Entry>
    /// The compiled zones, one after another.
    @usableFromInline let images: Column<UInt64>

    /// The place of a compiled zone.
    @usableFromInline
    struct Entry: BitwiseCopyable {
        /// The start in `images`, in units of eight bytes.
        @usableFromInline var start: UInt64
        /// The length in units of eight bytes; 0 if the zone has no content.
        @usableFromInline var length: UInt64
        /// The number of the zone's buckets minus 1.
        @usableFromInline var bucketMask: UInt64
        /// The number of the zone's services.
        @usableFromInline var serviceCount: UInt64
    }

    /// The number of zones.
    public var count: Int { entries.count }

    /// Writes zones as columns.
    ///
    /// - Parameter zones: the zones; their apexes must be different.
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

    /// Returns the ids of zones by position.
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

    /// Reads columns that `write` wrote, and checks all of them.
    public init(from columns: inout ColumnReader) throws(MalformedColumns) {
        let entries = try columns.read(Entry.self)
        self.entries = entries
        ids = try ZoneIDs(from: &columns, zoneCount: entries.count)
        apexIndex = try ApexIndex(from: &columns, zoneCount: entries.count)
        images = try columns.read()
        for entry in entries.buffer where entry.serviceCount > UInt64(Int32.max) {
            throw MalformedColumns("the number of services of a zone is out of range")
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

    /// Returns the compiled zone at a position; `nil` if it has no content.
    func image(_ zone: Int) -> ZoneImage? { withUnsafePointer(to: self) { $0.image(zone) } }

    /// Whether a zone has no content, because its source has never been free of errors.
    public func isBroken(_ zone: Int) -> Bool { entries[zone].length == 0 }

    /// Returns the number of services of a zone.
    public func serviceCount(ofZone zone: Int) -> Int { Int(entries[zone].serviceCount) }

    /// Returns the name of `key` and the position of its zone; `nil` if it does not exist.
    ///
    /// A name that is in several nested zones belongs to the lowest one, unless pdns asks for another: the parent, for
    /// a delegation. Then it is looked up only in that zone.
    ///
    /// - Parameter zoneID: the id of the zone that pdns asks for; -1 if it does not know one.
    public func find(_ key: borrowing NameKey, zoneID: Int) -> (zone: Int, node: ZoneNode)? {
        withUnsafePointer(to: self) { zones in
            guard let zone = zones.zone(of: key, asked: zoneID) else { return nil }
            return zones.node(key, inZone: zone).map { (zone, $0) }
        }
    }

    /// Returns the position of the zone whose apex is the name of `key`; `nil` if there is none.
    public func zone(_ key: borrowing NameKey) -> Int? {
        guard let zone = apexIndex.lowestZone(of: key), apexIndex.isApex(zone, key) else { return nil }
        return zone
    }

    /// Whether the name of `key` is at or below the zone's apex.
    public func isInZone(_ key: borrowing NameKey, _ zone: Int) -> Bool { apexIndex.isApex(zone, atOrAbove: key) }

    /// Returns the length in wire format of the longest target of a DNAME record of the zone; 0 if there is none.
    public func longestDNAMETarget(inZone zone: Int) -> Int {
        image(zone).map { Int($0.header.longestDNAMETarget) } ?? 0
    }

    /// Returns the bytes of a zone; empty if it has no content. They are equal for two zones with the same names,
    /// records and service numbers.
    package func bytes(ofZone zone: Int) -> UnsafeRawBufferPointer {
        image(zone)?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Returns the number of names of a zone with records or a service.
    package func writtenNameCount(ofZone zone: Int) -> Int { image(zone).map { Int($0.header.writtenNameCount) } ?? 0 }

    /// Calls `body` for every name of a zone, the apex first.
    public func forEachNode(inZone zone: Int, _ body: (ZoneNode) -> Void) { image(zone)?.forEachNode(body) }
}

/// The look-ups for a question, through a pointer: a call of a function of so large a structure would copy all of it.
extension UnsafePointer where Pointee == ZoneTable {
    /// Returns the position of the zone to look a name up in; `nil` if there is none.
    ///
    /// - Parameter zoneID: see `find`.
    @inlinable @inline(__always)
    public func zone(of key: borrowing NameKey, asked zoneID: Int) -> Int? {
        // The id may come from another configuration, so the zone must contain the name.
        if let asked = pointee.ids.zone(zoneID), pointee.apexIndex.isApex(asked, atOrAbove: key) { return asked }
        return pointee.apexIndex.lowestZone(of: key)
    }

    /// Returns a name of the zone at a position; `nil` if it does not exist.
    @inlinable @inline(__always)
    public func node(_ key: borrowing NameKey, inZone zone: Int) -> ZoneNode? { image(zone)?.node(key) }

    /// Returns the compiled zone at a position; `nil` if it has no content.
    @inlinable @inline(__always)
    func image(_ zone: Int) -> ZoneImage? {
        let entry = pointee.entries[zone]
        guard entry.length > 0 else { return nil }
        return ZoneImage(
            base: UnsafeRawPointer(pointee.images.start + Int(truncatingIfNeeded: entry.start)),
            bucketMask: Int(truncatingIfNeeded: entry.bucketMask))
    }
}
