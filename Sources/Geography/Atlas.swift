/// All that the configured databases know: the place of every address, and its autonomous system. Read once, and then
/// asked by every map.
public struct Atlas: Sendable {
    /// For each address the position of its place in `places`; 0 where nothing is known.
    public internal(set) var places = AddressLayer(everywhere: 0)
    /// For each address the number of its autonomous system (RFC 6793); 0 where it is not known.
    public internal(set) var systems = AddressLayer(everywhere: 0)
    /// What the places are made of.
    public private(set) var gazetteer = Gazetteer()
    /// What each database has, in the order of adding.
    public private(set) var contents: [DatabaseContents] = []

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
        var records = RecordRegister(database, fields)
        var newPlaces = AddressLayer(everywhere: 0)
        var newSystems = AddressLayer(everywhere: 0)
        do {
            (newPlaces.ipv4, newSystems.ipv4) = try records.ipv4Places(&gazetteer)
            (newPlaces.ipv6, newSystems.ipv6) = try records.ipv6Places(&gazetteer)
        } catch {
            throw database.corrupt(error)
        }
        contents.append(records.contents(of: database))
        if places.isZero {
            places = newPlaces
        } else {
            places = places.combined(with: newPlaces) { known, new in
                known == 0 ? new : new == 0 ? known : gazetteer.number(ofPlace: known, completedBy: new)
            }
        }
        systems = systems.isZero ? newSystems : systems.combined(with: newSystems) { $0 == 0 ? $1 : $0 }
    }
}

/// Parts of what a database knows of an address.
public struct PlaceFields: OptionSet, Sendable {
    public let rawValue: Int

    /// The fields of these bits.
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let continent = PlaceFields(rawValue: 1)
    public static let country = PlaceFields(rawValue: 2)
    /// The country is read as well, since a subdivision's code begins with it.
    public static let subdivisions = PlaceFields(rawValue: 4)
    public static let city = PlaceFields(rawValue: 8)
    public static let coordinates = PlaceFields(rawValue: 16)
    public static let system = PlaceFields(rawValue: 32)
    /// Subdivisions by their names, for rules that call them so.
    public static let subdivisionNames = PlaceFields(rawValue: 64)
    /// All that a place is made of, each part by one name.
    public static let all: PlaceFields = [.continent, .country, .subdivisions, .city, .coordinates, .system]
    /// What `PlaceIndex` is made of.
    public static let clientPlace: PlaceFields = [.continent, .country, .subdivisions, .coordinates]
    static let everything = all.union(.subdivisionNames)
}

/// What there is in a database, as far as it was looked at.
public struct DatabaseContents: Sendable {
    /// The file.
    public var path: String
    /// What the database says that it is, such as `GeoLite2-City`.
    public var type: String
    /// The fields that were asked for, and that some record has.
    public var found: PlaceFields
    /// If none were found: those that were not asked for, and that one of the first records has.
    public var others: PlaceFields
    /// If none were found: the names of the fields of the first records.
    public var fieldNames: [String]
    /// Whether some subdivisions have a name and no code.
    public var hasSubdivisionsWithoutCode: Bool
}

/// What was read of one database's records, each of them once.
private struct RecordRegister {
    private let tree: SearchTree
    private var reader: RecordReader
    private let index: RecordIndex
    /// By the record's number; `unread` if it was not read.
    private var places: [UInt32]
    /// The autonomous systems, by the record's number; empty if they are not asked for.
    private var systems: [UInt32]
    /// Looks for all that there may be in a record, as long as nothing is found that was asked for.
    private var sampler: (reader: RecordReader, gazetteer: Gazetteer)?
    private var sampled: Set<UInt32> = []
    private var fieldNames: [String] = []

    private static let unread = UInt32.max
    /// The number of records to look at for the fields that a database has.
    private static let sampleSize = 1_000
    /// The number of field names that a message lists.
    private static let nameLimit = 20

    init(_ database: borrowing MaxMindDatabase, _ fields: PlaceFields) {
        tree = database.tree
        reader = RecordReader(database.dataSection, fields)
        index = RecordIndex(tree)
        places = Array(repeating: Self.unread, count: index.count)
        systems = fields.contains(.system) ? Array(repeating: 0, count: index.count) : []
    }

    typealias Ranges<Address: FixedWidthInteger & UnsignedInteger & Sendable> = (
        places: AddressRanges<Address>, systems: AddressRanges<Address>
    )

    /// The places of all IPv4 addresses, and their autonomous systems if these are asked for.
    mutating func ipv4Places(_ gazetteer: inout Gazetteer) throws(DataSection.Malformed) -> Ranges<UInt32> {
        var merged = MergedPair<UInt32>()
        try tree.forEachIPv4Record { first, record throws(DataSection.Malformed) in
            try take(record, first, &merged, &gazetteer)
        }
        return merged.ranges(hasSystems: !systems.isEmpty)
    }

    /// The same for IPv6.
    mutating func ipv6Places(_ gazetteer: inout Gazetteer) throws(DataSection.Malformed) -> Ranges<UInt128> {
        var merged = MergedPair<UInt128>()
        try tree.forEachIPv6Record { first, record throws(DataSection.Malformed) in
            try take(record, first, &merged, &gazetteer)
        }
        return merged.ranges(hasSystems: !systems.isEmpty)
    }

    @inline(__always)
    private mutating func take<Address>(
        _ record: UInt32, _ first: Address, _ merged: inout MergedPair<Address>, _ gazetteer: inout Gazetteer
    ) throws(DataSection.Malformed) {
        let number = try number(of: record, &gazetteer)
        merged.places.append(first, number.map { places[$0] } ?? 0)
        if !systems.isEmpty { merged.systems.append(first, number.map { systems[$0] } ?? 0) }
    }

    private struct MergedPair<Address: FixedWidthInteger & UnsignedInteger & Sendable> {
        var places = Merged<Address>()
        var systems = Merged<Address>()

        func ranges(hasSystems: Bool) -> Ranges<Address> {
            (places.ranges, hasSystems ? systems.ranges : AddressRanges(everywhere: 0))
        }
    }

    /// Ranges that come one after another, with neighbours of one value as one.
    private struct Merged<Address: FixedWidthInteger & UnsignedInteger & Sendable> {
        private var starts: [Address] = []
        private var values: [UInt32] = []
        private var last: UInt32?

        @inline(__always)
        mutating func append(_ start: Address, _ value: UInt32) {
            guard last != value else { return }
            starts.append(start)
            values.append(value)
            last = value
        }

        var ranges: AddressRanges<Address> { AddressRanges(starts: starts, values: values) }
    }

    /// The number of a record that was read, now or before; `nil` for one that leads to nothing, or if nothing is to be read.
    @inline(__always)
    private mutating func number(
        of record: UInt32, _ gazetteer: inout Gazetteer
    ) throws(DataSection.Malformed) -> Int? {
        guard let offset = try tree.offset(of: record) else { return nil }
        guard !reader.fields.isEmpty else {
            if sampled.count < Self.sampleSize { sample(offset) }
            return nil
        }
        let number = index.number(of: offset)
        if places[number] == Self.unread { try read(offset, number, &gazetteer) }
        return number
    }

    @inline(never)
    private mutating func read(
        _ offset: UInt32, _ number: Int, _ gazetteer: inout Gazetteer
    ) throws(DataSection.Malformed) {
        let record = try reader.read(at: offset, &gazetteer)
        places[number] = record.place
        if record.system > 0, !systems.isEmpty { systems[number] = record.system }
        if reader.found.isEmpty, sampled.count < Self.sampleSize { sample(offset) }
    }

    /// Looks at what there is in a record.
    @inline(never)
    private mutating func sample(_ offset: UInt32) {
        guard sampled.insert(offset).inserted else { return }
        var (reader, gazetteer) = sampler ?? (RecordReader(self.reader.data, .all), Gazetteer())
        sampler = nil
        defer { sampler = (reader, gazetteer) }
        _ = try? reader.read(at: offset, &gazetteer)
        guard fieldNames.count < Self.nameLimit, let names = try? reader.fieldNames(at: offset) else { return }
        for name in names where fieldNames.count < Self.nameLimit && !fieldNames.contains(name) {
            fieldNames.append(name)
        }
    }

    func contents(of database: borrowing MaxMindDatabase) -> DatabaseContents {
        let found = reader.found
        return DatabaseContents(
            path: database.path, type: database.metadata.type, found: found,
            others: found.isEmpty ? sampler?.reader.found ?? [] : [], fieldNames: found.isEmpty ? fieldNames : [],
            hasSubdivisionsWithoutCode: reader.hasSubdivisionsWithoutCode)
    }
}
