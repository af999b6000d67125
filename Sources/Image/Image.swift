import Glibc
import Platform

/// The compiled form of everything that answers are made from, in one piece of memory that never changes: a mapped
/// file, or private memory of this process.
///
/// When an `Image` exists, its checksum is right (unless it was opened without the check), and its sections are inside
/// it. The reader of a section checks the section's content.
public final class Image: Sendable {
    /// The whole image.
    public nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// The content id, 16 hexadecimal digits: the same for two images of the same content.
    public let id: String

    /// Why a file cannot be used as an image.
    public struct Refusal: Error, CustomStringConvertible {
        /// The fault of the file, as a message to the operator.
        public let description: String
        /// Whether the file does not exist.
        public var isMissing = false

        /// Refuses a file; `description` says why.
        public init(_ description: String, isMissing: Bool = false) {
            self.description = description
            self.isMissing = isMissing
        }
    }

    /// Takes ownership of a finished image in memory of `PageMemory` or in a mapping.
    package init(owning memory: UnsafeMutableRawBufferPointer) {
        bytes = UnsafeRawBufferPointer(memory)
        id = Self.id(in: bytes)
    }

    /// Whether a file begins with the magic number of images, of any format version.
    public static func isImage(_ path: String) -> Bool {
        let descriptor = openRegularFile(path)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var magic: UInt64 = 0
        return pread(descriptor, &magic, 8, 0) == 8 && magic == ImageHeader.magic
    }

    /// Maps the file at `path`.
    ///
    /// - Parameters:
    ///   - owners: the users whose files are trusted. A file that other users can write to is refused, too.
    ///   - isSummed: whether to verify the checksum, which reads the whole file. Without it, only small sections should
    ///     be read, and only to be shown.
    public convenience init(path: String, owners: Set<uid_t>, isSummed: Bool = true) throws(Refusal) {
        let descriptor = openRegularFile(path)
        guard descriptor != notRegularFile else { throw Refusal("\(path) is not a regular file") }
        guard descriptor >= 0 else {
            let reason = errno
            throw Refusal("cannot open \(path): \(String(cString: strerror(reason)))", isMissing: reason == ENOENT)
        }
        defer { close(descriptor) }
        try self.init(descriptor: descriptor, name: path, owners: owners, isSummed: isSummed)
    }

    /// Maps an open file. The caller may close the descriptor afterwards.
    ///
    /// - Parameters:
    ///   - name: the name of the file in messages.
    ///   - owners: see the initializer for a path; `nil` if the caller knows who wrote the file.
    ///   - isSummed: see the initializer for a path.
    public init(descriptor: CInt, name: String, owners: Set<uid_t>?, isSummed: Bool = true) throws(Refusal) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw Refusal("cannot read \(name): \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Refusal("\(name) is not a regular file") }
        if let owners {
            guard owners.contains(status.st_uid) else {
                throw Refusal(
                    "\(name) belongs to user \(status.st_uid), and is not trusted; use an image of your own, or one of root"
                )
            }
            guard status.st_mode & 0o022 == 0 else {
                throw Refusal("\(name) can be written to by others, and is not trusted; chmod go-w \(name)")
            }
        }
        guard status.st_size >= ImageHeader.contentStart else {
            throw Refusal("\(name) is not an image of geopipe: it is too short; make one with geopipe compile")
        }
        let length = Int(status.st_size)
        // Mapping reads the whole file, and a sparse one can claim any size.
        var header = ImageHeader()
        guard pread(descriptor, &header, MemoryLayout<ImageHeader>.size, 0) == MemoryLayout<ImageHeader>.size else {
            throw Refusal("cannot read \(name): \(String(cString: strerror(errno)))")
        }
        if let complaint = Self.complaint(header, length: length) { throw Refusal("\(name) \(complaint)") }
        // Its owner could change what root has checked, while root reads it.
        if owners != nil, ![geteuid(), 0].contains(status.st_uid) {
            bytes = try Self.copy(descriptor, length, name)
        } else {
            let flags = isSummed ? MAP_SHARED | CInt(MAP_POPULATE) : MAP_SHARED
            guard let start = mmap(nil, length, PROT_READ, flags, descriptor, 0), start != MAP_FAILED
            else { throw Refusal("cannot map \(name): \(String(cString: strerror(errno)))") }
            bytes = UnsafeRawBufferPointer(start: start, count: length)
        }
        id = Self.id(in: bytes)
        if let complaint = complaint(isSummed: isSummed) { throw Refusal("\(name) \(complaint)") }
    }

    /// Reads an image into memory of this process.
    private static func copy(
        _ descriptor: CInt, _ length: Int, _ name: String
    ) throws(Refusal) -> UnsafeRawBufferPointer {
        let limit = max(1, sysconf(CInt(_SC_PHYS_PAGES))) * Int(getpagesize()) / 4
        guard length <= limit else {
            throw Refusal(
                "\(name) has \(length) bytes, and only \(limit) are read of another user's image; remove it")
        }
        let memory = PageMemory.allocate(length)
        var count = 0
        while count < length {
            let more = pread(descriptor, memory.baseAddress! + count, length - count, off_t(count))
            if more < 0, errno == EINTR { continue }
            guard more > 0 else {
                let reason = more == 0 ? "it became shorter" : String(cString: strerror(errno))
                PageMemory.free(memory)
                throw Refusal("cannot read \(name): \(reason)")
            }
            count += more
        }
        return UnsafeRawBufferPointer(memory)
    }

    /// Whether the checksum is right now. Reads the whole image. A mapped file may have been damaged after it was
    /// opened.
    package var isSound: Bool {
        header.checksum == checksum(of: UnsafeRawBufferPointer(rebasing: bytes[ImageHeader.checksumStart...]))
    }

    deinit { PageMemory.free(UnsafeMutableRawBufferPointer(mutating: bytes)) }

    /// Returns the content id of an image. It is stored, so that later uses need not read the mapped file.
    private static func id(in bytes: UnsafeRawBufferPointer) -> String {
        let digits = String(bytes.load(as: ImageHeader.self).contentID, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private var header: ImageHeader { bytes.load(as: ImageHeader.self) }

    /// Returns what is wrong with the header of a file of `length` bytes; `nil` if nothing is.
    private static func complaint(_ header: ImageHeader, length: Int) -> String? {
        guard header.magic == ImageHeader.magic else {
            return "is not an image of geopipe; make one with geopipe compile"
        }
        guard header.byteOrder == ImageHeader.byteOrder else {
            return "is an image of a machine with another byte order"
        }
        guard header.formatVersion == imageFormatVersion else {
            return
                "is an image of format \(header.formatVersion), and this program reads format \(imageFormatVersion); compile it again with this program"
        }
        guard header.length == UInt64(length) else {
            return
                "is truncated or has bytes after its end: it has \(length) bytes instead of \(header.length); compile it again"
        }
        return nil
    }

    /// Returns what is wrong with the image as a whole; `nil` if nothing is.
    private func complaint(isSummed: Bool) -> String? {
        let header = header
        if let complaint = Self.complaint(header, length: bytes.count) { return complaint }
        if isSummed {
            let content = UnsafeRawBufferPointer(rebasing: bytes[ImageHeader.checksumStart...])
            guard header.checksum == checksum(of: content) else { return "is damaged: its checksum is wrong" }
        }
        guard header.sectionCount <= UInt64(ImageHeader.maxSections) else {
            return "is damaged: it has too many sections"
        }
        for position in 0..<Int(header.sectionCount) {
            let section = section(at: position)
            guard section.offset % 64 == 0, section.offset >= UInt64(ImageHeader.contentStart),
                section.offset <= header.length, section.length <= header.length - section.offset
            else { return "is damaged: a section is outside of the file" }
        }
        return nil
    }

    private func section(at position: Int) -> ImageSection {
        bytes.load(
            fromByteOffset: MemoryLayout<ImageHeader>.stride + position * MemoryLayout<ImageSection>.stride,
            as: ImageSection.self)
    }

    /// The kinds of the sections, in the order of the file, which the content id depends on. Kinds that this program
    /// does not know are left out.
    public var sectionKinds: [SectionKind] {
        (0..<Int(header.sectionCount)).compactMap { SectionKind(rawValue: section(at: $0).kind) }
    }

    /// Returns a reader of a section's columns, which are valid as long as the image.
    public func section(_ kind: SectionKind) throws(MalformedColumns) -> ColumnReader {
        for position in 0..<Int(header.sectionCount) {
            let section = section(at: position)
            guard section.kind == kind.rawValue else { continue }
            return ColumnReader(
                UnsafeRawBufferPointer(rebasing: bytes[Int(section.offset)..<Int(section.offset + section.length)]))
        }
        throw MalformedColumns("there is no section \(kind)")
    }
}
