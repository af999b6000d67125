import Glibc
import Platform

/// A database in MaxMind's format, read into memory as a whole.
///
/// It is read from end to end when maps are compiled, and never on the way of a question.
/// Source: https://maxmind.github.io/MaxMind-DB/ (version 2.0).
public struct MaxMindDatabase: ~Copyable {
    /// The file that was opened.
    public let path: String
    /// What the database says of itself.
    public let metadata: DatabaseMetadata
    /// The search tree.
    let tree: SearchTree
    /// Where the records are that the tree leads to.
    let dataSection: DataSection
    private let file: FileContents
    /// The number of bytes of the tree, with which the file begins.
    private let treeEnd: Int
    /// For `DataSection`.
    private let effort: UnsafeMutablePointer<Int>

    /// Reads the file at `path`. What happens to the file later changes nothing.
    public init(path: String) throws(DatabaseError) {
        try self.init(path: path, readsAll: true)
    }

    /// Opens the file at `path` and reads no more than its metadata, which are at its end. `readAll` is to be called before anything
    /// is looked up.
    public init(opening path: String) throws(DatabaseError) { try self.init(path: path, readsAll: false) }

    private init(path: String, readsAll: Bool) throws(DatabaseError) {
        let file = try FileContents(path: path, tail: DatabaseLayout.metadataLimit)
        if readsAll { try file.readAll(path) }
        let effort = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        let layout: DatabaseLayout
        do {
            layout = try DatabaseLayout(file.bytes, effort: effort)
        } catch {
            effort.deallocate()
            throw DatabaseError(path: path, reason: error.description)
        }
        self.path = path
        self.effort = effort
        metadata = layout.metadata
        tree = layout.tree
        treeEnd = layout.dataSection.lowerBound
        dataSection = DataSection(
            file.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + layout.dataSection.lowerBound,
            count: UInt32(layout.dataSection.count), effort: effort)
        self.file = file
    }

    deinit { effort.deallocate() }

    /// Reads what has not been read yet.
    public func readAll() throws(DatabaseError) { try file.readAll(path) }

    /// Reads the search tree, and lets another thread read the rest: `readAll` waits for that.
    func readTree() throws(DatabaseError) { try file.beginReading(path, thisThreadUntil: treeEnd) }

    /// Where the record of an address is in the data section, and the length of the network's prefix; `nil` if nothing is known.
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

/// What a database says of itself.
public struct DatabaseMetadata: Sendable {
    /// Such as `GeoLite2-City`; empty if it says nothing.
    public var type: String
    /// When it was built, in seconds since 1970; `nil` if it does not say.
    public var built: Int?
}

/// All bytes of a regular file, in memory of this process: a mapped file that is changed or cut short takes its readers with it.
private final class FileContents {
    /// Those before `unread` are zero until they are read.
    let bytes: UnsafeRawBufferPointer
    private let memory: UnsafeMutableRawPointer
    /// The number of bytes at the beginning that have not been read.
    private var unread: Int
    /// -1 after everything has been read.
    private var descriptor: CInt
    /// Reads the rest.
    private var rest: BackgroundWork<DatabaseError?>?

    /// Reads the last `tail` bytes of the file.
    init(path: String, tail: Int) throws(DatabaseError) {
        // To open a named pipe would wait for a writer.
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
        // Fewer and larger pages take less time to get.
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
        // The tail, which has been read, may begin before that end.
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

    /// The most bytes of a call to the system: while it copies them, a process that answers may have to wait for the core.
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
