import Platform

/// The approximate place of a client, precise enough for a log or a world map.
public struct ClientPlace: Hashable, Sendable {
    /// MaxMind's continent code; if no database states it, the continent of the country.
    public var continent: PlaceCode?
    /// ISO 3166-1 alpha-2.
    public var country: PlaceCode?
    /// The widest subdivision that has a code of ISO 3166-2.
    public var subdivision: SubdivisionCode?
    /// The coordinates of a place near the client, in hundredths of a degree; see `PlaceIndex`.
    public var coordinates: Coordinates?
}

/// The places of all addresses: a view of columns that `write` wrote. It takes a few megabytes for a City database.
///
/// It is coarser than the databases. Places of the same country and subdivision in a grid cell become one place, with
/// the coordinates of the one that has most networks. All addresses of an IPv4 /24 or an IPv6 /48 have the place of its
/// first address. Adjacent networks of a country in an IPv4 /22 or an IPv6 /40 have one place.
public struct PlaceIndex: Sendable {
    @usableFromInline let table: AddressTable
    private let places: Column<PackedPlace>

    /// The number of grid cells for each degree that is tried first; it is halved as long as there are more than
    /// `placeLimit` places.
    private static let cellsToDegree = 1.0
    /// The number of values of 16 bits.
    private static let placeLimit = 1 << 16

    /// Reads and checks an index.
    public init(from reader: inout ColumnReader) throws(MalformedColumns) {
        places = try reader.read()
        table = try AddressTable(from: &reader, valueCount: places.count)
    }

    /// The number of places. Place 0 is unknown.
    public var count: Int { places.count }

    /// Returns the number of a client's place, below `count`; 0 if it is unknown. An embedded IPv4 address is looked
    /// up as IPv4.
    ///
    /// - Parameter length: the number of known bits of the client's address.
    public func number(of client: IPAddress, length: Int = .max) -> UInt32 { lookup(client, length: length).number }

    /// Returns the number of a client's place as `number(of:length:)` does, and the length, at least 1, of a prefix
    /// around the client in which all addresses have that place.
    public func lookup(_ client: IPAddress, length: Int = .max) -> (number: UInt32, scope: UInt8) {
        let found = table.lookup(client, length: length)
        return (found.value, found.scope)
    }

    /// Returns for each place by number whether it is in one of the areas. The unknown place is in none.
    public func isInside(_ areas: [Area]) -> [Bool] {
        let areas = areas.compactMap(PackedArea.init)
        return places.buffer.map { place in areas.contains { $0.contains(place) } }
    }

    /// Returns the place of a number below `count`.
    public subscript(number: UInt32) -> ClientPlace { places[Int(number)].place }

    /// Returns the place of a client by its first address; `nil` if it is unknown.
    public func find(_ client: IPPrefix) -> ClientPlace? {
        let number = number(of: client.address, length: client.length)
        return number == 0 ? nil : self[number]
    }
}

/// The look-up for a question, through a pointer: a call of a function of so large a structure would copy all of it.
extension UnsafePointer where Pointee == PlaceIndex {
    /// See `PlaceIndex.lookup`.
    @inlinable @inline(__always)
    public func lookup(_ client: IPAddress, length: Int) -> (number: UInt32, scope: UInt8) {
        let found = pointer(to: \.table)!.find(client, length: length)
        return (found.value, found.scope)
    }
}

extension PlaceIndex {
    /// Reads the places of an index without coordinates, including the unknown place. The address table is not read.
    public static func places(from reader: inout ColumnReader) throws(MalformedColumns) -> Set<ClientPlace> {
        let packed: Column<PackedPlace> = try reader.read()
        var codes: Set<UInt128> = []
        var places: Set<ClientPlace> = []
        for packed in packed.buffer where codes.insert(packed.key(cellsToDegree: 0, tellsSubdivisions: true)).inserted {
            var place = packed.place
            place.coordinates = nil
            places.insert(place)
        }
        return places
    }
}

extension Set<ClientPlace> {
    /// All areas that contain some of the places.
    public var areas: Set<Area> {
        var areas: Set<Area> = []
        for place in self {
            if let continent = place.continent { areas.insert(.continent(continent)) }
            if let country = place.country { areas.insert(.country(country)) }
            if let subdivision = place.subdivision { areas.insert(.subdivision(subdivision)) }
        }
        return areas
    }
}

extension ClientPlace {
    /// Whether the place is in an area.
    public func isInside(_ area: Area) -> Bool {
        switch area {
        case .continent(let code): continent == code
        case .country(let code): country == code
        case .subdivision(let code): subdivision == code
        }
    }
}

/// The codes of an area in the form of `PackedPlace`; zeros match any code.
private struct PackedArea: Equatable {
    private var continent: UInt16 = 0
    private var country: UInt16 = 0
    private var subdivision: UInt32 = 0

    /// Makes the codes of an area; `nil` if no place can be in it.
    init?(_ area: Area) {
        switch area {
        case .continent(let code): continent = Self.bits(code.letters)
        case .country(let code): country = Self.bits(code.letters)
        case .subdivision(let code):
            guard !code.isName, code.code.utf8.count <= 4 else { return nil }
            country = Self.bits(code.country.letters)
            subdivision = Self.bits(PackedPlace.letters(code.code))
        }
    }

    init(_ place: PackedPlace) {
        continent = Self.bits(place.continent)
        country = Self.bits(place.country)
        subdivision = Self.bits(place.subdivision)
    }

    func contains(_ place: PackedPlace) -> Bool {
        let place = PackedArea(place)
        return (continent == 0 || continent == place.continent) && (country == 0 || country == place.country)
            && (subdivision == 0 || subdivision == place.subdivision)
    }

    private static func bits(_ letters: (UInt8, UInt8)) -> UInt16 { UInt16(letters.0) << 8 | UInt16(letters.1) }

    private static func bits(_ letters: (UInt8, UInt8, UInt8, UInt8)) -> UInt32 {
        UInt32(bits((letters.0, letters.1))) << 16 | UInt32(bits((letters.2, letters.3)))
    }
}

/// A place in 12 bytes.
private struct PackedPlace: BitwiseCopyable {
    /// The letters of codes; zeros if unknown.
    var continent: (UInt8, UInt8) = (0, 0)
    var country: (UInt8, UInt8) = (0, 0)
    /// The part of the code after the country's, padded with zeros.
    var subdivision: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
    /// The coordinates in hundredths of a degree; both `unknown` if they are not known.
    var latitude = Self.unknown
    var longitude = Self.unknown

    private static let unknown = Int16.min

    /// Returns the packed form of all places of a gazetteer.
    static func all(of gazetteer: Gazetteer) -> [PackedPlace] {
        let subdivisions = gazetteer.subdivisions.map(code)
        let countries = gazetteer.countries.map { $0?.letters ?? (0, 0) }
        let coordinates = gazetteer.coordinates.map { coordinates in
            guard let coordinates else { return (latitude: unknown, longitude: unknown) }
            return (
                latitude: Int16((coordinates.latitude * 100).rounded()),
                longitude: Int16((coordinates.longitude * 100).rounded())
            )
        }
        return gazetteer.entries.map { entry in
            var place = PackedPlace()
            if let continent = gazetteer.continent(of: entry) { place.continent = continent.letters }
            place.country = countries[Int(entry.country)]
            place.subdivision = subdivisions[Int(entry.subdivisions)]
            (place.latitude, place.longitude) = coordinates[Int(entry.coordinates)]
            return place
        }
    }

    private static func code(_ subdivisions: [SubdivisionCode]) -> (UInt8, UInt8, UInt8, UInt8) {
        guard let code = subdivisions.first(where: { !$0.isName && $0.code.utf8.count <= 4 })?.code else {
            return (0, 0, 0, 0)
        }
        return letters(code)
    }

    /// Returns a code of at most 4 letters or digits, padded with zeros.
    static func letters(_ code: String) -> (UInt8, UInt8, UInt8, UInt8) {
        let bytes = Array(code.utf8) + [0, 0, 0, 0]
        return (bytes[0], bytes[1], bytes[2], bytes[3])
    }

    var place: ClientPlace {
        func code(_ letters: (UInt8, UInt8)) -> PlaceCode? {
            letters.0 == 0 ? nil : PlaceCode(String(decoding: [letters.0, letters.1], as: UTF8.self))
        }
        let bytes = [subdivision.0, subdivision.1, subdivision.2, subdivision.3].prefix { $0 != 0 }
        var place = ClientPlace(continent: code(continent), country: code(country))
        if !bytes.isEmpty, let country = place.country {
            place.subdivision = SubdivisionCode(country: country, code: String(decoding: bytes, as: UTF8.self))
        }
        if latitude != Self.unknown {
            place.coordinates = Coordinates(latitude: Double(latitude) / 100, longitude: Double(longitude) / 100)
        }
        return place
    }

    /// Returns the grouping key: places with the same key become one place of the index.
    func key(cellsToDegree: Double, tellsSubdivisions: Bool) -> UInt128 {
        func cell(_ hundredths: Int16) -> UInt16 {
            guard latitude != Self.unknown else { return .max }
            return UInt16((Double(hundredths) / 100 + 180) * cellsToDegree)
        }
        let place = UInt64(cell(latitude)) << 16 | UInt64(cell(longitude))
        return UInt128(place) << 64 | UInt128(tellsSubdivisions ? codeBits : codeBits & ~0xffff_ffff)
    }

    /// The country's code as one number.
    var countryBits: UInt16 { UInt16(country.0) << 8 | UInt16(country.1) }

    /// All codes as one number.
    private var codeBits: UInt64 {
        let large = UInt32(continent.0) << 24 | UInt32(continent.1) << 16 | UInt32(country.0) << 8 | UInt32(country.1)
        let small =
            UInt32(subdivision.0) << 24 | UInt32(subdivision.1) << 16 | UInt32(subdivision.2) << 8
            | UInt32(subdivision.3)
        return UInt64(large) << 32 | UInt64(small)
    }
}

extension PlaceIndex {
    /// Writes the places of all addresses of `atlas`.
    public static func write(_ atlas: Atlas, to writer: inout ColumnWriter) {
        let gazetteer = atlas.gazetteer
        let packed = PackedPlace.all(of: gazetteer)
        var cells = cellsToDegree
        var grouping = Grouping(packed, cellsToDegree: cells)
        // When cells are larger than the Earth, only subdivisions are left to merge: a City database has about 4,000.
        while grouping.count > placeLimit {
            cells /= 2
            grouping = Grouping(packed, cellsToDegree: cells, tellsSubdivisions: cells > 1 / 512)
        }
        var networks = [UInt32](repeating: 0, count: packed.count)
        for place in atlas.places.ipv4.values { networks[Int(place)] += 1 }
        for place in atlas.places.ipv6.values { networks[Int(place)] += 1 }
        writer.add(grouping.places(of: packed, networks))
        let coarse = zip(packed, grouping.numbers).map { CoarsePlace(country: $0.countryBits, number: $1) }
        let layer = AddressLayer(
            ipv4: coarsened(atlas.places.ipv4, coarse, fineBits: 8, coarseBits: 10),
            ipv6: coarsened(atlas.places.ipv6, coarse, fineBits: 80, coarseBits: 88))
        AddressTable.write(
            layer, valueCount: grouping.count, keepsBlocksApart: true, isSmall: true, to: &writer)
    }

    /// The properties of a place that decide whether it may stand for adjacent networks.
    private struct CoarsePlace {
        var country: UInt16
        /// The number of the place in the index.
        var number: UInt32
    }

    /// Merges ranges: addresses that differ only in the last `fineBits` bits get one place, and so do addresses of one
    /// country that differ only in the last `coarseBits` bits.
    private struct Coarsening<Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable> {
        let fine: Address
        let coarse: Address
        private(set) var starts: [Address] = []
        private(set) var values: [UInt32] = []
        /// The place of the last range, and the place that the addresses at hand really have.
        private var given: CoarsePlace
        private var actual: CoarsePlace
        private var lastStart: Address = 0

        /// Begins with no ranges.
        ///
        /// - Parameters:
        ///   - unknown: the unknown place.
        ///   - count: the largest number of ranges.
        init(fineBits: Int, coarseBits: Int, unknown: CoarsePlace, atMost count: Int) {
            PageMemory.reserve(count, in: &starts)
            PageMemory.reserve(count, in: &values)
            fine = 1 << Address(fineBits) - 1
            coarse = 1 << Address(coarseBits) - 1
            given = unknown
            actual = unknown
        }

        /// Adds the addresses from `first` on, which are in `place`.
        @inline(__always)
        mutating func append(_ first: Address, _ place: CoarsePlace) {
            guard first <= .max &- fine else { return }
            let start = (first &+ fine) & ~fine
            catchUp(before: start)
            let isFirst = starts.isEmpty
            actual = place
            lastStart = start
            if isFirst || start & coarse == 0 || place.country != given.country { give(start, place) }
        }

        mutating func finish() -> AddressRanges<Address> {
            catchUp(before: nil)
            return AddressRanges(starts: starts, values: values)
        }

        /// Begins a range at the next coarse block if the addresses before `end` have been given another place than
        /// their own.
        @inline(__always)
        private mutating func catchUp(before end: Address?) {
            guard given.number != actual.number, lastStart <= .max &- coarse else { return }
            let start = (lastStart &+ coarse) & ~coarse
            if let end, start >= end { return }
            give(start, actual)
        }

        @inline(__always)
        private mutating func give(_ start: Address, _ place: CoarsePlace) {
            given = place
            // If several ranges begin in one block, the last one counts, because it continues after the block.
            if starts.last == start {
                starts.removeLast()
                values.removeLast()
            }
            guard values.last != place.number else { return }
            starts.append(start)
            values.append(place.number)
        }
    }

    private static func coarsened<Address>(
        _ places: AddressRanges<Address>, _ coarse: [CoarsePlace], fineBits: Int, coarseBits: Int
    ) -> AddressRanges<Address> {
        coarse.withUnsafeBufferPointer { coarse in
            // A range that continues in the next coarse block becomes two.
            var coarsening = Coarsening<Address>(
                fineBits: fineBits, coarseBits: coarseBits, unknown: coarse[0], atMost: 2 * places.starts.count)
            places.withBuffers { starts, values in
                for position in starts.indices { coarsening.append(starts[position], coarse[Int(values[position])]) }
            }
            return coarsening.finish()
        }
    }

    /// Groups the places of a gazetteer that become one place of the index.
    private struct Grouping {
        /// The number in the index of each place of the gazetteer.
        var numbers: [UInt32] = []
        var count = 0

        init(_ packed: [PackedPlace], cellsToDegree: Double, tellsSubdivisions: Bool = true) {
            var known = IntegerMap<UInt128>()
            numbers.reserveCapacity(packed.count)
            for place in packed {
                let key = place.key(cellsToDegree: cellsToDegree, tellsSubdivisions: tellsSubdivisions)
                if let number = known[key] {
                    numbers.append(number)
                } else {
                    known.insert(key, UInt32(count))
                    numbers.append(UInt32(count))
                    count += 1
                }
            }
        }

        /// Returns for each group the place that has most networks.
        func places(of packed: [PackedPlace], _ networks: [UInt32]) -> [PackedPlace] {
            var best = [Int](repeating: -1, count: count)
            for (position, number) in numbers.enumerated() {
                let other = best[Int(number)]
                if other < 0 || networks[position] > networks[other] { best[Int(number)] = position }
            }
            return best.map { packed[$0] }
        }
    }
}
