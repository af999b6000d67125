import CBytes
import DNS
import Platform

/// One zone, compiled: a single piece of memory that holds no pointers, so that processes can share it.
///
///     header
///     buckets    UInt32: where the blocks begin whose names have a hash of these lower bits, and where the last ones end
///     order      UInt32: where the block of each name begins, in the order in which the names were written, the apex first
///     blocks     one for each name: all there is to know about the name, next to each other
///
/// A block is its own header, a header for each record, sorted by type, the name, and the records' texts. A look-up reads two
/// places of memory that the processor has not at hand: a bucket, of which there is one for two names, and the blocks from there
/// on.
@usableFromInline
struct ZoneImage: Sendable {
    @usableFromInline nonisolated(unsafe) let base: UnsafeRawPointer
    /// One less than the number of buckets. It is known without a look at the header, which may not be in the processor's cache.
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
        /// Of the whole image.
        @usableFromInline var length: Int
        /// A power of two.
        @usableFromInline var bucketCount: UInt32
        /// Of the names that somebody wrote down.
        @usableFromInline var writtenNameCount: UInt32
        /// In seconds.
        @usableFromInline var defaultTTL: UInt32
        /// In seconds.
        @usableFromInline var negativeTTL: UInt32
        /// In bytes on the wire; 0 if there is no DNAME.
        @usableFromInline var longestDNAMETarget: UInt32
        /// Of all names, also of those that exist only since there are names below.
        @usableFromInline var nameCount: UInt32
    }

    @usableFromInline
    struct Block {
        /// Where the next one begins, from here.
        @usableFromInline var length: UInt32
        @usableFromInline var keyLength: UInt16
        /// 1 if a signer may sign what is here: not at a delegation, nor below.
        @usableFromInline var isAuthoritative: UInt8
        @usableFromInline var reserved: UInt8 = 0
        /// The number of its service in the zone; -1 if it has none.
        @usableFromInline var service: Int32
        @usableFromInline var recordCount: UInt32
    }

    @usableFromInline
    struct Record {
        /// From the beginning of the block.
        @usableFromInline var start: UInt32
        @usableFromInline var length: UInt32
        @usableFromInline var type: RecordType
        /// How much of the text comes before the zone's id.
        @usableFromInline var headLength: UInt8
        /// 0 or 1.
        @usableFromInline var isAuthoritative: UInt8
    }

    /// What blocks begin at multiples of; positions of blocks are in units of it.
    @inlinable static var alignment: Int { 8 }

    var header: Header { base.load(as: Header.self) }

    /// The whole image.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: header.length) }

    @inlinable static var bucketsStart: Int { MemoryLayout<Header>.stride }

    static func orderStart(bucketCount: Int) -> Int { bucketsStart + (bucketCount + 1) * 4 }

    static func blocksStart(bucketCount: Int, nameCount: Int) -> Int {
        let end = orderStart(bucketCount: bucketCount) + nameCount * 4
        return (end + alignment - 1) / alignment * alignment
    }

    /// The number of buckets for so many names.
    static func bucketCount(forNames nameCount: Int) -> Int {
        var count = 1
        while 2 * count < nameCount { count *= 2 }
        return count
    }

    /// The name that was written as the one of that number; 0 is the apex.
    private func node(_ number: Int) -> ZoneNode {
        let position = base.load(
            fromByteOffset: Self.orderStart(bucketCount: bucketMask + 1) + number * 4, as: UInt32.self)
        return ZoneNode(block: base + Int(position) * Self.alignment)
    }

    /// The serial of the zone.
    var serial: UInt32? {
        var serial: UInt32?
        node(0).forEachRecord(type: .soa) { _, text, _, _ in
            serial = soaSerial(String(decoding: (0..<text.count).map { text[$0] }, as: UTF8.self))
        }
        return serial
    }

    /// What is at the name that `key` holds.
    @inlinable @inline(__always)
    func node(_ key: borrowing NameKey) -> ZoneNode? {
        let bucket = base + (Self.bucketsStart &+ (Int(key.hash) & bucketMask) &* 4)
        var block = base + Int(bucket.load(as: UInt32.self)) &* Self.alignment
        let end = base + Int(bucket.load(fromByteOffset: 4, as: UInt32.self)) &* Self.alignment
        // All of it is on its way while the first of it is waited for.
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
    /// Whether all that a look-up follows stays inside of `bytes`, whatever they are.
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
        // A bit for each multiple of the alignment at which a block begins.
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
        // A search goes from block to block, from where a bucket begins to where the next one does.
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
        guard bytes.count - offset >= MemoryLayout<Block>.stride else { return nil }
        let block = bytes.load(fromByteOffset: offset, as: Block.self)
        let length = Int(block.length)
        let heads = MemoryLayout<Block>.stride + Int(block.recordCount) * MemoryLayout<Record>.stride
        guard length % alignment == 0, length > 0, length <= bytes.count - offset,
            heads + Int(block.keyLength) <= length,
            -1..<serviceCount ~= Int(block.service)
        else { return nil }
        for position in 0..<Int(block.recordCount) {
            let record = bytes.load(
                fromByteOffset: offset + MemoryLayout<Block>.stride + position * MemoryLayout<Record>.stride,
                as: Record.self)
            guard Int(record.start) + Int(record.length) <= length, Int(record.headLength) <= Int(record.length) else {
                return nil
            }
        }
        return length
    }
}

// MARK: - Names

/// One name of a zone. It is valid as long as the zone's table.
public struct ZoneNode {
    @usableFromInline let block: UnsafeRawPointer

    @inlinable @inline(__always)
    init(block: UnsafeRawPointer) { self.block = block }

    @inlinable var header: ZoneImage.Block { block.load(as: ZoneImage.Block.self) }

    /// The number of its service in the zone; -1 if it has none.
    @inlinable public var service: Int32 { header.service }

    /// Whether there are any but those of its service.
    @inlinable public var hasRecords: Bool { header.recordCount > 0 }

    /// Whether a signer may sign what is here: not at a delegation, nor below.
    @inlinable public var isAuthoritative: Bool { header.isAuthoritative != 0 }

    @inlinable @inline(__always)
    var keyStart: Int {
        MemoryLayout<ZoneImage.Block>.stride &+ Int(header.recordCount) &* MemoryLayout<ZoneImage.Record>.stride
    }

    /// Calls `body` with the name, in lower case and as pdns writes it.
    public func withName<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        body(bytes(keyStart..<(keyStart + Int(header.keyLength))).span)
    }

    @inlinable @inline(__always)
    func isNamed(_ key: borrowing NameKey) -> Bool {
        key.count == Int(header.keyLength) && areEqual(block + keyStart, key.bytes, count: key.count)
    }

    /// Calls `body` for the records of `type`, or for all if that is `any`. Not one, but for a service, has a name that exists
    /// without having any (an empty non-terminal, RFC 9499): it has a marker.
    ///
    /// - Parameter body: gets what comes before the zone's id in a line, and what comes behind it.
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

    /// The position of the first record whose type has no lower rank.
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
    func record(_ position: Int) -> ZoneImage.Record {
        block.load(
            fromByteOffset: MemoryLayout<ZoneImage.Block>.stride + position * MemoryLayout<ZoneImage.Record>.stride,
            as: ZoneImage.Record.self)
    }

    @inlinable @inline(__always)
    func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: (block + range.lowerBound).assumingMemoryBound(to: UInt8.self), count: range.count)
    }
}
