import CMaxMindDB
import Glibc
import Platform

/// A database in MaxMind's format, opened through libmaxminddb.
///
/// It is read from end to end when a map is compiled, and never on the way of a question.
/// Source: https://maxmind.github.io/MaxMind-DB/ (version 2.0).
public struct MaxMindDatabase: ~Copyable {
    /// The file that was opened.
    public let path: String
    private let handle: UnsafeMutablePointer<MMDB_s>
    /// For `DataSection`.
    private let effort: UnsafeMutablePointer<Int>

    /// The copy, if others are to find it; else -1.
    private let sharedCopy: CInt

    /// Opens a copy of the file at `path`, mapped into memory: who changes a mapped file in place, or cuts it short, takes its
    /// readers with it.
    ///
    /// - Parameter isShared: whether processes of this program and user have one copy for all. To find it takes some milliseconds;
    ///   without the room for it there is none.
    public init(path: String, isShared: Bool = false) throws(DatabaseError) {
        // To open a named pipe would wait for somebody to write to it. A later change of what is at the path changes nothing.
        let source = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard source >= 0 else { throw DatabaseError(path: path, error: errno) }
        defer { close(source) }
        var file = stat()
        guard fstat(source, &file) == 0 else { throw DatabaseError(path: path, error: errno) }
        guard file.st_mode & S_IFMT == S_IFREG else { throw DatabaseError(path: path, kind: .notAFile) }
        guard file.st_size > 0 else { throw DatabaseError(path: path, kind: .empty) }
        let name = "geopipe-database" + (isShared ? "-\(file.words)" : "")
        // Those that start together are to wait for the first one's copy; but not for ever, as others may lock the file.
        for _ in 0..<100 where isShared {
            if flock(source, LOCK_EX | LOCK_NB) == 0 { break }
            usleep(10_000)
        }
        let found = isShared ? SealedMemory.found(named: name, limit: 1).first : nil
        let copy = found ?? copyInMemory(of: source, name: name)
        var isKept = false
        defer { if let copy, !isKept { close(copy) } }
        if copy == nil, isShared { throw DatabaseError(path: path, error: errno) }
        let handle = UnsafeMutablePointer<MMDB_s>.allocate(capacity: 1)
        // Without the room for a copy the file itself will do, for as long as it takes to read it.
        let status = MMDB_open("/proc/self/fd/\(copy ?? source)", UInt32(MMDB_MODE_MMAP), handle)
        guard status == MMDB_SUCCESS else {
            let system = status == MMDB_IO_ERROR || status == MMDB_FILE_OPEN_ERROR ? errno : 0
            handle.deallocate()
            throw system == 0
                ? DatabaseError(path: path, reason: String(cString: MMDB_strerror(status)))
                : DatabaseError(path: path, error: system)
        }
        if isShared, found == nil, let copy { _ = SealedMemory.seal(copy) }
        isKept = isShared
        sharedCopy = isShared ? copy ?? -1 : -1
        effort = .allocate(capacity: 1)
        self.path = path
        self.handle = handle
    }

    deinit {
        MMDB_close(handle)
        if sharedCopy >= 0 { close(sharedCopy) }
        handle.deallocate()
        effort.deallocate()
    }
}

/// A file that holds what the open file `source` holds now, and has no name; `nil` if it cannot be made.
private func copyInMemory(of source: CInt, name: String) -> CInt? {
    let copy = SealedMemory.make(name)
    guard copy >= 0 else { return nil }
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = read(source, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            if count == 0 { return copy }
            break
        }
        var written = 0
        while written < count {
            let part = chunk.withUnsafeBytes { write(copy, $0.baseAddress! + written, count - written) }
            if part < 0, errno == EINTR { continue }
            guard part > 0 else { break }
            written += part
        }
        guard written == count else { break }
    }
    close(copy)
    return nil
}

extension stat {
    /// What is another for another file, and for the same one after it was changed.
    fileprivate var words: String {
        "\(st_dev)-\(st_ino)-\(st_size)-\(st_mtim.tv_sec)-\(st_mtim.tv_nsec)-\(st_ctim.tv_sec)-\(st_ctim.tv_nsec)"
    }
}

// MARK: - Metadata

/// What a database says of itself.
public struct DatabaseMetadata: Sendable {
    /// Such as `GeoLite2-City`; empty if it says nothing.
    public var type: String
    /// When it was built, in seconds since 1970; `nil` if it does not say.
    public var built: Int?
}

extension MaxMindDatabase {
    /// What the database says of itself.
    public var metadata: DatabaseMetadata {
        let metadata = handle.pointee.metadata
        let built = metadata.build_epoch
        return DatabaseMetadata(
            type: metadata.database_type.map { String(cString: $0) } ?? "",
            built: built == 0 ? nil : Int(exactly: built))
    }
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

    /// Where the record of an address is in the data section, and the length of the network's prefix.
    func recordOffset(of address: IPAddress) throws(DatabaseError) -> (length: Int, offset: UInt32)? {
        let isIPv6Tree = handle.pointee.metadata.ip_version == 6
        let bits: UInt128
        var skipped = 0
        switch address {
        case .v4(let ipv4):
            bits = UInt128(ipv4) << 96
            skipped = isIPv6Tree ? 96 : 0
        case .v6(let ipv6):
            guard isIPv6Tree else { return nil }
            bits = ipv6
        }
        var record = Record.node(0)
        for _ in 0..<skipped {
            guard case .node(let node) = record else { break }
            record = try children(of: node).left
        }
        var length = 0
        while case .node(let node) = record {
            guard length < address.bitWidth else { throw corrupt("the search tree is deeper than an address is long") }
            let (left, right) = try children(of: node)
            record = bits >> UInt128(127 - length) & 1 == 0 ? left : right
            length += 1
        }
        guard case .data(let offset) = record else { return nil }
        return (length, offset)
    }

    /// What one record of the search tree leads to.
    private enum Record {
        case node(UInt32)
        case empty
        case data(offset: UInt32)
    }

    /// The number of nodes of the search tree; there are fewer networks of each family than that and one.
    ///
    /// What the file says of itself is believed only as far as the file is long enough for it: a node takes 6 bytes or more.
    var nodeCount: Int { min(Int(handle.pointee.metadata.node_count), Int(handle.pointee.file_size) / 6) }

    /// A sound tree has each node once, but for aliases of the IPv4 part; more visits are a cycle or an attack.
    private var visitBudget: Int { 8 * nodeCount + 1024 }

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
            giveWay(at: budget)
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
        case MMDB_RECORD_TYPE_DATA where offset < handle.pointee.data_section_size: return .data(offset: offset)
        default: throw corrupt("the search tree points outside of the file")
        }
    }
}

// MARK: - Records

extension MaxMindDatabase {
    /// Where the records are that the networks' offsets lead to.
    var dataSection: DataSection {
        DataSection(handle.pointee.data_section, count: handle.pointee.data_section_size, effort: effort)
    }

    func corrupt(_ reason: String) -> DatabaseError { DatabaseError(path: path, reason: reason) }
}
