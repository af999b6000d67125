/// A zone, compiled.
public final class Zone: Sendable {
    public let apex: DomainName
    /// The services of its names; a name has the number of its own.
    public let services: [Int]
    let image: ZoneImage
    /// What holds the image.
    private let owner: any Sendable

    init(_ source: ZoneSource, _ image: ZoneImage, owner: any Sendable) {
        apex = source.apex
        services = source.distinctServices
        self.image = image
        self.owner = owner
    }

    /// Whether other processes may have it, too.
    var isShared: Bool { owner is SharedZones }
    /// The TTL of what has no own, in seconds.
    public var defaultTTL: UInt32 { image.header.defaultTTL }
    /// How long resolvers may keep that something does not exist, in seconds (RFC 2308).
    public var negativeTTL: UInt32 { image.header.negativeTTL }
    /// The number of names that have records or a service.
    public var nameCount: Int { Int(image.header.writtenNameCount) }
}

/// An image in memory of this process alone.
final class PrivateImage: Sendable {
    let image: ZoneImage
    private nonisolated(unsafe) let memory: UnsafeRawBufferPointer

    init(_ memory: UnsafeRawBufferPointer) {
        self.memory = memory
        image = ZoneImage(base: memory.baseAddress!)
    }

    deinit { memory.deallocate() }
}
