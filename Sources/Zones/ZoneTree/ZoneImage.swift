import DNS
import Platform

/// One zone, compiled: a single piece of memory that holds no pointers, so that processes can share it.
///
///     header
///     slots      a hash table of the names: UInt64, of which half is the hash and half where the name's block is
///     blocks     one for each name, the apex first: all there is to know about the name, next to each other
///
/// A block is its own header, a header for each record, sorted by type, the name, and the records' texts.
@usableFromInline
struct ZoneImage: Sendable {
    @usableFromInline nonisolated(unsafe) let base: UnsafeRawPointer
    /// One less than the number of slots. It is known without a look at the header, which may not be in the processor's cache.
    @usableFromInline let slotMask: Int

    init(base: UnsafeRawPointer) {
        self.base = base
        slotMask = Int(base.load(as: Header.self).slotCount) - 1
    }

    @inlinable @inline(__always)
    init(base: UnsafeRawPointer, slotMask: Int) {
        self.base = base
        self.slotMask = slotMask
    }

    @usableFromInline
    struct Header {
        /// Of the whole image.
        @usableFromInline var length: Int
        @usableFromInline var slotCount: UInt32
        /// Of the names that somebody wrote down.
        @usableFromInline var writtenNameCount: UInt32
        /// In seconds.
        @usableFromInline var defaultTTL: UInt32
        /// In seconds.
        @usableFromInline var negativeTTL: UInt32
        /// In bytes on the wire; 0 if there is no DNAME.
        @usableFromInline var longestDNAMETarget: UInt32
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

    /// What blocks begin at multiples of.
    @inlinable static var alignment: Int { 8 }

    var header: Header { base.load(as: Header.self) }

    /// The whole image.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: header.length) }

    @inlinable static var slotsStart: Int { MemoryLayout<Header>.stride }

    var blocksStart: Int { Self.slotsStart + Int(header.slotCount) * 8 }

    /// The serial of the zone.
    var serial: UInt32? {
        var serial: UInt32?
        ZoneNode(block: base + blocksStart).forEachRecord(type: .soa) { _, text, _, _ in
            serial = soaSerial(String(decoding: (0..<text.count).map { text[$0] }, as: UTF8.self))
        }
        return serial
    }

    /// What is at the name that `key` holds.
    @inlinable @inline(__always)
    func node(_ key: borrowing NameKey) -> ZoneNode? {
        let hash = key.hash
        var slot = Int(hash) & slotMask
        while true {
            let entry = base.load(fromByteOffset: Self.slotsStart &+ slot &* 8, as: UInt64.self)
            guard entry != 0 else { return nil }
            if UInt32(truncatingIfNeeded: entry &>> 32) == hash {
                let node = ZoneNode(block: base + Int(UInt32(truncatingIfNeeded: entry)) &* Self.alignment)
                if node.isNamed(key) { return node }
            }
            slot = (slot &+ 1) & slotMask
        }
    }

    /// Calls `body` for every name, the apex first.
    func forEachNode(_ body: (ZoneNode) -> Void) {
        var offset = blocksStart
        let length = header.length
        while offset < length {
            body(ZoneNode(block: base + offset))
            offset += Int(base.load(fromByteOffset: offset, as: Block.self).length)
        }
    }
}

// MARK: - Checking

extension ZoneImage {
    /// Whether all that a look-up follows stays inside of `bytes`, whatever they are.
    ///
    /// - Parameter serviceCount: the number of services that names of the zone may have.
    static func isSound(_ bytes: UnsafeRawBufferPointer, serviceCount: Int) -> Bool {
        guard let base = bytes.baseAddress, bytes.count >= slotsStart + 8 else { return false }
        let header = base.load(as: Header.self)
        let slotCount = Int(header.slotCount)
        guard header.length == bytes.count, slotCount > 0, slotCount & (slotCount - 1) == 0,
            slotCount <= (bytes.count - slotsStart) / 8
        else { return false }
        var offset = slotsStart + slotCount * 8
        // A bit for each multiple of the alignment at which a block begins.
        let startWords = bytes.count / alignment / 64 + 1
        let starts = UnsafeMutablePointer<UInt64>.allocate(capacity: startWords)
        starts.initialize(repeating: 0, count: startWords)
        defer { starts.deallocate() }
        while offset < bytes.count {
            guard let length = lengthOfSoundBlock(bytes, at: offset, serviceCount: serviceCount) else { return false }
            starts[offset / alignment / 64] |= 1 << UInt64(offset / alignment % 64)
            offset += length
        }
        var hasFreeSlot = false
        for slot in 0..<slotCount {
            let entry = base.load(fromByteOffset: slotsStart + slot * 8, as: UInt64.self)
            guard entry != 0 else {
                hasFreeSlot = true
                continue
            }
            let position = Int(UInt32(truncatingIfNeeded: entry))
            guard position * alignment < bytes.count, starts[position / 64] >> UInt64(position % 64) & 1 == 1 else {
                return false
            }
        }
        // The first block is the apex's. A search ends at a free slot.
        return hasFreeSlot && offset == bytes.count && slotsStart + slotCount * 8 < bytes.count
    }

    @inline(__always)
    private static func lengthOfSoundBlock(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, serviceCount: Int
    ) -> Int? {
        guard bytes.count - offset >= MemoryLayout<Block>.stride else { return nil }
        let block = bytes.load(fromByteOffset: offset, as: Block.self)
        let length = Int(block.length)
        let heads = MemoryLayout<Block>.stride + Int(block.recordCount) * MemoryLayout<Record>.stride
        guard length % alignment == 0, length <= bytes.count - offset, heads + Int(block.keyLength) <= length,
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
