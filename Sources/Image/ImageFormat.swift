/// The header of an image file. docs/image-format.md describes the whole format.
struct ImageHeader: BitwiseCopyable {
    var magic = Self.magic
    var formatVersion = imageFormatVersion
    var byteOrder = Self.byteOrder
    /// The length of the whole file in bytes.
    var length: UInt64 = 0
    /// The checksum of all bytes after this field.
    var checksum: UInt64 = 0
    /// A hash of all sections except the manifest and the sources: the same for two images of the same content.
    var contentID: UInt64 = 0
    var sectionCount: UInt64 = 0

    /// `geopipe` and a line feed, which a transfer in text mode would change.
    static let magic: UInt64 = 0x0a65_7069_706f_6567
    static let byteOrder: UInt32 = 0x0102_0304
    /// The offset of the first byte that the checksum covers.
    static let checksumStart = 32
    static let maxSections = 16
    /// The offset of the first section.
    static var contentStart: Int {
        (MemoryLayout<Self>.stride + maxSections * MemoryLayout<ImageSection>.stride + 63) & ~63
    }
}

/// The place of a section in the file.
struct ImageSection: BitwiseCopyable {
    var kind: UInt64
    /// The offset from the beginning of the file in bytes, a multiple of 64.
    var offset: UInt64
    /// The length in bytes.
    var length: UInt64
}

/// The version of the format. A program reads only images of its own version. Any change of what a section holds
/// raises it.
public let imageFormatVersion: UInt32 = 6

/// The kind of a section.
public enum SectionKind: UInt64, CaseIterable, Sendable {
    /// What the image was made from.
    case manifest = 1
    /// The names of datacenters, services, maps and zones.
    case names = 2
    /// Maps from addresses to preference lists.
    case routing = 3
    /// The names and static records of zones.
    case zones = 4
    /// The answers of services.
    case answers = 5
    /// The health checks.
    case checks = 6
    /// A map from addresses to places.
    case places = 7
    /// The files and settings that each zone was made from.
    case sources = 8
}
