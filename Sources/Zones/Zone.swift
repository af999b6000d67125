/// A zone as it was configured: its records, and the names that a service answers for.
public struct Zone: Sendable {
    public let apex: DomainName
    /// The TTL of what has no own, in seconds, 0 to 2^31 - 1.
    public let defaultTTL: UInt32
    /// How long resolvers may keep that something does not exist, in seconds (RFC 2308).
    public let negativeTTL: UInt32
    /// All records, with SOA and NS at the apex among them.
    public let records: [Record]
    /// The names whose records depend on the client.
    public let services: [(name: DomainName, service: Int)]

    /// - Parameters:
    ///   - records: at or below `apex`.
    ///   - services: at or below `apex`, each name once, with the number of its service.
    public init(
        apex: DomainName, defaultTTL: UInt32, negativeTTL: UInt32, records: [Record],
        services: [(name: DomainName, service: Int)]
    ) {
        self.apex = apex
        self.defaultTTL = defaultTTL
        self.negativeTTL = negativeTTL
        self.records = records
        self.services = services
    }
}

/// A record that is the same for every client.
public struct Record: Sendable {
    public let owner: DomainName
    public let type: RecordType
    /// In seconds, 0 to 2^31 - 1.
    public let ttl: UInt32
    public let content: RecordContent

    public init(owner: DomainName, type: RecordType, ttl: UInt32, content: RecordContent) {
        self.owner = owner
        self.type = type
        self.ttl = ttl
        self.content = content
    }
}
