import Glibc

/// The layout of a database file, from its metadata (MaxMind DB spec, "Database Metadata").
struct DatabaseLayout {
    let metadata: DatabaseMetadata
    let tree: SearchTree
    /// The position of the data section in the file.
    let dataSection: Range<Int>

    /// Why a file is not a readable database.
    struct Unsound: Error, CustomStringConvertible {
        var description: String
    }

    /// The byte sequence before the metadata.
    private static let marker: [UInt8] = [0xab, 0xcd, 0xef] + Array("MaxMind.com".utf8)
    /// The number of bytes at the end of a file that are searched for the metadata; the format specifies it.
    static let metadataLimit = 128 << 10
    /// The number of zero bytes between the search tree and the data section.
    static let separator = 16

    /// Reads the metadata of a file.
    ///
    /// - Parameter workBudget: memory for a number, for reading the metadata.
    init(_ file: UnsafeRawBufferPointer, workBudget: UnsafeMutablePointer<Int>) throws(Unsound) {
        guard let metadataStart = Self.metadataStart(in: file) else {
            throw Unsound(description: "it is not in MaxMind's format, or truncated: it has no metadata")
        }
        let facts: MetadataFields
        do {
            let section = DataSection(
                file.baseAddress!.assumingMemoryBound(to: UInt8.self) + metadataStart,
                count: UInt32(file.count - metadataStart), workBudget: workBudget)
            section.limitWork(to: 1 << 16)
            facts = try MetadataFields(section)
        } catch {
            throw Unsound(description: "its metadata are damaged: \(error.reason)")
        }
        guard let version = facts.majorVersion, version == 2 else {
            throw Unsound(
                description:
                    "its format is version \(facts.majorVersion.map { "\($0)" } ?? "unknown"), and not 2 (binary_format_major_version)"
            )
        }
        guard let size = facts.recordSize, let recordSize = SearchTree.RecordSize(rawValue: size) else {
            throw Unsound(
                description:
                    "its search tree has records of \(facts.recordSize.map { "\($0)" } ?? "unknown") bits, and not of 24, 28 or 32 (record_size)"
            )
        }
        guard facts.ipVersion == 4 || facts.ipVersion == 6 else {
            throw Unsound(
                description:
                    "it is for IP version \(facts.ipVersion.map { "\($0)" } ?? "unknown"), and not 4 or 6 (ip_version)")
        }
        guard let nodes = facts.nodeCount, 1...UInt64(UInt32.max) ~= nodes else {
            throw Unsound(description: "its metadata are damaged: it has no search tree (node_count)")
        }
        let treeSize = Int(nodes) * recordSize.nodeSize
        let dataStart = treeSize + Self.separator
        let dataEnd = metadataStart - Self.marker.count
        guard dataStart <= dataEnd else {
            throw Unsound(
                description: "it is truncated: its search tree of \(nodes) nodes is longer than the file")
        }
        guard dataEnd - dataStart < Int(UInt32.max) else {
            throw Unsound(description: "its data section is longer than 4 GiB")
        }
        metadata = DatabaseMetadata(
            type: facts.type ?? "", built: facts.built.flatMap { $0 == 0 ? nil : Int(exactly: $0) })
        dataSection = dataStart..<dataEnd
        tree = SearchTree(
            nodes: file.baseAddress!.assumingMemoryBound(to: UInt8.self), count: UInt32(nodes), recordSize,
            isIPv6: facts.ipVersion == 6, dataCount: UInt32(dataEnd - dataStart))
    }

    /// Returns the start of the metadata, which is after the last marker; `nil` if there is no marker.
    private static func metadataStart(in file: UnsafeRawBufferPointer) -> Int? {
        var position = file.count - marker.count
        let first = max(0, file.count - metadataLimit)
        while position >= first {
            if file[position] == marker[0], marker.indices.allSatisfy({ file[position + $0] == marker[$0] }) {
                return position + marker.count
            }
            position -= 1
        }
        return nil
    }

    /// The fields of the metadata; `nil` for those that are missing or of another type.
    private struct MetadataFields {
        var majorVersion: UInt64?
        var recordSize: UInt64?
        var ipVersion: UInt64?
        var nodeCount: UInt64?
        var built: UInt64?
        var type: String?

        init(_ section: DataSection) throws(DataSection.Malformed) {
            func number(_ value: DataSection.Value) throws(DataSection.Malformed) -> UInt64? {
                try section.text(value) == nil ? try section.unsigned(value) : nil
            }
            let map = try section.record(at: 0)
            guard try section.isMap(map) else { throw DataSection.Malformed(reason: "they are not a map") }
            try section.forEachEntry(of: map) { key, value throws(DataSection.Malformed) in
                if "binary_format_major_version" ~= key { majorVersion = try number(value) }
                if "record_size" ~= key { recordSize = try number(value) }
                if "ip_version" ~= key { ipVersion = try number(value) }
                if "node_count" ~= key { nodeCount = try number(value) }
                if "build_epoch" ~= key { built = try number(value) }
                if "database_type" ~= key { type = try section.string(value) }
                return .next
            }
        }
    }
}
