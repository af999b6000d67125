import Glibc

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
    /// For `DataSection`.
    private let effort: UnsafeMutablePointer<Int>

    /// Reads the file at `path`. What happens to the file later changes nothing.
    public init(path: String) throws(DatabaseError) {
        let file = try FileContents(path: path)
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
        dataSection = DataSection(
            file.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + layout.dataSection.lowerBound,
            count: UInt32(layout.dataSection.count), effort: effort)
        self.file = file
    }

    deinit { effort.deallocate() }

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
private struct FileContents: ~Copyable {
    let bytes: UnsafeRawBufferPointer
    /// The size of the memory; the file may have been cut short while it was read.
    private let mapped: Int

    init(path: String) throws(DatabaseError) {
        // To open a named pipe would wait for a writer.
        let source = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard source >= 0 else { throw DatabaseError(path: path, error: errno) }
        defer { close(source) }
        var file = stat()
        guard fstat(source, &file) == 0 else { throw DatabaseError(path: path, error: errno) }
        guard file.st_mode & S_IFMT == S_IFREG else { throw DatabaseError(path: path, kind: .notAFile) }
        guard file.st_size > 0 else { throw DatabaseError(path: path, kind: .empty) }
        let size = Int(file.st_size)
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { throw DatabaseError(path: path, error: errno) }
        _ = madvise(memory, size, CInt(MADV_HUGEPAGE))
        var position = 0
        var failure: CInt = 0
        while position < size, failure == 0 {
            let count = read(source, memory + position, size - position)
            if count > 0 {
                position += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                failure = errno
            }
        }
        guard failure == 0, position > 0 else {
            munmap(memory, size)
            throw failure == 0 ? DatabaseError(path: path, kind: .empty) : DatabaseError(path: path, error: failure)
        }
        mapped = size
        bytes = UnsafeRawBufferPointer(start: memory, count: position)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), mapped) }
}
