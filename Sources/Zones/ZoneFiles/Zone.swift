import DNS

/// A zone, compiled.
public final class Zone: Sendable {
    public let apex: DomainName
    /// The services of its names; a name has the number of its own.
    public let services: [Int]
    /// Since when its last good content is kept because what it is made of is not good any more, in seconds since 1970.
    public let keptSince: Int?
    /// What it was made from and what is to be said of it, for who makes it the next time.
    let description: [UInt8]
    /// Empty if it has no content.
    nonisolated(unsafe) let imageBytes: UnsafeRawBufferPointer
    /// What holds the image.
    private let owner: any Sendable

    init(
        _ source: ZoneSource, services: [Int]? = nil, _ imageBytes: UnsafeRawBufferPointer, description: [UInt8],
        keptSince: Int? = nil, owner: any Sendable
    ) {
        apex = source.apex
        self.services = services ?? source.distinctServices
        self.imageBytes = imageBytes
        self.description = description
        self.keptSince = keptSince
        self.owner = owner
    }

    /// A zone without content: nothing that it could be made of was ever good.
    init(broken source: ZoneSource) {
        apex = source.apex
        services = []
        keptSince = nil
        description = []
        imageBytes = UnsafeRawBufferPointer(start: nil, count: 0)
        owner = 0
    }

    /// `nil` if it has no content.
    var image: ZoneImage? { imageBytes.baseAddress.map(ZoneImage.init) }

    /// Whether it has no content.
    public var isBroken: Bool { imageBytes.isEmpty }
    /// The TTL of what has no own, in seconds.
    public var defaultTTL: UInt32 { image?.header.defaultTTL ?? 3600 }
    /// How long resolvers may keep that something does not exist, in seconds (RFC 2308).
    public var negativeTTL: UInt32 { image?.header.negativeTTL ?? 60 }
    /// The number of names that have records or a service.
    public var nameCount: Int { image.map { Int($0.header.writtenNameCount) } ?? 0 }
}

/// Memory of this process that holds an image.
final class ZoneMemory: Sendable {
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    deinit { bytes.deallocate() }
}
