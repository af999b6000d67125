import Glibc
import Platform

/// Compiled zones in memory that processes share: what one has made, the others of the same pdns need not make, nor hold
/// once more.
final class SharedZones: Sendable {
    private nonisolated(unsafe) let memory: UnsafeRawBufferPointer
    /// Kept open, so that others find it.
    private let descriptor: CInt
    /// By their keys.
    let entries: [[UInt8]: Entry]

    /// A zone, and what it was made from.
    struct Entry: Sendable {
        var image: ZoneImage
        var inputs: [ZoneInput]
        var problems: [ZoneProblem]
    }

    private struct Header {
        var magic: UInt64
        var length: Int
        var entryCount: Int
    }

    /// Where an entry's parts are, from the beginning.
    private struct Bounds {
        var description: Range<Int>
        var image: Range<Int>
    }

    private static let magic: UInt64 = 0x7a6f_6e65_7300_0002

    /// Puts zones into shared memory; `nil` if there is no room.
    init?(_ zones: [(key: [UInt8], entry: Entry)], name: String) {
        descriptor = SealedMemory.make(name)
        guard descriptor >= 0 else { return nil }
        guard Self.write(zones, to: descriptor), SealedMemory.seal(descriptor), let memory = Self.map(descriptor),
            let entries = Self.entries(memory)
        else {
            close(descriptor)
            return nil
        }
        self.memory = memory
        self.entries = entries
    }

    /// Takes part in what another process has made.
    private init?(_ descriptor: CInt) {
        self.descriptor = descriptor
        guard let memory = Self.map(descriptor), let entries = Self.entries(memory)
        else {
            close(descriptor)
            return nil
        }
        self.memory = memory
        self.entries = entries
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: memory.baseAddress!), memory.count)
        close(descriptor)
    }

    /// The zone that was made of `key`, if its files are still what they were.
    func entry(_ key: [UInt8]) -> Entry? {
        guard let entry = entries[key], entry.inputs.allSatisfy(\.isUnchanged) else { return nil }
        return entry
    }

    /// All that processes of this program and user have made under `name`, this one too.
    static func found(name: String) -> [SharedZones] {
        SealedMemory.found(named: name).compactMap(SharedZones.init)
    }

    private static func write(_ zones: [(key: [UInt8], entry: Entry)], to descriptor: CInt) -> Bool {
        var start = MemoryLayout<Header>.stride + zones.count * MemoryLayout<Bounds>.stride
        func place(_ length: Int) -> Range<Int> {
            let range = start..<(start + length)
            start = (range.upperBound + ZoneImage.alignment - 1) / ZoneImage.alignment * ZoneImage.alignment
            return range
        }
        let descriptions = zones.map { ZoneDescription(key: $0.key, entry: $0.entry).bytes }
        let bounds = zip(zones, descriptions).map {
            Bounds(description: place($1.count), image: place($0.entry.image.header.length))
        }
        var header = Header(magic: magic, length: start, entryCount: zones.count)
        // Room that is not there would end the process at a write to it.
        guard posix_fallocate(descriptor, 0, start) == 0 else { return false }
        func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
            var written = 0
            while written < bytes.count {
                let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, offset + written)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                written += count
            }
            return true
        }
        return withUnsafeBytes(of: &header) { write($0, at: 0) }
            && bounds.withUnsafeBytes { write($0, at: MemoryLayout<Header>.stride) }
            && zip(bounds, descriptions).allSatisfy { bounds, description in
                description.withUnsafeBytes { write($0, at: bounds.description.lowerBound) }
            }
            && zip(bounds, zones).allSatisfy { bounds, zone in
                write(
                    UnsafeRawBufferPointer(start: zone.entry.image.base, count: bounds.image.count),
                    at: bounds.image.lowerBound)
            }
    }

    private static func map(_ descriptor: CInt) -> UnsafeRawBufferPointer? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size >= MemoryLayout<Header>.stride,
            let start = mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED
        else { return nil }
        return UnsafeRawBufferPointer(start: start, count: Int(status.st_size))
    }

    private static func entries(_ memory: UnsafeRawBufferPointer) -> [[UInt8]: Entry]? {
        let header = memory.load(as: Header.self)
        guard header.magic == magic, header.length == memory.count else { return nil }
        var entries: [[UInt8]: Entry] = [:]
        for position in 0..<header.entryCount {
            let bounds = memory.load(
                fromByteOffset: MemoryLayout<Header>.stride + position * MemoryLayout<Bounds>.stride, as: Bounds.self)
            guard
                let description = try? ZoneDescription(
                    bytes: memory[bounds.description],
                    image: ZoneImage(base: memory.baseAddress! + bounds.image.lowerBound))
            else { return nil }
            entries[description.key] = description.entry
        }
        return entries
    }
}

/// Where a link leads; `nil` if there is none.
func linkTarget(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count) }
    return count < 0 ? nil : String(decoding: target[..<count], as: UTF8.self)
}
