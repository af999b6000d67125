import CBytes
import DNS
import Platform

/// A compiled zone: a piece of memory without pointers, so that processes can share it.
///
///     header
///     buckets    UInt32: the start of the blocks of each bucket, by the lower bits of the hash of a name; then the end
///     order      UInt32: the start of the block of each name, in the order in which the names were written, the apex
/// first
///     blocks     one for each name, with all its data
///
/// A block has a header, a header for each record, sorted by type, the name, and the texts of the records. There is one
/// bucket for two names. A look-up misses the cache about twice: for the bucket, and for the block.
@usableFromInline
struct ZoneImage: Sendable {
    @usableFromInline nonisolated(unsafe) let base: UnsafeRawPointer
    /// The number of buckets minus 1. A copy, because reading the header might miss the cache.
    @usableFromInline let bucketMask: Int

    init(base: UnsafeRawPointer) {
        self.base = base
        bucketMask = Int(base.load(as: Header.self).bucketCount) - 1
    }

    @inlinable @inline(__always)
    init(base: UnsafeRawPointer, bucketMask: Int) {
        self.base = base
        self.bucketMask = bucketMask
    }

    @usableFromInline
    struct Header {
        /// The length of the whole zone in bytes.
        @usableFromInline var length: Int
        /// The number of buckets, a power of two.
        @usableFromInline var bucketCount: UInt32
        /// The number of names with records or a service.
        @usableFromInline var writtenNameCount: UInt32
        /// The default TTL in seconds.
        @usableFromInline var defaultTTL: UInt32
        /// The TTL of negative answers in seconds.
        @usableFromInline var negativeTTL: UInt32
        /// The length in wire format of the longest target of a DNAME record; 0 if there is none.
        @usableFromInline var longestDNAMETarget: UInt32
        /// The number of all names, including empty non-terminals.
        @usableFromInline var nameCount: UInt32
    }

    /// The header of a name's block.
    @usableFromInline
    struct BlockHeader {
        /// The length of the block in bytes; the next block of the bucket follows it.
        @usableFromInline var length: UInt32
        @usableFromInline var keyLength: UInt16
        /// 1 if the data is authoritative and may be signed; 0 at and below a delegation.
        @usableFromInline var isAuthoritative: UInt8
        @usableFromInline var reserved: UInt8 = 0
        /// The number of the name's service in the zone; -1 if it has none.
        @usableFromInline var service: Int32
        @usableFromInline var recordCount: UInt32
    }

    /// The header of a record in a block.
    @usableFromInline
    struct RecordHeader {
        /// The offset of the text from the beginning of the block.
        @usableFromInline var start: UInt32
        @usableFromInline var length: UInt32
        @usableFromInline var type: RecordType
        /// The length of the part of the text before the zone's id.
        @usableFromInline var headLength: UInt8
        /// The `auth` flag of the protocol, 0 or 1.
        @usableFromInline var isAuthoritative: UInt8
    }

    /// The alignment of blocks in bytes, and the unit of their positions.
    @inlinable static var alignment: Int { 8 }

    var header: Header { base.load(as: Header.self) }

    /// The bytes of the whole zone.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: header.length) }

    @inlinable static var bucketsStart: Int { MemoryLayout<Header>.stride }

    static func orderStart(bucketCount: Int) -> Int { bucketsStart + (bucketCount + 1) * 4 }

    static func blocksStart(bucketCount: Int, nameCount: Int) -> Int {
        let end = orderStart(bucketCount: bucketCount) + nameCount * 4
        return (end + alignment - 1) / alignment * alignment
    }

    /// Returns the number of buckets for a number of names: a power of two, one bucket for about two names.
    static func bucketCount(forNames nameCount: Int) -> Int {
        var count = 1
        while 2 * count < nameCount { count *= 2 }
        return count
    }

    /// Returns the name of a number; 0 is the apex.
    private func node(_ number: Int) -> ZoneNode {
        let position = base.load(
            fromByteOffset: Self.orderStart(bucketCount: bucketMask + 1) + number * 4, as: UInt32.self)
        return ZoneNode(block: base + Int(position) * Self.alignment)
    }

    /// The serial of the zone; `nil` if it cannot be read.
    var serial: UInt32? {
        var serial: UInt32?
        node(0).forEachRecord(type: .soa) { _, text, _, _ in
            serial = soaSerial(String(decoding: (0..<text.count).map { text[$0] }, as: UTF8.self))
        }
        return serial
    }

    /// Returns the name of `key`; `nil` if it does not exist.
    @inlinable @inline(__always)
    func node(_ key: borrowing NameKey) -> ZoneNode? {
        let bucket = base + (Self.bucketsStart &+ (Int(key.hash) & bucketMask) &* 4)
        var block = base + Int(bucket.load(as: UInt32.self)) &* Self.alignment
        let end = base + Int(bucket.load(fromByteOffset: 4, as: UInt32.self)) &* Self.alignment
        // Fetch all cache lines of the bucket at once, while the first one is waited for.
        prefetch_lines(block, end)
        while block < end {
            let node = ZoneNode(block: block)
            if node.isNamed(key) { return node }
            block += Int(node.header.length)
        }
        return nil
    }

    /// Calls `body` for every name, the apex first.
    func forEachNode(_ body: (ZoneNode) -> Void) {
        for number in 0..<Int(header.nameCount) { body(node(number)) }
    }
}

// MARK: - Checking

extension ZoneImage {
    /// Whether look-ups stay inside `bytes`, which may be damaged.
    ///
    /// - Parameter serviceCount: the number of services that names of the zone may have.
    static func isSound(_ bytes: UnsafeRawBufferPointer, serviceCount: Int) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= bucketsStart + 8 else { return false }
        let header = base.load(as: Header.self)
        let (bucketCount, nameCount) = (Int(header.bucketCount), Int(header.nameCount))
        guard header.length == bytes.count, bytes.count % alignment == 0, bucketCount > 0,
            bucketCount & (bucketCount - 1) == 0, nameCount > 0,
            blocksStart(bucketCount: bucketCount, nameCount: nameCount) < bytes.count
        else { return false }
        let blocksStart = blocksStart(bucketCount: bucketCount, nameCount: nameCount)
        var offset = blocksStart
        var blockCount = 0
        // A bit for each multiple of the alignment, set if a block begins there.
        let startWords = bytes.count / alignment / 64 + 1
        let starts = UnsafeMutablePointer<UInt64>.allocate(capacity: startWords)
        starts.initialize(repeating: 0, count: startWords)
        defer { starts.deallocate() }
        while offset < bytes.count {
            guard let length = lengthOfSoundBlock(bytes, at: offset, serviceCount: serviceCount) else { return false }
            starts[offset / alignment / 64] |= 1 << UInt64(offset / alignment % 64)
            offset += length
            blockCount += 1
        }
        guard blockCount == nameCount else { return false }
        func isStart(_ position: Int) -> Bool {
            position * alignment < bytes.count && starts[position / 64] >> UInt64(position % 64) & 1 == 1
        }
        // A search goes from block to block, from the start of a bucket to the start of the next one, so both must be
        // starts of blocks.
        var previous = blocksStart / alignment
        for bucket in 0...bucketCount {
            let position = Int(base.load(fromByteOffset: bucketsStart + bucket * 4, as: UInt32.self))
            guard position >= previous, position * alignment == bytes.count || isStart(position) else { return false }
            previous = position
        }
        let orderStart = orderStart(bucketCount: bucketCount)
        for number in 0..<nameCount {
            guard isStart(Int(base.load(fromByteOffset: orderStart + number * 4, as: UInt32.self))) else {
                return false
            }
        }
        return true
    }

    @inline(__always)
    private static func lengthOfSoundBlock(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, serviceCount: Int
    ) -> Int? {
        guard bytes.count - offset >= MemoryLayout<BlockHeader>.stride else { return nil }
        let block = bytes.load(fromByteOffset: offset, as: BlockHeader.self)
        let length = Int(block.length)
        let heads = MemoryLayout<BlockHeader>.stride + Int(block.recordCount) * MemoryLayout<RecordHeader>.stride
        guard length % alignment == 0, length > 0, length <= bytes.count - offset,
            heads + Int(block.keyLength) <= length,
            -1..<serviceCount ~= Int(block.service)
        else { return nil }
        for position in 0..<Int(block.recordCount) {
            let record = bytes.load(
                fromByteOffset: offset + MemoryLayout<BlockHeader>.stride + position
                    * MemoryLayout<RecordHeader>.stride,
                as: RecordHeader.self)
            guard Int(record.start) + Int(record.length) <= length, Int(record.headLength) <= Int(record.length) else {
                return nil
            }
        }
        return length
    }
}

// MARK: - Names

/// A name of a zone, with its records or its service. Valid as long as the zone's table.
public struct ZoneNode {
    @usableFromInline let block: UnsafeRawPointer

    @inlinable @inline(__always)
    init(block: UnsafeRawPointer) { self.block = block }

    @inlinable var header: ZoneImage.BlockHeader { block.load(as: ZoneImage.BlockHeader.self) }

    /// The number of the name's service in the zone; -1 if it has none.
    @inlinable public var service: Int32 { header.service }

    /// Whether the name has records, not counting those of its service.
    @inlinable public var hasRecords: Bool { header.recordCount > 0 }

    /// Whether the data is authoritative and may be signed; false at and below a delegation.
    @inlinable public var isAuthoritative: Bool { header.isAuthoritative != 0 }

    @inlinable @inline(__always)
    var keyStart: Int {
        MemoryLayout<ZoneImage.BlockHeader>.stride &+ Int(header.recordCount)
            &* MemoryLayout<ZoneImage.RecordHeader>.stride
    }

    /// Calls `body` with the name in lower case, as pdns writes it.
    public func withName<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        body(bytes(keyStart..<(keyStart + Int(header.keyLength))).span)
    }

    @inlinable @inline(__always)
    func isNamed(_ key: borrowing NameKey) -> Bool {
        key.count == Int(header.keyLength) && areEqual(block + keyStart, key.bytes, count: key.count)
    }

    /// Calls `body` for the records of `type`, or for all records if it is `any`. An empty non-terminal (RFC 9499) has
    /// one record of type `marker`.
    ///
    /// - Parameter body: takes the text before the zone's id in a `DATA` line, and the text after it.
    @inlinable @inline(__always)
    public func forEachRecord(
        type: RecordType,
        _ body: (_ head: Span<UInt8>, _ text: Span<UInt8>, _ type: RecordType, _ isAuthoritative: Bool) -> Void
    ) {
        let count = Int(header.recordCount)
        var position = type == .any ? 0 : firstRecord(notBelow: type, count)
        while position < count {
            let record = record(position)
            guard record.type == type || type == .any else { return }
            let text = bytes(Int(record.start)..<Int(record.start + record.length))
            let headLength = Int(record.headLength)
            body(
                text.extracting(0..<headLength).span, text.extracting(headLength..<text.count).span, record.type,
                record.isAuthoritative != 0)
            position += 1
        }
    }

    /// Returns the position of the first record whose type has at least the rank of `type`.
    @usableFromInline
    func firstRecord(notBelow type: RecordType, _ count: Int) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if record(middle).type.rank < type.rank { low = middle + 1 } else { high = middle }
        }
        return low
    }

    @inlinable @inline(__always)
    func record(_ position: Int) -> ZoneImage.RecordHeader {
        block.load(
            fromByteOffset: MemoryLayout<ZoneImage.BlockHeader>.stride + position
                * MemoryLayout<ZoneImage.RecordHeader>.stride,
            as: ZoneImage.RecordHeader.self)
    }

    @inlinable @inline(__always)
    func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: (block + range.lowerBound).assumingMemoryBound(to: UInt8.self), count: range.count)
    }
}
