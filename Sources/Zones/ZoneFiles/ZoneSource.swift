import DNS
import Platform

/// The source of a zone as configured: a zone file, records that are laid over it, and services.
public struct ZoneSource: Sendable {
    public var apex: DomainName
    /// The path of the zone file, if there is one.
    public var file: String?
    /// Where the configuration names the file.
    public var filePosition: SourcePosition?
    /// The TTL of records without one, in seconds, 0...2^31 - 1; `nil` for the first `$TTL` of the file, or 3600.
    public var defaultTTL: UInt32?
    /// The records of the configuration, at or below `apex`. They replace the file's records of the same name and type.
    public var records: [Record] = []
    /// The names of services, at or below `apex`, without duplicates.
    public var services: [ServiceName] = []
    /// The configuration file, if the serial is computed from it and the zone's own files. `nil` if the operator sets
    /// the serial.
    public var configurationFile: ConfigurationFile?

    /// The file that a zone is configured in.
    public struct ConfigurationFile: Sendable {
        public var hash: UInt64
        public var newestChange: NewestChange

        /// Takes the hash of a file's content.
        public init(content: Span<UInt8>, newestChange: NewestChange) {
            hash = hash64(content)
            self.newestChange = newestChange
        }
    }

    /// A name whose records depend on the client.
    public struct ServiceName: Sendable {
        public var owner: DomainName
        /// The number of the service.
        public var service: Int
        /// All types that the service may answer with.
        public var types: Set<RecordType>
        /// A hash of all records that the service may answer with.
        public var content: UInt64
        public var position: SourcePosition?

        /// Makes a name of a service.
        ///
        /// - Parameter records: a text of all records that the service may answer with; only its hash is kept.
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

    /// The services of the zone without duplicates. Their positions here are their numbers in the zone.
    public var distinctServices: [Int] {
        var seen: Set<Int> = []
        return services.map(\.service).filter { seen.insert($0).inserted }
    }

    /// The number of each service in the zone.
    var serviceNumbers: [Int: Int] {
        Dictionary(uniqueKeysWithValues: distinctServices.enumerated().map { ($0.element, $0.offset) })
    }
}

/// A record of the configuration, the same for every client.
public struct Record: Sendable {
    public let owner: DomainName
    public let type: RecordType
    /// The TTL in seconds, 0...2^31 - 1; `nil` for the default TTL of the zone.
    public let ttl: UInt32?
    public let content: RecordContent
    /// Where the record is written.
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

/// A line and a column, both counted from 1.
public struct SourcePosition: Sendable, Hashable, Comparable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// An error or a warning about a zone.
public struct ZoneDiagnostic: Error, Hashable {
    /// The zone file or a file that it includes; `nil` for the configuration.
    public var file: String?
    public var position: SourcePosition?
    /// The message: what is wrong; what to write instead.
    public var message: String
    /// Whether the zone works all the same, though probably not as intended.
    public var isWarning: Bool
}
