import DNS
import Platform

/// Builds the compiled form of a zone in memory.
struct ZoneImageBuilder {
    private let contents: ParsedZone
    private let rrsets: RRsets
    private let delegations: ZoneDelegations
    private let negativeTTL: UInt32
    private var heads = ClassTypeTTLCache()

    init(_ contents: ParsedZone, _ rrsets: RRsets, _ delegations: ZoneDelegations, negativeTTL: UInt32) {
        self.contents = contents
        self.rrsets = rrsets
        self.delegations = delegations
        self.negativeTTL = negativeTTL
    }

    /// Returns the compiled zone, in memory that the caller must deallocate.
    mutating func build(defaultTTL: UInt32) -> UnsafeRawBufferPointer {
        let nameCount = contents.names.count
        let bucketCount = ZoneImage.bucketCount(forNames: nameCount)
        let blocksStart = ZoneImage.blocksStart(bucketCount: bucketCount, nameCount: nameCount)
        var length = blocksStart
        var blockLengths: [Int] = []
        blockLengths.reserveCapacity(nameCount)
        // The start of the blocks of each bucket; the last element is the end.
        var bucketStarts = [Int](repeating: 0, count: bucketCount + 1)
        for name in 0..<nameCount {
            let blockLength = blockLength(of: name)
            blockLengths.append(blockLength)
            bucketStarts[Int(contents.names.hash(of: name)) & (bucketCount - 1) + 1] += blockLength
            length += blockLength
        }
        bucketStarts[0] = blocksStart
        for bucket in 1...bucketCount { bucketStarts[bucket] += bucketStarts[bucket - 1] }

        let image = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: ZoneImage.alignment)
        image.initializeMemory(as: UInt8.self, repeating: 0)
        func store(_ offset: Int, at place: Int) {
            image.storeBytes(of: UInt32(offset / ZoneImage.alignment), toByteOffset: place, as: UInt32.self)
        }
        for (bucket, start) in bucketStarts.enumerated() { store(start, at: ZoneImage.bucketsStart + bucket * 4) }
        var header = ZoneImage.Header(
            length: length, bucketCount: UInt32(bucketCount), writtenNameCount: 0, defaultTTL: defaultTTL,
            negativeTTL: negativeTTL, longestDNAMETarget: UInt32(longestDNAMETarget), nameCount: UInt32(nameCount))
        let orderStart = ZoneImage.orderStart(bucketCount: bucketCount)
        for name in 0..<nameCount {
            let bucket = Int(contents.names.hash(of: name)) & (bucketCount - 1)
            let offset = bucketStarts[bucket]
            bucketStarts[bucket] += blockLengths[name]
            store(offset, at: orderStart + name * 4)
            let isEmptyNonTerminal = isEmptyNonTerminal(name)
            header.writtenNameCount += isEmptyNonTerminal ? 0 : 1
            write(name, isEmptyNonTerminal: isEmptyNonTerminal, at: offset, length: blockLengths[name], image)
        }
        image.storeBytes(of: header, as: ZoneImage.Header.self)
        return UnsafeRawBufferPointer(image)
    }

    /// The length in wire format of the longest target of a DNAME record; 0 if there is none.
    private var longestDNAMETarget: Int {
        contents.records.lazy.filter { $0.type == .dname }
            .map { [contents] in wireLength(of: contents.texts.span.extracting($0.textRange)) }.max() ?? 0
    }

    /// Whether the name is an empty non-terminal.
    private func isEmptyNonTerminal(_ name: Int) -> Bool {
        rrsets.isEmpty(name) && (contents.services.isEmpty || contents.services[Int32(name)] == nil)
    }

    private mutating func blockLength(of name: Int) -> Int {
        var length = MemoryLayout<ZoneImage.BlockHeader>.stride + contents.names.keyRange(of: name).count
        func add(head: Int, text: Int) { length += MemoryLayout<ZoneImage.RecordHeader>.stride + head + text + 1 }
        var ttl = RRsetTTL()
        for position in rrsets[name] {
            let record = contents.records[Int(position)]
            add(head: heads.head(record.type, ttl.of(record)).count, text: Int(record.textLength))
        }
        if isEmptyNonTerminal(name) {
            add(head: heads.head(.marker, negativeTTL).count, text: RecordContent.empty.text.utf8.count)
        }
        return (length + ZoneImage.alignment - 1) / ZoneImage.alignment * ZoneImage.alignment
    }

    private mutating func write(
        _ name: Int, isEmptyNonTerminal: Bool, at start: Int, length: Int, _ image: UnsafeMutableRawBufferPointer
    ) {
        let cut = name == 0 ? .authoritative : delegations[name]
        let positions = rrsets[name]
        let recordCount = positions.count + (isEmptyNonTerminal ? 1 : 0)
        let keyLength = contents.names.keyRange(of: name).count
        image.storeBytes(
            of: ZoneImage.BlockHeader(
                length: UInt32(length), keyLength: UInt16(keyLength), isAuthoritative: cut == .authoritative ? 1 : 0,
                service: contents.services.isEmpty ? -1 : contents.services[Int32(name)] ?? -1,
                recordCount: UInt32(recordCount)),
            toByteOffset: start, as: ZoneImage.BlockHeader.self)
        var recordStart = start + MemoryLayout<ZoneImage.BlockHeader>.stride
        var end = recordStart + recordCount * MemoryLayout<ZoneImage.RecordHeader>.stride
        func append(_ bytes: Span<UInt8>) {
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: image[end...]).copyMemory(from: $0) }
            end += bytes.count
        }
        func append(_ type: RecordType, head: [UInt8], _ text: Span<UInt8>, isAuthoritative: Bool) {
            let textStart = end
            append(head.span)
            append(text)
            image[end] = UInt8(ascii: "\n")
            end += 1
            image.storeBytes(
                of: ZoneImage.RecordHeader(
                    start: UInt32(textStart - start), length: UInt32(end - textStart), type: type,
                    headLength: UInt8(head.count), isAuthoritative: isAuthoritative ? 1 : 0),
                toByteOffset: recordStart, as: ZoneImage.RecordHeader.self)
            recordStart += MemoryLayout<ZoneImage.RecordHeader>.stride
        }
        contents.names.withKey(of: name) { append($0) }
        var ttl = RRsetTTL()
        for position in positions {
            let record = contents.records[Int(position)]
            // Glue and the NS records of a delegation are not signed; its DS record is.
            append(
                record.type, head: heads.head(record.type, ttl.of(record)),
                contents.texts.span.extracting(record.textRange),
                isAuthoritative: cut == .authoritative || cut == .delegationPoint && record.type == .ds)
        }
        if isEmptyNonTerminal {
            let text = Array(RecordContent.empty.text.utf8)
            append(.marker, head: heads.head(.marker, negativeTTL), text.span, isAuthoritative: cut == .authoritative)
        }
    }
}

/// The TTL of the RRsets of a name, whose records come sorted by type: an RRset has the TTL of its first record (RFC
/// 2181 section 5.2).
private struct RRsetTTL {
    private var first: (type: RecordType, ttl: UInt32)?

    mutating func of(_ record: ParsedZone.Entry) -> UInt32 {
        if let first, first.type == record.type { return first.ttl }
        first = (record.type, record.ttl)
        return record.ttl
    }
}

/// A cache of the texts between names and zone ids. A zone has few different ones.
private struct ClassTypeTTLCache {
    private var heads: [UInt64: [UInt8]] = [:]
    /// The last text, which is usually the next one, too.
    private var last: (key: UInt64, head: [UInt8]) = (.max, [])

    mutating func head(_ type: RecordType, _ ttl: UInt32) -> [UInt8] {
        let key = UInt64(type.rawValue) << 32 | UInt64(ttl)
        if key == last.key { return last.head }
        let head = heads[key] ?? classTypeTTL(type, ttl)
        heads[key] = head
        last = (key, head)
        return head
    }
}

/// Returns the text of a `DATA` line between the name and the zone's id: class, type and TTL.
public func classTypeTTL(_ type: RecordType, _ ttl: UInt32) -> [UInt8] { Array("\tIN\t\(type)\t\(ttl)\t".utf8) }
