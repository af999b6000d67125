import Platform

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
        let newPlaces: AddressLayer
        let newSystems: AddressLayer
        // The networks need the tree alone.
        try database.readTree()
        do { try records.find() } catch { throw database.corrupt(error) }
        try database.readAll()
        do {
            try records.read(&gazetteer)
            newSystems = records.systems()
            newPlaces = records.places()
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

/// What one database has: its networks, and what its records say.
///
/// The records are found first, then read in the order of the file, each once, and only then are the networks given their places: each
/// of these goes through memory from its beginning to its end, where to read a record with each network would go all over it.
private struct RecordRegister {
    private let tree: SearchTree
    private var reader: RecordReader
    private var index: RecordIndex
    private var ipv4 = Networks<UInt32>()
    private var ipv6 = Networks<UInt128>()
    /// By the record's number; one more.
    private var placeNumbers: [UInt32] = []
    /// The autonomous systems, by the record's number, and one more; empty if they are not asked for.
    private var systemNumbers: [UInt32] = []
    /// Looks for all that there may be in a record, as long as nothing is found that was asked for.
    private var sampler: RecordReader
    /// The places of the records that were looked at. The sampler keeps numbers of them from one record to the next.
    private var sampledPlaces = Gazetteer()
    private var sampledCount = 0
    private var fieldNames: [String] = []

    /// The number of records to look at for the fields that a database has.
    private static let sampleSize = 1_000
    /// The number of field names that a message lists.
    private static let nameLimit = 20

    typealias Malformed = DataSection.Malformed

    init(_ database: borrowing MaxMindDatabase, _ fields: PlaceFields) {
        tree = database.tree
        reader = RecordReader(database.dataSection, fields)
        sampler = RecordReader(database.dataSection, .all)
        index = RecordIndex(dataCount: tree.dataCount)
    }

    /// The networks of a family in the order of their addresses, and the record of each.
    private struct Networks<Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable> {
        private var firsts: [Address] = []
        private var records: [UInt32] = []

        mutating func append(_ networks: SearchTree.Networks<Address>) {
            firsts.append(contentsOf: networks.firsts)
            records.append(contentsOf: networks.records)
        }

        /// Makes room for `count` networks, of which only those that come take memory.
        mutating func reserve(_ count: Int) {
            PageMemory.reserve(count, in: &firsts)
            PageMemory.reserve(count, in: &records)
        }

        /// The ranges of addresses whose records have one value, with `value` by the number of a record.
        consuming func ranges(_ values: [UInt32], _ index: RecordIndex, of tree: SearchTree) -> AddressRanges<Address> {
            var count = 0
            // In the memory of the networks, of which there are at least as many.
            firsts.withUnsafeMutableBufferPointer { firsts in
                records.withUnsafeMutableBufferPointer { records in
                    values.withUnsafeBufferPointer { values in
                        index.withNumbers { number in
                            var last = UInt32.max
                            for position in firsts.indices {
                                let isKnown = records[position] != tree.count
                                let offset = isKnown ? tree.offset(ofRecord: records[position]) : 0
                                let found = values[number(offset)]
                                let value = isKnown ? found : 0
                                firsts[count] = firsts[position]
                                records[count] = value
                                count &+= position == 0 || value != last ? 1 : 0
                                last = value
                            }
                        }
                    }
                }
            }
            firsts.removeLast(firsts.count - count)
            records.removeLast(records.count - count)
            return AddressRanges(starts: firsts, values: records)
        }
    }

    /// Finds all networks and their records.
    mutating func find() throws(Malformed) {
        // As many as a tree has that has each node once.
        ipv4.reserve(Int(tree.count) + 1)
        if tree.isIPv6 { ipv6.reserve(Int(tree.count) + 1) }
        try tree.forEachIPv4Networks { networks throws(Malformed) in
            ipv4.append(networks)
            try index.insert(networks.records, of: tree)
        }
        try tree.forEachIPv6Networks { networks throws(Malformed) in
            ipv6.append(networks)
            try index.insert(networks.records, of: tree)
        }
    }

    /// Reads all records, if anything is asked for; else looks at some of them.
    mutating func read(_ gazetteer: inout Gazetteer) throws(Malformed) {
        let count = index.number()
        placeNumbers.reserveCapacity(count + 1)
        let hasSystems = reader.fields.contains(.system)
        var offsets: [UInt32] = []
        try index.forEach { offset throws(Malformed) in
            guard !reader.fields.isEmpty else {
                sample(offset)
                return sampledCount < Self.sampleSize
            }
            offsets.append(offset)
            if offsets.count == RecordReader.portion {
                try read(offsets, hasSystems, &gazetteer)
                offsets.removeAll(keepingCapacity: true)
            }
            return true
        }
        try read(offsets, hasSystems, &gazetteer)
        placeNumbers += Array(repeating: 0, count: count + 1 - placeNumbers.count)
        if hasSystems { systemNumbers.append(0) }
    }

    private mutating func read(
        _ offsets: [UInt32], _ hasSystems: Bool, _ gazetteer: inout Gazetteer
    ) throws(Malformed) {
        try reader.read(at: offsets, &gazetteer) { place, system in
            placeNumbers.append(place)
            if hasSystems { systemNumbers.append(system) }
        }
        guard reader.found.isEmpty else { return }
        for offset in offsets where sampledCount < Self.sampleSize { sample(offset) }
    }

    /// The autonomous system of each address; 0 everywhere if they are not asked for.
    func systems() -> AddressLayer {
        guard !systemNumbers.isEmpty else { return AddressLayer(everywhere: 0) }
        return AddressLayer(
            ipv4: ipv4.ranges(systemNumbers, index, of: tree), ipv6: ipv6.ranges(systemNumbers, index, of: tree))
    }

    /// The place of each address. Nothing may be asked for after this.
    mutating func places() -> AddressLayer {
        let (ipv4, ipv6) = (self.ipv4, self.ipv6)
        self.ipv4 = Networks()
        self.ipv6 = Networks()
        return AddressLayer(
            ipv4: ipv4.ranges(placeNumbers, index, of: tree), ipv6: ipv6.ranges(placeNumbers, index, of: tree))
    }

    /// Looks at what there is in a record.
    @inline(never)
    private mutating func sample(_ offset: UInt32) {
        sampledCount += 1
        _ = try? sampler.read(at: offset, &sampledPlaces)
        guard fieldNames.count < Self.nameLimit, let names = try? reader.fieldNames(at: offset) else { return }
        for name in names where fieldNames.count < Self.nameLimit && !fieldNames.contains(name) {
            fieldNames.append(name)
        }
    }

    func contents(of database: borrowing MaxMindDatabase) -> DatabaseContents {
        let found = reader.found
        return DatabaseContents(
            path: database.path, type: database.metadata.type, found: found,
            others: found.isEmpty ? sampler.found : [], fieldNames: found.isEmpty ? fieldNames : [],
            hasSubdivisionsWithoutCode: reader.hasSubdivisionsWithoutCode)
    }
}
