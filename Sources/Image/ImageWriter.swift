import Platform

/// Builds an image in memory.
public struct ImageWriter: ~Copyable {
    private var columns = ColumnWriter()
    private var sections: [ImageSection] = []

    /// Makes a writer without sections.
    public init() { columns.skip(ImageHeader.contentStart) }

    /// Appends a section, which `body` writes. Not more than `ImageHeader.maxSections`.
    public mutating func section<Failure: Error>(
        _ kind: SectionKind, _ body: (inout ColumnWriter) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(sections.count < ImageHeader.maxSections)
        let start = columns.align()
        try body(&columns)
        sections.append(
            ImageSection(kind: kind.rawValue, offset: UInt64(start), length: UInt64(columns.count - start)))
    }

    /// Completes the header, and returns the image.
    public consuming func finish() -> Image {
        var contentID: UInt64 = 0
        let bytes = columns.bytes
        let origins = [SectionKind.manifest.rawValue, SectionKind.sources.rawValue]
        for section in sections where !origins.contains(section.kind) {
            let part = UnsafeRawBufferPointer(bytes)[Int(section.offset)..<Int(section.offset + section.length)]
            contentID = contentID &* 31 ^ checksum(of: UnsafeRawBufferPointer(rebasing: part))
        }
        for (position, section) in sections.enumerated() {
            columns.overwrite(
                at: MemoryLayout<ImageHeader>.stride + position * MemoryLayout<ImageSection>.stride, with: section)
        }
        var header = ImageHeader(
            length: UInt64(columns.count), contentID: contentID, sectionCount: UInt64(sections.count))
        columns.overwrite(at: 0, with: header)
        let memory = columns.finish()
        header.checksum = checksum(of: UnsafeRawBufferPointer(rebasing: memory[ImageHeader.checksumStart...]))
        memory.storeBytes(of: header, as: ImageHeader.self)
        return Image(owning: memory)
    }
}
