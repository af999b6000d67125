import DNS
import Platform

/// What a configuration says of a zone: a file, and what is laid over it, or all there is.
public struct ZoneSource: Sendable {
    public var apex: DomainName
    /// The path of the zone file, if there is one.
    public var file: String?
    /// Where it is named.
    public var filePosition: SourcePosition?
    /// The TTL of what has no own, in seconds, 0 to 2^31 - 1; without, the file's `$TTL`, or 3600.
    public var defaultTTL: UInt32?
    /// At or below `apex`. They take the place of the file's records of the same name and type.
    public var records: [Record] = []
    /// The names whose records depend on the client; each once, at or below `apex`.
    public var services: [ServiceName] = []
    /// Where the configuration gives the SOA record but no serial, what the serial is made from besides the zone's own files:
    /// the file of the configuration. `nil` if the zone has a serial of its own.
    public var configurationFile: ConfigurationFile?

    /// The file that a zone is configured in.
    public struct ConfigurationFile: Sendable {
        public var hash: UInt64
        public var newestChange: NewestChange

        /// - Parameter content: the content of the file.
        public init(content: Span<UInt8>, newestChange: NewestChange) {
            hash = hash64(content)
            self.newestChange = newestChange
        }
    }

    /// A name that a service answers for.
    public struct ServiceName: Sendable {
        public var owner: DomainName
        /// Any number that tells services apart.
        public var service: Int
        /// All types that it may answer with.
        public var types: Set<RecordType>
        /// A hash of all records that it may answer with.
        public var content: UInt64
        public var position: SourcePosition?

        /// - Parameter records: a text of all records that it may answer with.
        public init(
            owner: DomainName, service: Int, types: Set<RecordType>, records: String = "", position: SourcePosition?
        ) {
            self.owner = owner
            self.service = service
            self.types = types
            content = hash64(Array(records.utf8).span)
            self.position = position
        }
    }

    public init(apex: DomainName) { self.apex = apex }

    /// The services of the zone, each once. Their positions here are their numbers in the zone.
    public var distinctServices: [Int] {
        var seen: Set<Int> = []
        return services.map(\.service).filter { seen.insert($0).inserted }
    }

    /// The number of each service in the zone.
    var serviceNumbers: [Int: Int] {
        Dictionary(uniqueKeysWithValues: distinctServices.enumerated().map { ($0.element, $0.offset) })
    }
}

/// A record that is the same for every client.
public struct Record: Sendable {
    public let owner: DomainName
    public let type: RecordType
    /// In seconds, 0 to 2^31 - 1; without, the zone's own.
    public let ttl: UInt32?
    public let content: RecordContent
    /// Where it is written.
    public let position: SourcePosition?

    public init(
        owner: DomainName, type: RecordType, ttl: UInt32?, content: RecordContent, position: SourcePosition? = nil
    ) {
        self.owner = owner
        self.type = type
        self.ttl = ttl
        self.content = content
        self.position = position
    }
}

/// A place in a text, counted from 1.
public struct SourcePosition: Sendable, Hashable, Comparable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// What is wrong with a zone.
public struct ZoneProblem: Error, Hashable {
    /// The zone file, or one that it includes; `nil` for the configuration.
    public var file: String?
    public var position: SourcePosition?
    /// `what is wrong; what would be right`.
    public var message: String
    /// It works, but hardly as it was meant.
    public var isWarning: Bool
}
