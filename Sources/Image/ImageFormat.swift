/// What an image file begins with. docs/architecture.md describes the whole format.
struct ImageHeader: BitwiseCopyable {
    var magic = Self.magic
    var formatVersion = imageFormatVersion
    var byteOrder = Self.byteOrder
    /// Of the whole file, in bytes.
    var length: UInt64 = 0
    /// Of all bytes after this field.
    var checksum: UInt64 = 0
    /// Of all sections but those that tell what it was made from: the same for two images of the same content.
    var contentID: UInt64 = 0
    var sectionCount: UInt64 = 0

    /// `geopipe` and a line feed, which a transfer as text would change.
    static let magic: UInt64 = 0x0a65_7069_706f_6567
    static let byteOrder: UInt32 = 0x0102_0304
    /// Where the bytes begin that the checksum is about.
    static let checkedFrom = 32
    static let maxSections = 16
    /// Where the first section begins.
    static var contentStart: Int {
        (MemoryLayout<Self>.stride + maxSections * MemoryLayout<ImageSection>.stride + 63) & ~63
    }
}

/// Where a section is. It begins at a multiple of 64 bytes.
struct ImageSection: BitwiseCopyable {
    var kind: UInt64
    /// From the beginning of the file, in bytes.
    var offset: UInt64
    /// In bytes.
    var length: UInt64
}

/// The version of the format. A program reads only images of its own version: whatever a section holds belongs to it, so that it
/// grows with every change of any of them.
public let imageFormatVersion: UInt32 = 6

/// What a section holds.
public enum SectionKind: UInt64, CaseIterable, Sendable {
    /// What it was made from.
    case manifest = 1
    /// The names of datacenters, services, maps and zones.
    case names = 2
    /// From addresses to preference lists.
    case routing = 3
    case zones = 4
    /// What services answer with.
    case answers = 5
    /// How addresses are checked.
    case checks = 6
    /// From addresses to places.
    case places = 7
    /// What each zone was made from.
    case sources = 8
}
