import Platform

/// What is known of where a client is, as coarse as a log or a map of the world needs it.
public struct ClientPlace: Hashable, Sendable {
    /// MaxMind's continent code; if no database says it, the continent of the country.
    public var continent: PlaceCode?
    /// ISO 3166-1 alpha-2.
    public var country: PlaceCode?
    /// The widest of the subdivisions that have a code of ISO 3166-2.
    public var subdivision: SubdivisionCode?
    /// To the hundredth of a degree, of a place near the client: see `PlaceIndex`.
    public var coordinates: Coordinates?
}

/// The places of all addresses: a view of columns that `write` laid out, which takes a few megabytes for a whole City database.
///
/// Places of the same country and subdivision in a cell of a grid are one place, which has the coordinates of the one of them that
/// most networks are in. All addresses of a /24 of IPv4 or a /48 of IPv6 have the place of the first; and in a /22 or a /40 those
/// that are in one country have one place.
public struct PlaceIndex: Sendable {
    @usableFromInline let table: AddressTable
    private let places: Column<PackedPlace>

    /// The cells of the grid that is tried first, to a degree; there are fewer if they make more than `placeLimit` places.
    private static let cellsToDegree = 1.0
    /// What a table holds whose values take 16 bits.
    private static let placeLimit = 1 << 16

    /// Reads an index, and checks all of it.
    public init(from reader: inout ColumnReader) throws(MalformedColumns) {
        places = try reader.read()
        table = try AddressTable(from: &reader, valueCount: places.count)
    }

    /// The number of places. Number 0 is where nothing is known.
    public var count: Int { places.count }

    /// The number of the place of a client, below `count`; 0 if nothing is known of it. What carries an IPv4 address is looked up
    /// as that.
    ///
    /// - Parameter length: the number of bits that are known of the client's address.
    public func number(of client: IPAddress, length: Int = .max) -> UInt32 { lookup(client, length: length).number }

    /// The number of the place of a client, as `number(of:length:)` has it, and the length of a prefix around the client, at least 1, in
    /// which all addresses have that number.
    public func lookup(_ client: IPAddress, length: Int = .max) -> (number: UInt32, scope: UInt8) {
        let found = table.lookup(client, length: length)
        return (found.value, found.scope)
    }

    /// Whether each place, by its number, is in one of these areas. Where nothing is known is in none.
    public func isInside(_ areas: [Area]) -> [Bool] {
        let areas = areas.compactMap(PackedArea.init)
        return places.buffer.map { place in areas.contains { $0.contains(place) } }
    }

    /// The place of a number below `count`.
    public subscript(number: UInt32) -> ClientPlace { places[Int(number)].place }

    /// The place of a client, by the first of its addresses; `nil` if nothing is known of it.
    public func find(_ client: IPPrefix) -> ClientPlace? {
        let number = number(of: client.address, length: client.length)
        return number == 0 ? nil : self[number]
    }
}

/// The look-up of a question. It is a pointer's, since to call a function of so large a structure copies all of it.
extension UnsafePointer where Pointee == PlaceIndex {
    /// See the form of the structure.
    @inlinable @inline(__always)
    public func lookup(_ client: IPAddress, length: Int) -> (number: UInt32, scope: UInt8) {
        let found = pointer(to: \.table)!.find(client, length: length)
        return (found.value, found.scope)
    }
}

extension PlaceIndex {
    /// Reads of the section of an index which places clients are in, without coordinates; one of which nothing is known is among
    /// them. The table of their addresses is not looked at.
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
    /// All areas that some place is in.
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

/// The codes of an area as places have them; zeros for what does not matter.
private struct PackedArea: Equatable {
    private var continent: UInt16 = 0
    private var country: UInt16 = 0
    private var subdivision: UInt32 = 0

    /// `nil` for an area that no place can be in.
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
    /// Letters, or zeros for what is not known.
    var continent: (UInt8, UInt8) = (0, 0)
    var country: (UInt8, UInt8) = (0, 0)
    /// The part after the country's code, with zeros after it.
    var subdivision: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
    /// In hundredths of a degree; `unknown` for both if they are not known.
    var latitude = Self.unknown
    var longitude = Self.unknown

    private static let unknown = Int16.min

    /// All places of a gazetteer.
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

    /// - Parameter code: at most 4 letters or digits.
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

    /// What places have in common that are one in the index.
    func key(cellsToDegree: Double, tellsSubdivisions: Bool) -> UInt128 {
        func cell(_ hundredths: Int16) -> UInt16 {
            guard latitude != Self.unknown else { return .max }
            return UInt16((Double(hundredths) / 100 + 180) * cellsToDegree)
        }
        let place = UInt64(cell(latitude)) << 16 | UInt64(cell(longitude))
        return UInt128(place) << 64 | UInt128(tellsSubdivisions ? codeBits : codeBits & ~0xffff_ffff)
    }

    /// The country's code in one number.
    var countryBits: UInt16 { UInt16(country.0) << 8 | UInt16(country.1) }

    /// All codes in one number.
    private var codeBits: UInt64 {
        let large = UInt32(continent.0) << 24 | UInt32(continent.1) << 16 | UInt32(country.0) << 8 | UInt32(country.1)
        let small =
            UInt32(subdivision.0) << 24 | UInt32(subdivision.1) << 16 | UInt32(subdivision.2) << 8
            | UInt32(subdivision.3)
        return UInt64(large) << 32 | UInt64(small)
    }
}

extension PlaceIndex {
    /// Lays out the places of all addresses of `atlas`, as far as it knows them.
    public static func write(_ atlas: Atlas, to writer: inout ColumnWriter) {
        let gazetteer = atlas.gazetteer
        let packed = PackedPlace.all(of: gazetteer)
        var cells = cellsToDegree
        var grouping = Grouping(packed, cellsToDegree: cells)
        // Cells of more than the whole Earth tell nothing apart, but subdivisions do: a City database has some 4,000.
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

    /// What matters of a place where it may stand for its neighbours.
    private struct CoarsePlace {
        var country: UInt16
        /// That of the place in the index.
        var number: UInt32
    }

    /// Gives all addresses that differ in the last `fineBits` one place, and those of a country that differ in the last `coarseBits`.
    private struct Coarsening<Address: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable> {
        let fine: Address
        let coarse: Address
        private(set) var starts: [Address] = []
        private(set) var values: [UInt32] = []
        /// The place that the last range was given, and the one that its addresses have by now.
        private var given: CoarsePlace
        private var actual: CoarsePlace
        private var lastStart: Address = 0

        /// - Parameters:
        ///   - unknown: where nothing is known.
        ///   - count: how many ranges there may be.
        init(fineBits: Int, coarseBits: Int, unknown: CoarsePlace, atMost count: Int) {
            PageMemory.reserve(count, in: &starts)
            PageMemory.reserve(count, in: &values)
            fine = 1 << Address(fineBits) - 1
            coarse = 1 << Address(coarseBits) - 1
            given = unknown
            actual = unknown
        }

        /// Goes on with the addresses from `first` on, which are in a place.
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

        /// Lets the addresses of the next wide block have their place, where the last ones had another's.
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
            // Of the ranges that begin within one block the last one counts: it goes on after it.
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
            // A range that goes on in the next wide block makes two.
            var coarsening = Coarsening<Address>(
                fineBits: fineBits, coarseBits: coarseBits, unknown: coarse[0], atMost: 2 * places.starts.count)
            places.withBuffers { starts, values in
                for position in starts.indices { coarsening.append(starts[position], coarse[Int(values[position])]) }
            }
            return coarsening.finish()
        }
    }

    /// Which places of the gazetteer are one.
    private struct Grouping {
        /// For each place of the gazetteer its number.
        var numbers: [UInt32] = []
        var count = 0

        init(_ packed: [PackedPlace], cellsToDegree: Double, tellsSubdivisions: Bool = true) {
            var known = Numbering<UInt128>()
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

        /// Of the places that are one the one that most networks are in.
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
