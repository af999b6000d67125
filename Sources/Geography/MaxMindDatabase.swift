import CMaxMindDB
import Glibc

/// A database in MaxMind's format, opened through libmaxminddb.
///
/// It is read from end to end when a map is compiled, and never on the way of a question.
/// Source: https://maxmind.github.io/MaxMind-DB/ (version 2.0).
public struct MaxMindDatabase: ~Copyable {
    /// The file that was opened.
    public let path: String
    private let handle: UnsafeMutablePointer<MMDB_s>

    /// Opens the file at `path`, mapping it into memory.
    public init(path: String) throws(DatabaseError) {
        let handle = UnsafeMutablePointer<MMDB_s>.allocate(capacity: 1)
        let status = MMDB_open(path, UInt32(MMDB_MODE_MMAP), handle)
        guard status == MMDB_SUCCESS else {
            let reason =
                status == MMDB_IO_ERROR || status == MMDB_FILE_OPEN_ERROR ? String(cString: strerror(errno)) : nil
            handle.deallocate()
            throw DatabaseError(path: path, reason: reason ?? String(cString: MMDB_strerror(status)))
        }
        self.path = path
        self.handle = handle
    }

    deinit {
        MMDB_close(handle)
        handle.deallocate()
    }

    /// What the file says of itself, such as `GeoLite2-City`.
    public var type: String { String(cString: handle.pointee.metadata.database_type) }

    /// When the file was made, in seconds since 1970.
    public var buildEpoch: UInt64 { handle.pointee.metadata.build_epoch }
}

/// Why a database cannot be used.
public struct DatabaseError: Error, CustomStringConvertible {
    /// The database's file.
    public let path: String
    /// What is wrong with it.
    public let reason: String

    public var description: String { "cannot use the database \(path): \(reason)" }
}

// MARK: - Networks

extension MaxMindDatabase {
    /// Calls `body` for each IPv4 network from the lowest address to the highest, leaving no gap.
    ///
    /// `offset` is where the network's record is in the data section; `nil` where nothing is known.
    func forEachIPv4Network(
        _ body: (_ first: UInt32, _ offset: UInt32?) throws(DatabaseError) -> Void
    ) throws(DatabaseError) {
        var root = Record.node(0)
        if handle.pointee.metadata.ip_version == 6 {
            // IPv4 is at ::/96 of an IPv6 tree.
            for _ in 0..<96 {
                guard case .node(let node) = root else { break }
                root = try children(of: node).left
            }
        }
        var budget = visitBudget
        try walk(root, first: UInt32(0), length: 0, budget: &budget, skipping: { _, _ in false }, body)
    }

    /// Calls `body` for each IPv6 network, as for the IPv4 ones. Nothing is known of the blocks in `skipped`.
    func forEachIPv6Network(
        skipping skipped: [IPPrefix],
        _ body: (_ first: UInt128, _ offset: UInt32?) throws(DatabaseError) -> Void
    ) throws(DatabaseError) {
        guard handle.pointee.metadata.ip_version == 6 else { return try body(0, nil) }
        var lengths = Set<Int>()
        for block in skipped { lengths.insert(block.length) }
        let blocks = Set(skipped)
        let isSkipped = { (first: UInt128, length: Int) in
            lengths.contains(length) && blocks.contains(IPPrefix(.v6(first), length: length)!)
        }
        var budget = visitBudget
        try walk(.node(0), first: UInt128(0), length: 0, budget: &budget, skipping: isSkipped, body)
    }

    /// What one record of the search tree leads to.
    private enum Record {
        case node(UInt32)
        case empty
        case data(offset: UInt32)
    }

    /// A sound tree has each node once, but for aliases of the IPv4 part; more visits are a cycle or an attack.
    private var visitBudget: Int { 8 * Int(handle.pointee.metadata.node_count) + 1024 }

    private func walk<Address: FixedWidthInteger>(
        _ record: Record, first: Address, length: Int, budget: inout Int,
        skipping isSkipped: (_ first: Address, _ length: Int) -> Bool,
        _ body: (_ first: Address, _ offset: UInt32?) throws(DatabaseError) -> Void
    ) throws(DatabaseError) {
        guard !isSkipped(first, length) else { return try body(first, nil) }
        switch record {
        case .empty:
            try body(first, nil)
        case .data(let offset):
            try body(first, offset)
        case .node(let node):
            guard length < Address.bitWidth else { throw corrupt("the search tree is deeper than an address is long") }
            budget -= 1
            guard budget > 0 else { throw corrupt("the search tree has a cycle") }
            let (left, right) = try children(of: node)
            try walk(left, first: first, length: length + 1, budget: &budget, skipping: isSkipped, body)
            let upperHalf = first | Address(1) << (Address.bitWidth - 1 - length)
            try walk(right, first: upperHalf, length: length + 1, budget: &budget, skipping: isSkipped, body)
        }
    }

    private func children(of node: UInt32) throws(DatabaseError) -> (left: Record, right: Record) {
        var raw = MMDB_search_node_s()
        let status = MMDB_read_node(handle, node, &raw)
        guard status == MMDB_SUCCESS else { throw corrupt(String(cString: MMDB_strerror(status))) }
        return (
            try record(type: raw.left_record_type, value: raw.left_record, offset: raw.left_record_entry.offset),
            try record(type: raw.right_record_type, value: raw.right_record, offset: raw.right_record_entry.offset)
        )
    }

    private func record(type: UInt8, value: UInt64, offset: UInt32) throws(DatabaseError) -> Record {
        switch Int32(type) {
        case MMDB_RECORD_TYPE_SEARCH_NODE: return .node(UInt32(truncatingIfNeeded: value))
        case MMDB_RECORD_TYPE_EMPTY: return .empty
        case MMDB_RECORD_TYPE_DATA: return .data(offset: offset)
        default: throw corrupt("the search tree points outside of the file")
        }
    }

    private func corrupt(_ reason: String) -> DatabaseError { DatabaseError(path: path, reason: reason) }
}

// MARK: - Records

extension MaxMindDatabase {
    /// The place that the record at `offset` of the data section describes.
    func place(at offset: UInt32) throws(DatabaseError) -> Place {
        Place(
            country: PlaceCode(try string(Self.countryCode, at: offset)),
            continent: PlaceCode(try string(Self.continentCode, at: offset)))
    }

    private static let countryCode = FieldPath("country", "iso_code")
    private static let continentCode = FieldPath("continent", "code")

    /// The text at `path` of a record; empty if the record has no such field, or one of another type.
    private func string(_ path: FieldPath, at offset: UInt32) throws(DatabaseError) -> String {
        var entry = MMDB_entry_s(mmdb: handle, offset: offset)
        var data = MMDB_entry_data_s()
        let status = MMDB_aget_value(&entry, &data, path.keys)
        switch status {
        case MMDB_SUCCESS:
            guard data.has_data, data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING) else { return "" }
            let bytes = UnsafeRawBufferPointer(start: data.utf8_string, count: Int(data.data_size))
            return String(decoding: bytes, as: UTF8.self)
        case MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR:
            return ""
        default:
            throw corrupt("\(String(cString: MMDB_strerror(status))) (record at offset \(offset))")
        }
    }
}

/// The keys that lead to one field, in the form that libmaxminddb wants: C strings, then a null pointer.
private struct FieldPath: @unchecked Sendable {
    /// Never freed and never written to: every path is a constant of this file.
    let keys: UnsafePointer<UnsafePointer<CChar>?>

    init(_ names: String...) {
        let keys = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: names.count + 1)
        for (i, name) in names.enumerated() { (keys + i).initialize(to: UnsafePointer(strdup(name))) }
        (keys + names.count).initialize(to: nil)
        self.keys = UnsafePointer(keys)
    }
}
