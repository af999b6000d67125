import Glibc
import Platform

/// A database in MaxMind's format, in private memory.
///
/// It is read completely when maps are compiled, and never to answer a question. Source:
/// https://maxmind.github.io/MaxMind-DB/ (version 2.0).
public struct MaxMindDatabase: ~Copyable {
    /// The path of the file.
    public let path: String
    /// The metadata.
    public let metadata: DatabaseMetadata
    let tree: SearchTree
    let dataSection: DataSection
    private let file: DatabaseFile
    /// The end of the search tree, which is at the beginning of the file.
    private let treeEnd: Int
    /// The work budget of `dataSection`.
    private let workBudget: UnsafeMutablePointer<Int>

    /// Reads the file at `path`. Later changes of the file have no effect.
    public init(path: String) throws(DatabaseError) {
        try self.init(path: path, readsAll: true)
    }

    /// Opens the file at `path`, and reads only the metadata, which are at its end. Call `readAll` before any look-up.
    public init(opening path: String) throws(DatabaseError) { try self.init(path: path, readsAll: false) }

    private init(path: String, readsAll: Bool) throws(DatabaseError) {
        let file = try DatabaseFile(path: path, tail: DatabaseLayout.metadataLimit)
        if readsAll { try file.readAll(path) }
        let workBudget = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        let layout: DatabaseLayout
        do {
            layout = try DatabaseLayout(file.bytes, workBudget: workBudget)
        } catch {
            workBudget.deallocate()
            throw DatabaseError(path: path, reason: error.description)
        }
        self.path = path
        self.workBudget = workBudget
        metadata = layout.metadata
        tree = layout.tree
        treeEnd = layout.dataSection.lowerBound
        dataSection = DataSection(
            file.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + layout.dataSection.lowerBound,
            count: UInt32(layout.dataSection.count), workBudget: workBudget)
        self.file = file
    }

    deinit { workBudget.deallocate() }

    /// Reads the parts of the file that have not been read yet.
    public func readAll() throws(DatabaseError) { try file.readAll(path) }

    /// Reads the search tree, while another thread reads the rest; `readAll` waits for that thread.
    func readTree() throws(DatabaseError) { try file.beginReading(path, thisThreadUntil: treeEnd) }

    /// Returns the prefix length of an address's network, and the offset of its record in the data section; `nil` if
    /// there is no record.
    func recordOffset(of address: IPAddress) throws(DatabaseError) -> (length: Int, offset: UInt32)? {
        do {
            return try tree.find(address)
        } catch {
            throw corrupt(error)
        }
    }

    func corrupt(_ error: DataSection.Malformed) -> DatabaseError {
        DatabaseError(path: path, reason: "\(error.reason)")
    }
}

/// The metadata of a database.
public struct DatabaseMetadata: Sendable {
    /// The type, such as `GeoLite2-City`; empty if there is none.
    public var type: String
    /// The build time in seconds since 1970; `nil` if there is none.
    public var built: Int?
}

/// The bytes of a regular file in private memory. The file is not mapped, because truncating a mapped file kills the
/// processes that read it.
private final class DatabaseFile {
    /// The bytes; those before `unread` are zero until they are read.
    let bytes: UnsafeRawBufferPointer
    private let memory: UnsafeMutableRawPointer
    /// The number of bytes at the beginning that have not been read.
    private var unread: Int
    /// The open file; -1 after everything has been read.
    private var descriptor: CInt
    /// The thread that reads the part after the search tree.
    private var rest: BackgroundWork<DatabaseError?>?

    /// Reads the last `tail` bytes of the file.
    init(path: String, tail: Int) throws(DatabaseError) {
        // O_NONBLOCK, because opening a named pipe would wait for a writer.
        let source = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard source >= 0 else { throw DatabaseError(path: path, error: errno) }
        var file = stat()
        let reason: DatabaseError? =
            fstat(source, &file) != 0
            ? DatabaseError(path: path, error: errno)
            : file.st_mode & S_IFMT != S_IFREG
                ? DatabaseError(path: path, kind: .notAFile)
                : file.st_size <= 0 ? DatabaseError(path: path, kind: .empty) : nil
        if let reason {
            close(source)
            throw reason
        }
        let size = Int(file.st_size)
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED
        else {
            let reason = errno
            close(source)
            throw DatabaseError(path: path, error: reason)
        }
        // Fewer and larger pages are faster to allocate.
        if coresToUse > 1 { _ = madvise(memory, size, CInt(MADV_HUGEPAGE)) }
        self.memory = memory
        bytes = UnsafeRawBufferPointer(start: memory, count: size)
        descriptor = source
        unread = max(0, size - tail)
        try Self.read(unread..<size, of: source, to: memory, path)
    }

    deinit {
        _ = rest?.wait()
        if descriptor >= 0 { close(descriptor) }
        munmap(memory, bytes.count)
    }

    /// Reads the bytes before the tail.
    func readAll(_ path: String) throws(DatabaseError) {
        guard descriptor >= 0 else { return }
        if let rest {
            self.rest = nil
            if let error = rest.wait() { throw error }
        } else {
            try Self.read(0..<unread, of: descriptor, to: memory, path)
        }
        unread = 0
        close(descriptor)
        descriptor = -1
    }

    /// Reads the first `end` bytes, while another thread reads those between them and the tail.
    func beginReading(_ path: String, thisThreadUntil end: Int) throws(DatabaseError) {
        guard descriptor >= 0, rest == nil else { return }
        // The tail, which has been read already, may begin before the end of the tree.
        let end = min(end, unread)
        let (range, source, address) = (end..<unread, descriptor, Int(bitPattern: memory))
        if range.isEmpty {
            unread = 0
        } else {
            rest = BackgroundWork {
                do throws(DatabaseError) {
                    try Self.read(range, of: source, to: UnsafeMutableRawPointer(bitPattern: address)!, path)
                    return nil
                } catch {
                    return error
                }
            }
        }
        try Self.read(0..<end, of: descriptor, to: memory, path)
    }

    /// The largest number of bytes of a system call: while the kernel copies them, a coprocess that answers may have
    /// to wait for the core.
    private static let chunk = 1 << 17

    private static func read(
        _ range: Range<Int>, of descriptor: CInt, to memory: UnsafeMutableRawPointer, _ path: String
    ) throws(DatabaseError) {
        var position = range.lowerBound
        while position < range.upperBound {
            let count = pread(descriptor, memory + position, min(chunk, range.upperBound - position), position)
            guard count <= 0 else {
                position += count
                continue
            }
            if count < 0, errno == EINTR { continue }
            throw count < 0
                ? DatabaseError(path: path, error: errno)
                : DatabaseError(path: path, reason: "it became shorter while it was read")
        }
    }
}
