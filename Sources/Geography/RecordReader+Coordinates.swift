extension RecordReader {
    /// Reads the coordinates of the pending records.
    mutating func findCoordinates(_ offsets: [UInt32], _ gazetteer: inout Gazetteer) throws(Malformed) {
        var numbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices { numbers[i] = locations.likelyNumber(of: waiting[i].references.location) }
        for i in waiting.indices where waiting[i].references.location != References.nothing && numbers[i] == .max {
            let offset = waiting[i].references.location
            if let number = locations[offset] {
                numbers[i] = number
                continue
            }
            switch try location(try data.target(at: offset), &gazetteer).found {
            case .nothing: try readAgain(i, at: offsets[i], &gazetteer)
            case .number(let number):
                locations.insert(offset, number)
                numbers[i] = number
            case .numbers(let latitude, let longitude):
                (waiting[i].references.latitude, waiting[i].references.longitude) = (latitude, longitude)
            }
        }
        var latitudes = InlineArray<32, Double>(repeating: .nan)
        var longitudes = InlineArray<32, Double>(repeating: .nan)
        for i in waiting.indices {
            latitudes[i] = data.likelyDouble(at: waiting[i].references.latitude)
            longitudes[i] = data.likelyDouble(at: waiting[i].references.longitude)
        }
        var points = InlineArray<32, Coordinates?>(repeating: nil)
        var pointNumbers = InlineArray<32, UInt32>(repeating: .max)
        for i in waiting.indices {
            points[i] = Self.point(latitudes[i], longitudes[i])
            if let point = points[i] { pointNumbers[i] = gazetteer.likelyNumber(ofCoordinates: point) }
        }
        for i in waiting.indices {
            let references = waiting[i].references
            if references.latitude != References.nothing {
                if pointNumbers[i] != .max {
                    numbers[i] = pointNumbers[i]
                } else if let point = points[i] {
                    numbers[i] = gazetteer.number(ofCoordinates: point)
                } else {
                    // The coordinates may be numbers of another type.
                    numbers[i] = try number(references.latitude, references.longitude, &gazetteer)
                }
                if references.location != References.nothing, locations[references.location] == nil {
                    locations.insert(references.location, numbers[i])
                }
            }
            if numbers[i] != .max { waiting[i].entry.coordinates = numbers[i] }
        }
    }

    /// The content of a location.
    enum Location {
        /// The value is not a location.
        case nothing
        /// The number of the coordinates in the gazetteer, or 0.
        case number(UInt32)
        /// The offsets of the two numbers of the coordinates.
        case numbers(latitude: UInt32, longitude: UInt32)
    }

    /// Reads a location. `end` is the offset just past its map; 0 if it is not a map.
    mutating func location(
        _ map: Value, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> (found: Location, end: UInt32) {
        var latitude = References.nothing
        var longitude = References.nothing
        let end = try data.forEachPair(of: map) { key, value throws(Malformed) in
            switch try names.field(key, in: data) {
            case .latitude: latitude = value.offset
            case .longitude: longitude = value.offset
            default: break
            }
            return .next
        }
        guard end != 0 else {
            return (try point(map).map { .number(gazetteer.number(ofCoordinates: $0)) } ?? .nothing, 0)
        }
        guard latitude != References.nothing, longitude != References.nothing else { return (.number(0), end) }
        return (.numbers(latitude: latitude, longitude: longitude), end)
    }

    /// Reads the two numbers of coordinates, and returns the number of the coordinates in the gazetteer, or 0.
    @inline(never)
    func number(
        _ latitude: UInt32, _ longitude: UInt32, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        guard let latitude = try data.real(try data.target(at: latitude)),
            let longitude = try data.real(try data.target(at: longitude)),
            let point = Self.point(latitude, longitude)
        else { return 0 }
        return gazetteer.number(ofCoordinates: point)
    }

    /// Returns a point; `nil` for 0, 0, which some databases write for an unknown place, and which is in the sea.
    static func point(_ latitude: Double, _ longitude: Double) -> Coordinates? {
        latitude == 0 && longitude == 0 ? nil : Coordinates(latitude: latitude, longitude: longitude)
    }

    /// Reads the point of a string such as `59.91,10.75`.
    func point(_ value: Value) throws(Malformed) -> Coordinates? {
        guard let text = try data.text(value), let comma = text.firstIndex(of: UInt8(ascii: ",")),
            let latitude = fraction(text[..<comma]),
            let longitude = fraction(text[(comma + 1)...].drop { $0 == UInt8(ascii: " ") })
        else { return nil }
        return Self.point(latitude, longitude)
    }
}
