import Platform

/// The content of the configured databases: the place and the autonomous system number of every address. It is read
/// once for all maps.
public struct Atlas: Sendable {
    /// For each address, the number of its place in the gazetteer; 0 if the place is not known.
    public internal(set) var places = AddressLayer(everywhere: 0)
    /// For each address, its autonomous system number (RFC 6793); 0 if it is not known.
    public internal(set) var asns = AddressLayer(everywhere: 0)
    /// The places.
    public private(set) var gazetteer = Gazetteer()
    /// A summary of each database, in the order in which they were added.
    public private(set) var contents: [DatabaseContents] = []

    /// Makes an empty atlas.
    public init() {}

    /// All autonomous system numbers that some address has.
    public var knownASNs: Set<UInt32> { Set(asns.ipv4.values).union(asns.ipv6.values).subtracting([0]) }

    /// Adds a database. For each address it fills in only the fields that earlier databases have left unknown.
    ///
    /// - Parameter fields: the fields to read. Reading all of a City database takes several times as long as reading
    ///   its countries.
    public mutating func add(
        _ database: borrowing MaxMindDatabase, fields: PlaceFields = .all
    ) throws(DatabaseError) {
        var records = RecordRegister(database, fields)
        let newPlaces: AddressLayer
        let newASNs: AddressLayer
        // Only the tree is needed to find the networks, while the rest is still being read.
        try database.readTree()
        do { try records.find() } catch { throw database.corrupt(error) }
        try database.readAll()
        do {
            try records.read(&gazetteer)
            newASNs = records.asns()
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
        asns = asns.isZero ? newASNs : asns.combined(with: newASNs) { $0 == 0 ? $1 : $0 }
    }
}

/// A set of fields of a database's records.
public struct PlaceFields: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let continent = PlaceFields(rawValue: 1)
    public static let country = PlaceFields(rawValue: 2)
    /// Subdivisions by code. The country is read as well, because a subdivision's code begins with it.
    public static let subdivisions = PlaceFields(rawValue: 4)
    public static let city = PlaceFields(rawValue: 8)
    public static let coordinates = PlaceFields(rawValue: 16)
    public static let asn = PlaceFields(rawValue: 32)
    /// Subdivisions by name, for rules that use names.
    public static let subdivisionNames = PlaceFields(rawValue: 64)
    /// All fields, with subdivisions by code only.
    public static let all: PlaceFields = [.continent, .country, .subdivisions, .city, .coordinates, .asn]
    /// The fields that `PlaceIndex` needs.
    public static let clientPlace: PlaceFields = [.continent, .country, .subdivisions, .coordinates]
    static let everything = all.union(.subdivisionNames)
}

/// A summary of a database's content, for messages about it.
public struct DatabaseContents: Sendable {
    /// The path of the file.
    public var path: String
    /// The type in the metadata, such as `GeoLite2-City`.
    public var type: String
    /// The requested fields that some record has.
    public var found: PlaceFields
    /// If none were found: other fields that one of the first records has.
    public var others: PlaceFields
    /// If none were found: the names of the fields of the first records.
    public var fieldNames: [String]
    /// Whether some subdivisions have a name but no code.
    public var hasSubdivisionsWithoutCode: Bool
}

/// The networks and the records of one database.
///
/// It works in three steps: it finds the networks and their records, reads each record once in the order of the file,
/// and then gives the networks their places. Each step reads memory sequentially. Reading the record of each network at
/// once would be random access.
private struct RecordRegister {
    private let tree: SearchTree
    private var reader: RecordReader
    private var index: RecordIndex
    private var ipv4 = Networks<UInt32>()
    private var ipv6 = Networks<UInt128>()
    /// The place of each record by number, and one more element.
    private var placeNumbers: [UInt32] = []
    /// The autonomous system number of each record by number, and one more element; empty if they are not requested.
    private var asnsByRecord: [UInt32] = []
    /// Reads all fields of the first records, as long as no requested field has been found.
    private var sampler: RecordReader
    /// The places of the records that were looked at. The sampler keeps numbers of them from one record to the next.
    private var sampledPlaces = Gazetteer()
    private var sampledCount = 0
    private var fieldNames: [String] = []

    /// The number of records to sample for the fields that a database has.
    private static let sampleSize = 1_000
    /// The largest number of field names in a message.
    private static let nameLimit = 20

    typealias Malformed = DataSection.Malformed

    init(_ database: borrowing MaxMindDatabase, _ fields: PlaceFields) {
        tree = database.tree
        reader = RecordReader(database.dataSection, fields)
        sampler = RecordReader(database.dataSection, .all)
        index = RecordIndex(dataCount: tree.dataCount)
    }

    /// The networks of one family in the order of addresses, and the record of each.
    private struct Networks<Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable> {
        private var firsts: [Address] = []
        private var records: [UInt32] = []

        mutating func append(_ networks: SearchTree.Networks<Address>) {
            firsts.append(contentsOf: networks.firsts)
            records.append(contentsOf: networks.records)
        }

        /// Reserves address space for `count` networks; pages are committed on first use.
        mutating func reserve(_ count: Int) {
            PageMemory.reserve(count, in: &firsts)
            PageMemory.reserve(count, in: &records)
        }

        /// Returns the ranges of addresses whose records have the same value.
        ///
        /// - Parameter values: the value of each record by number, and one more element for addresses without a record.
        consuming func ranges(_ values: [UInt32], _ index: RecordIndex, of tree: SearchTree) -> AddressRanges<Address> {
            var count = 0
            // Written in place: there are never more ranges than networks.
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
        // A tree without shared nodes has at most this number of networks.
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

    /// Reads all records if any field is requested; otherwise samples some of them.
    mutating func read(_ gazetteer: inout Gazetteer) throws(Malformed) {
        let count = index.number()
        placeNumbers.reserveCapacity(count + 1)
        let hasASNs = reader.fields.contains(.asn)
        var offsets: [UInt32] = []
        try index.forEach { offset throws(Malformed) in
            guard !reader.fields.isEmpty else {
                sample(offset)
                return sampledCount < Self.sampleSize
            }
            offsets.append(offset)
            if offsets.count == RecordReader.batchSize {
                try read(offsets, hasASNs, &gazetteer)
                offsets.removeAll(keepingCapacity: true)
            }
            return true
        }
        try read(offsets, hasASNs, &gazetteer)
        placeNumbers += Array(repeating: 0, count: count + 1 - placeNumbers.count)
        if hasASNs { asnsByRecord.append(0) }
    }

    private mutating func read(
        _ offsets: [UInt32], _ hasASNs: Bool, _ gazetteer: inout Gazetteer
    ) throws(Malformed) {
        try reader.read(at: offsets, &gazetteer) { place, asn in
            placeNumbers.append(place)
            if hasASNs { asnsByRecord.append(asn) }
        }
        guard reader.found.isEmpty else { return }
        for offset in offsets where sampledCount < Self.sampleSize { sample(offset) }
    }

    /// Returns the autonomous system number of each address; 0 everywhere if they are not requested.
    func asns() -> AddressLayer {
        guard !asnsByRecord.isEmpty else { return AddressLayer(everywhere: 0) }
        return AddressLayer(
            ipv4: ipv4.ranges(asnsByRecord, index, of: tree), ipv6: ipv6.ranges(asnsByRecord, index, of: tree))
    }

    /// Returns the place of each address. It consumes the networks, so that it must be called last.
    mutating func places() -> AddressLayer {
        let (ipv4, ipv6) = (self.ipv4, self.ipv6)
        self.ipv4 = Networks()
        self.ipv6 = Networks()
        return AddressLayer(
            ipv4: ipv4.ranges(placeNumbers, index, of: tree), ipv6: ipv6.ranges(placeNumbers, index, of: tree))
    }

    /// Samples the fields of a record.
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
