/// Tells where clients are, one after another: country and coordinates, straight from databases. What it has read it keeps, up
/// to some megabytes.
public final class ClientFinder {
    private let databases: [Database]

    /// What is known of a client.
    public struct Location: Sendable {
        public var country: PlaceCode?
        public var coordinates: Coordinates?
    }

    /// Reads the databases at these paths; those that cannot be read are left out.
    public init(paths: [String]) {
        databases = paths.compactMap { try? Database(MaxMindDatabase(path: $0)) }
    }

    /// Where an address is; of each field what the first database knows that knows it. `nil` if no database has the address.
    public func find(_ client: IPPrefix) -> Location? {
        let address = client.embeddedIPv4.map { .v4($0.address) } ?? client.address
        guard address.embeddedIPv4 == nil else { return nil }
        var result: Location?
        for database in databases {
            guard let found = database.find(address) else { continue }
            result = Location(
                country: result?.country ?? found.country, coordinates: result?.coordinates ?? found.coordinates)
        }
        return result
    }

    /// A database, and what was read of it.
    private final class Database {
        private let database: MaxMindDatabase
        private var reader: RecordReader
        private var gazetteer = Gazetteer()
        /// By the offset of their records.
        private var known: [UInt32: Location] = [:]

        private static let fields: PlaceFields = [.country, .coordinates]
        private static let knownLimit = 1 << 14
        /// How many values may be skipped in one record. A damaged one must not use up what the others need.
        private static let effort = 1 << 16

        init(_ database: consuming MaxMindDatabase) {
            reader = RecordReader(database.dataSection, Self.fields)
            self.database = database
        }

        func find(_ address: IPAddress) -> Location? {
            guard let (_, offset) = try? database.recordOffset(of: address) else { return nil }
            if let location = known[offset] { return location }
            if known.count >= Self.knownLimit {
                known = [:]
                gazetteer = Gazetteer()
                reader = RecordReader(database.dataSection, Self.fields)
            }
            reader.data.allow(effort: Self.effort)
            guard let record = try? reader.read(at: offset, &gazetteer) else { return nil }
            let place = gazetteer[gazetteer.entries[Int(record.place)]]
            let location = Location(country: place.country, coordinates: place.coordinates)
            known[offset] = location
            return location
        }
    }
}
