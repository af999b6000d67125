import DNS
import Platform

/// An index that finds the zone of a name.
@usableFromInline
struct ApexIndex: Sendable {
    /// A hash table: the hash of an apex in the upper half, one more than the zone's position in the lower half; 0
    /// for a free slot.
    @usableFromInline let slots: Column<UInt64>
    /// The keys of all apexes, one after another.
    @usableFromInline let keys: Column<UInt8>
    /// The start of each key; the last element is the end.
    @usableFromInline let starts: Column<UInt32>
    /// The number of labels of each apex.
    @usableFromInline let labelCounts: Column<UInt8>
    /// A bit for each number of labels, 0...127, set if some apex has that number.
    @usableFromInline let depths: (UInt64, UInt64)
    /// The position of the root zone; -1 if there is none.
    @usableFromInline let rootZone: Int

    /// The last column of the index.
    private struct Shape: BitwiseCopyable {
        var depths: (UInt64, UInt64) = (0, 0)
        var rootZone: Int64 = -1
    }

    static func write(_ apexes: [DomainName], to columns: inout ColumnWriter) {
        var size = 8
        while size < 2 * apexes.count { size *= 2 }
        var slots = [UInt64](repeating: 0, count: size)
        var keys: [UInt8] = []
        var starts: [UInt32] = [0]
        var shape = Shape()
        for (zone, apex) in apexes.enumerated() {
            let key = apex.key
            keys += key
            starts.append(UInt32(keys.count))
            guard apex != .root else {
                shape.rootZone = Int64(zone)
                continue
            }
            if apex.labelCount < 64 {
                shape.depths.0 |= 1 << UInt64(apex.labelCount)
            } else {
                shape.depths.1 |= 1 << UInt64(apex.labelCount - 64)
            }
            let hash = nameHash(key.span)
            var slot = Int(hash) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt64(hash) << 32 | UInt64(zone + 1)
        }
        columns.add(slots)
        columns.add(keys)
        columns.add(starts)
        columns.add(apexes.map { UInt8($0.labelCount) })
        columns.add(one: shape)
    }

    init(from columns: inout ColumnReader, zoneCount: Int) throws(MalformedColumns) {
        slots = try columns.read()
        keys = try columns.read()
        starts = try columns.read()
        labelCounts = try columns.read()
        let shape = try columns.readOne(Shape.self)
        depths = shape.depths
        rootZone = Int(shape.rootZone)
        guard starts.count == zoneCount + 1, labelCounts.count == zoneCount, slots.count & (slots.count - 1) == 0,
            -1..<zoneCount ~= rootZone, slots.buffer.contains(0), starts[0] == 0,
            starts[zoneCount] <= keys.count,
            (0..<zoneCount).allSatisfy({ [starts] in starts[$0] <= starts[$0 + 1] }),
            slots.buffer.allSatisfy({ UInt32(truncatingIfNeeded: $0) <= zoneCount }),
            labelCounts.buffer.allSatisfy({ $0 <= NameKey.maxLabels }),
            slots.buffer.allSatisfy({ $0 == 0 || UInt32(truncatingIfNeeded: $0) > 0 })
        else { throw MalformedColumns("the index of zones is damaged") }
    }

    /// Returns the zone with the longest apex at or above the name of `key`; `nil` if there is none.
    @inlinable @inline(__always)
    func lowestZone(of key: borrowing NameKey) -> Int? {
        var labels = key.labelCount
        while labels > 0 {
            // Skip to the next number of labels that some apex has.
            labels = largestDepth(upTo: labels)
            if labels > 0, let zone = zone(key.suffix(labels: labels), hash: key.suffixHash(labels: labels)) {
                return zone
            }
            labels &-= 1
        }
        return rootZone < 0 ? nil : rootZone
    }

    /// Returns the largest number of labels that some apex has and that is at most `labels`, 0...127; 0 if there is
    /// none.
    @inlinable @inline(__always)
    func largestDepth(upTo labels: Int) -> Int {
        var depths = depths.0
        if labels >= 64 {
            let upper = self.depths.1 & (.max &>> UInt64(truncatingIfNeeded: 127 &- labels))
            if upper != 0 { return 127 &- upper.leadingZeroBitCount }
        } else {
            depths &= .max &>> UInt64(truncatingIfNeeded: 63 &- labels)
        }
        return depths == 0 ? 0 : 63 &- depths.leadingZeroBitCount
    }

    /// Whether a zone's apex is at or above the name of `key`.
    @inlinable @inline(__always)
    func isApex(_ zone: Int, atOrAbove key: borrowing NameKey) -> Bool {
        let labels = Int(labelCounts[zone])
        return labels == 0 || labels <= key.labelCount && isKey(key.suffix(labels: labels), zone)
    }

    /// Whether the name of `key`, which must be in the zone, is its apex.
    @inlinable @inline(__always)
    func isApex(_ zone: Int, _ key: borrowing NameKey) -> Bool { Int(labelCounts[zone]) == key.labelCount }

    @inlinable @inline(__always)
    func zone(_ key: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Int? {
        let mask = slots.count &- 1
        var slot = Int(hash) & mask
        while case let entry = slots[slot], entry != 0 {
            if UInt32(truncatingIfNeeded: entry &>> 32) == hash {
                let zone = Int(UInt32(truncatingIfNeeded: entry)) &- 1
                if isKey(key, zone) { return zone }
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    @inlinable @inline(__always)
    func isKey(_ key: UnsafeBufferPointer<UInt8>, _ zone: Int) -> Bool {
        let (start, end) = (Int(starts[zone]), Int(starts[zone &+ 1]))
        return end &- start == key.count
            && areEqual(keys.start + start, key.baseAddress.unsafelyUnwrapped, count: key.count)
    }
}
