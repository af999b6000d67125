import DNS
import Platform

/// Lays a zone's image out in memory.
struct ZoneImageBuilder {
    private let contents: ZoneContents
    private let groups: RecordGroups
    private let delegations: ZoneDelegations
    private let negativeTTL: UInt32
    private var heads = LineHeads()

    init(_ contents: ZoneContents, _ groups: RecordGroups, _ delegations: ZoneDelegations, negativeTTL: UInt32) {
        self.contents = contents
        self.groups = groups
        self.delegations = delegations
        self.negativeTTL = negativeTTL
    }

    /// The image, in memory that the caller is to deallocate.
    mutating func build(defaultTTL: UInt32) -> UnsafeRawBufferPointer {
        let nameCount = contents.names.count
        var slotCount = 4
        while 3 * slotCount < 4 * nameCount { slotCount *= 2 }
        let blocksStart = ZoneImage.slotsStart + slotCount * 8
        var length = blocksStart
        for name in 0..<nameCount { length += blockLength(of: name) }

        let image = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: ZoneImage.alignment)
        image.initializeMemory(as: UInt8.self, repeating: 0)
        var header = ZoneImage.Header(
            length: length, slotCount: UInt32(slotCount), writtenNameCount: 0, defaultTTL: defaultTTL,
            negativeTTL: negativeTTL, longestDNAMETarget: UInt32(longestDNAMETarget))
        var offset = blocksStart
        for name in 0..<nameCount {
            var slot = Int(contents.names.hash(of: name)) & (slotCount - 1)
            while image.load(fromByteOffset: ZoneImage.slotsStart + slot * 8, as: UInt64.self) != 0 {
                slot = (slot + 1) & (slotCount - 1)
            }
            image.storeBytes(
                of: UInt64(contents.names.hash(of: name)) << 32 | UInt64(UInt32(offset / ZoneImage.alignment)),
                toByteOffset: ZoneImage.slotsStart + slot * 8, as: UInt64.self)
            let isMarked = isMarked(name)
            header.writtenNameCount += isMarked ? 0 : 1
            offset = write(name, isMarked: isMarked, at: offset, image)
        }
        image.storeBytes(of: header, as: ZoneImage.Header.self)
        return UnsafeRawBufferPointer(image)
    }

    /// In bytes on the wire; 0 if there is no DNAME.
    private var longestDNAMETarget: Int {
        contents.records.lazy.filter { $0.type == .dname }
            .map { [contents] in wireLength(of: contents.texts.span.extracting($0.textRange)) }.max() ?? 0
    }

    /// Whether the name is an empty non-terminal.
    private func isMarked(_ name: Int) -> Bool { groups[name].isEmpty && contents.services[Int32(name)] == nil }

    private mutating func blockLength(of name: Int) -> Int {
        var length = MemoryLayout<ZoneImage.Block>.stride + contents.names.keyRange(of: name).count
        func add(head: Int, text: Int) { length += MemoryLayout<ZoneImage.Record>.stride + head + text + 1 }
        var ttl = SetTTL()
        for position in groups[name] {
            let record = contents.records[Int(position)]
            add(head: heads.head(record.type, ttl.of(record)).count, text: Int(record.textLength))
        }
        if isMarked(name) {
            add(head: heads.head(.marker, negativeTTL).count, text: RecordContent.empty.text.utf8.count)
        }
        return (length + ZoneImage.alignment - 1) / ZoneImage.alignment * ZoneImage.alignment
    }

    /// - Returns: where the next block begins.
    private mutating func write(
        _ name: Int, isMarked: Bool, at start: Int, _ image: UnsafeMutableRawBufferPointer
    ) -> Int {
        let cut = name == 0 ? .above : delegations[name]
        let positions = groups[name]
        let recordCount = positions.count + (isMarked ? 1 : 0)
        let length = blockLength(of: name)
        let keyLength = contents.names.keyRange(of: name).count
        image.storeBytes(
            of: ZoneImage.Block(
                length: UInt32(length), keyLength: UInt16(keyLength), isAuthoritative: cut == .above ? 1 : 0,
                service: contents.services[Int32(name)] ?? -1, recordCount: UInt32(recordCount)),
            toByteOffset: start, as: ZoneImage.Block.self)
        var recordStart = start + MemoryLayout<ZoneImage.Block>.stride
        var end = recordStart + recordCount * MemoryLayout<ZoneImage.Record>.stride
        func append(_ bytes: Span<UInt8>) {
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: image[end...]).copyMemory(from: $0) }
            end += bytes.count
        }
        func append(_ type: RecordType, head: [UInt8], _ text: Span<UInt8>, isAuthoritative: Bool) {
            let textStart = end
            append(head.span)
            append(text)
            append([UInt8(ascii: "\n")].span)
            image.storeBytes(
                of: ZoneImage.Record(
                    start: UInt32(textStart - start), length: UInt32(end - textStart), type: type,
                    headLength: UInt8(head.count), isAuthoritative: isAuthoritative ? 1 : 0),
                toByteOffset: recordStart, as: ZoneImage.Record.self)
            recordStart += MemoryLayout<ZoneImage.Record>.stride
        }
        contents.names.withKey(of: name) { append($0) }
        var ttl = SetTTL()
        for position in positions {
            let record = contents.records[Int(position)]
            // What is delegated away is not signed, nor is what leads there; the DS record at the cut is.
            append(
                record.type, head: heads.head(record.type, ttl.of(record)),
                contents.texts.span.extracting(record.textRange),
                isAuthoritative: cut == .above || cut == .at && record.type == .ds)
        }
        if isMarked {
            let text = Array(RecordContent.empty.text.utf8)
            append(.marker, head: heads.head(.marker, negativeTTL), text.span, isAuthoritative: cut == .above)
        }
        return start + length
    }
}

/// The TTL of a name's records, which come sorted by type: all of one type have that of the first (RFC 2181 section 5.2).
private struct SetTTL {
    private var first: (type: RecordType, ttl: UInt32)?

    mutating func of(_ record: ZoneContents.Entry) -> UInt32 {
        if let first, first.type == record.type { return first.ttl }
        first = (record.type, record.ttl)
        return record.ttl
    }
}

/// The heads of a zone's lines, of which few differ.
private struct LineHeads {
    private var heads: [UInt64: [UInt8]] = [:]

    mutating func head(_ type: RecordType, _ ttl: UInt32) -> [UInt8] {
        let key = UInt64(type.rawValue) << 32 | UInt64(ttl)
        if let head = heads[key] { return head }
        let head = lineHead(type, ttl)
        heads[key] = head
        return head
    }
}

/// What a line has between the owner and the zone's id.
public func lineHead(_ type: RecordType, _ ttl: UInt32) -> [UInt8] { Array("\tIN\t\(type)\t\(ttl)\t".utf8) }
