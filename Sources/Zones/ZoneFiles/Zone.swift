import DNS

/// A compiled zone.
public final class Zone: Sendable {
    public let apex: DomainName
    /// The services of the zone's names. A name refers to its service by the position here.
    public let services: [Int]
    /// Since when the zone keeps its last good content because its source has errors, in seconds since 1970; `nil` if
    /// it has none.
    public let keptSince: Int?
    /// The bytes of a `ZoneProvenance`, by which the next compilation decides whether to compile the zone again.
    let provenance: [UInt8]
    /// The compiled content; empty if the zone has none.
    nonisolated(unsafe) let imageBytes: UnsafeRawBufferPointer
    /// The object that owns the memory of `imageBytes`.
    private let owner: any Sendable

    init(
        _ source: ZoneSource, services: [Int]? = nil, _ imageBytes: UnsafeRawBufferPointer, provenance: [UInt8],
        keptSince: Int? = nil, owner: any Sendable
    ) {
        apex = source.apex
        self.services = services ?? source.distinctServices
        self.imageBytes = imageBytes
        self.provenance = provenance
        self.keptSince = keptSince
        self.owner = owner
    }

    /// Makes a zone without content, because its source has never been free of errors.
    init(broken source: ZoneSource) {
        apex = source.apex
        services = []
        keptSince = nil
        provenance = []
        imageBytes = UnsafeRawBufferPointer(start: nil, count: 0)
        owner = 0
    }

    /// The compiled content; `nil` if the zone has none.
    var image: ZoneImage? { imageBytes.baseAddress.map(ZoneImage.init) }

    /// Whether the zone has no content.
    public var isBroken: Bool { imageBytes.isEmpty }
    /// The TTL of services without a TTL of their own, in seconds.
    public var defaultTTL: UInt32 { image?.header.defaultTTL ?? 3600 }
    /// The TTL of negative answers, in seconds (RFC 2308 section 5).
    public var negativeTTL: UInt32 { image?.header.negativeTTL ?? 60 }
    /// The number of names that have records or a service.
    public var nameCount: Int { image.map { Int($0.header.writtenNameCount) } ?? 0 }
}

/// Owns the memory of a zone that this process has compiled.
final class ZoneMemory: Sendable {
    nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    deinit { bytes.deallocate() }
}
