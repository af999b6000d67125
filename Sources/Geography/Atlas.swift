/// All that the configured databases know: the place of every address, and its autonomous system. Read once, and then
/// asked by every map.
public struct Atlas: Sendable {
    /// For each address the position of its place in `places`; 0 where nothing is known.
    public internal(set) var places = AddressLayer(everywhere: 0)
    /// For each address the number of its autonomous system (RFC 6793); 0 where it is not known.
    public internal(set) var systems = AddressLayer(everywhere: 0)
    /// 1 for addresses that some database has a record of, whatever is in it; 0 for others.
    public internal(set) var known = AddressLayer(everywhere: 0)
    /// What the places are made of.
    public private(set) var gazetteer = Gazetteer()

    /// An atlas that knows nothing.
    public init() {}

    /// The numbers of all autonomous systems that some address belongs to.
    public var systemNumbers: Set<UInt32> { Set(systems.ipv4.values).union(systems.ipv6.values).subtracting([0]) }

    /// Adds what `database` knows to fields that are not known yet: the databases are asked in the order of adding.
    ///
    /// - Parameter fields: what is worth reading. A whole City database takes several times as long as its countries.
    public mutating func add(
        _ database: borrowing MaxMindDatabase, fields: PlaceFields = .all
    ) throws(DatabaseError) {
        let fields = fields.contains(.subdivisions) ? fields.union(.country) : fields
        var records = RecordRegister(RecordReader(database.dataSection, fields))
        var newPlaces = AddressLayer(everywhere: 0)
        var newSystems = AddressLayer(everywhere: 0)
        var newKnown = AddressLayer(everywhere: 0)
        newPlaces.reserve(database.nodeCount + 1)
        newKnown.reserve(database.nodeCount + 1)
        try database.forEachIPv4Network { first, offset throws(DatabaseError) in
            let (place, system) = try records.record(at: offset, &gazetteer, database)
            newPlaces.ipv4.append(from: first, value: place)
            newSystems.ipv4.append(from: first, value: system)
            newKnown.ipv4.append(from: first, value: offset == nil ? 0 : 1)
        }
        try database.forEachIPv6Network(skipping: IPPrefix.embeddingIPv4) { first, offset throws(DatabaseError) in
            let (place, system) = try records.record(at: offset, &gazetteer, database)
            newPlaces.ipv6.append(from: first, value: place)
            newSystems.ipv6.append(from: first, value: system)
            newKnown.ipv6.append(from: first, value: offset == nil ? 0 : 1)
        }
        if places.isZero {
            places = newPlaces
        } else {
            places = places.combined(with: newPlaces) { known, new in
                known == 0 ? new : new == 0 ? known : gazetteer.number(ofPlace: known, completedBy: new)
            }
        }
        systems = systems.isZero ? newSystems : systems.combined(with: newSystems) { $0 == 0 ? $1 : $0 }
        known = known.isZero ? newKnown : known.combined(with: newKnown) { $0 | $1 }
    }
}

/// Parts of what a database knows of an address.
public struct PlaceFields: OptionSet, Sendable {
    public let rawValue: Int

    /// The fields of these bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let continent = PlaceFields(rawValue: 1)
    public static let country = PlaceFields(rawValue: 2)
    /// Read with the country, which a subdivision's code begins with.
    public static let subdivisions = PlaceFields(rawValue: 4)
    public static let city = PlaceFields(rawValue: 8)
    public static let coordinates = PlaceFields(rawValue: 16)
    public static let system = PlaceFields(rawValue: 32)
    public static let all: PlaceFields = [.continent, .country, .subdivisions, .city, .coordinates, .system]
}

/// What was read of one database's records, each of them once.
private struct RecordRegister {
    private var reader: RecordReader
    private var places: OffsetTable
    /// The autonomous systems of those that have one.
    private var systems = Numbering<UInt32>()
    private var hasSystems = false

    init(_ reader: RecordReader) {
        self.reader = reader
        places = OffsetTable(limit: reader.data.count)
    }

    @inline(__always)
    mutating func record(
        at offset: UInt32?, _ gazetteer: inout Gazetteer, _ database: borrowing MaxMindDatabase
    ) throws(DatabaseError) -> (place: UInt32, system: UInt32) {
        guard let offset, !reader.fields.isEmpty else { return (0, 0) }
        guard let place = places[offset] else { return try read(offset, &gazetteer, database) }
        return (place, hasSystems ? systems[offset] ?? 0 : 0)
    }

    @inline(never)
    private mutating func read(
        _ offset: UInt32, _ gazetteer: inout Gazetteer, _ database: borrowing MaxMindDatabase
    ) throws(DatabaseError) -> (place: UInt32, system: UInt32) {
        do {
            let record = try reader.read(at: offset, &gazetteer)
            places.insert(offset, record.place)
            if record.system > 0 {
                hasSystems = true
                systems.insert(offset, record.system)
            }
            return record
        } catch {
            throw database.corrupt("\(error.reason)")
        }
    }
}
