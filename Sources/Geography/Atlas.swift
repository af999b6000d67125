/// All that the configured databases know: the place of every address. Read once, and then asked by every map.
public struct Atlas: Sendable {
    /// The different places there are. The first is the unknown one.
    public private(set) var places = [Place()]
    /// The place of every IPv4 address, as its position in `places`.
    var ipv4 = AddressRanges<UInt32>(everywhere: 0)
    /// The place of every IPv6 address, as its position in `places`. Blocks that carry IPv4 addresses are unknown.
    var ipv6 = AddressRanges<UInt128>(everywhere: 0)

    /// An atlas that knows these places, and not yet where they are.
    public init(places: [Place] = []) { self.places += places }

    /// Adds what `database` knows, to fields that are not known yet: the databases are asked in the order of adding.
    public mutating func add(_ database: borrowing MaxMindDatabase) throws(DatabaseError) {
        var register = PlaceRegister()
        var newIPv4 = AddressRanges<UInt32>(everywhere: 0)
        try database.forEachIPv4Network { first, offset throws(DatabaseError) in
            newIPv4.append(from: first, value: try register.number(ofPlaceAt: offset, in: database))
        }
        var newIPv6 = AddressRanges<UInt128>(everywhere: 0)
        try database.forEachIPv6Network(skipping: IPPrefix.embeddingIPv4) { first, offset throws(DatabaseError) in
            newIPv6.append(from: first, value: try register.number(ofPlaceAt: offset, in: database))
        }

        var combined = PlaceRegister()
        let combine = { [places] (known: UInt32, new: UInt32) in
            combined.number(known: known, new: new) { places[Int(known)].completed(by: register.places[Int(new)]) }
        }
        ipv4 = ipv4.combined(with: newIPv4, combine)
        ipv6 = ipv6.combined(with: newIPv6, combine)
        places = combined.places
    }
}

/// Numbers for places in the order in which they turn up, each place once.
private struct PlaceRegister {
    private(set) var places: [Place] = []
    private var numbers: [Place: UInt32] = [:]
    /// Numbers found before, by a key that is cheaper than the place: where its record is, or what it was made of.
    private var numbersByKey: [UInt64: UInt32] = [:]

    init() { _ = number(of: Place()) }

    mutating func number(ofPlaceAt offset: UInt32?, in database: borrowing MaxMindDatabase) throws(DatabaseError)
        -> UInt32
    {
        guard let offset else { return 0 }
        if let number = numbersByKey[UInt64(offset)] { return number }
        let number = number(of: try database.place(at: offset))
        numbersByKey[UInt64(offset)] = number
        return number
    }

    mutating func number(known: UInt32, new: UInt32, _ place: () -> Place) -> UInt32 {
        let key = UInt64(known) << 32 | UInt64(new)
        if let number = numbersByKey[key] { return number }
        let number = number(of: place())
        numbersByKey[key] = number
        return number
    }

    private mutating func number(of place: Place) -> UInt32 {
        if let number = numbers[place] { return number }
        let number = UInt32(places.count)
        places.append(place)
        numbers[place] = number
        return number
    }
}
