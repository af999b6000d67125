import CMaxMindDB
import Foundation
import Support

/// A database as MaxMind's own library reads it, which is the reference for the record of an address.
final class ReferenceDatabase {
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private let handle: UnsafeMutablePointer<MMDB_s>
    private var places: [UInt32: ReferencePlace] = [:]

    init(_ path: String) throws {
        handle = .allocate(capacity: 1)
        handle.initialize(to: MMDB_s())
        let status = MMDB_open(path, UInt32(MMDB_MODE_MMAP), handle)
        guard status == MMDB_SUCCESS else {
            handle.deallocate()
            throw Unreadable(description: "\(path): \(String(cString: MMDB_strerror(status)))")
        }
    }

    deinit {
        MMDB_close(handle)
        handle.deallocate()
    }

    /// Returns the record of an address, and the largest network around the address that has this record.
    ///
    /// An IPv4 database has no record for an IPv6 address.
    func look(up address: Address) throws -> (place: ReferencePlace?, network: Network) {
        if address.family == .v6, handle.pointee.metadata.ip_version == 4 { return (nil, .everything(.v6)) }
        var error: CInt = 0
        var result = withSocketAddress(address) { MMDB_lookup_sockaddr(handle, $0, &error) }
        guard error == MMDB_SUCCESS else { throw unreadable(error) }
        // In an IPv6 tree, the library counts the 96 bits before an IPv4 address.
        let before = address.family == .v4 && handle.pointee.metadata.ip_version == 6 ? 96 : 0
        let network = Network(address, max(0, Int(result.netmask) - before))
        return (result.found_entry ? place(&result.entry) : nil, network)
    }

    /// Draws a network by a random walk from the root, so that crowded and empty parts of the tree are equally likely.
    func randomNetwork(_ family: Family, using generator: inout SeededGenerator) throws -> Network {
        let isV4 = handle.pointee.metadata.ip_version == 4
        guard !isV4 || family == .v4 else { return .everything(.v6) }
        var node: UInt32 = 0
        var depth = 0
        var bits: UInt128 = 0
        while depth < (isV4 ? 32 : 128) {
            var sides = MMDB_search_node_s()
            let status = MMDB_read_node(handle, node, &sides)
            guard status == MMDB_SUCCESS else { throw unreadable(status) }
            // In an IPv6 tree, an IPv4 address follows 96 zeros.
            var turnsRight = family == .v4 && !isV4 && depth < 96 ? false : generator.once(in: 2)
            let type = turnsRight ? sides.right_record_type : sides.left_record_type
            let isFree = !(family == .v4 && !isV4 && depth < 96)
            if isFree, type == MMDB_RECORD_TYPE_EMPTY, !generator.once(in: 8) { turnsRight.toggle() }
            depth += 1
            bits = bits << 1 | (turnsRight ? 1 : 0)
            guard (turnsRight ? sides.right_record_type : sides.left_record_type) == MMDB_RECORD_TYPE_SEARCH_NODE else {
                break
            }
            node = UInt32(turnsRight ? sides.right_record : sides.left_record)
        }
        let before = family == .v4 && !isV4 ? 96 : 0
        let length = max(0, depth - before)
        return Network(Address(family, length == 0 ? 0 : bits << UInt128(family.width - length)), length)
    }

    private func place(_ entry: inout MMDB_entry_s) -> ReferencePlace {
        if let known = places[entry.offset] { return known }
        var place = ReferencePlace()
        place.continent = string(&entry, "continent", "code")
        place.country = string(&entry, "country", "iso_code")
        var level = 0
        while value(&entry, ["subdivisions", "\(level)"], MMDB_DATA_TYPE_MAP) != nil {
            string(&entry, "subdivisions", "\(level)", "iso_code").map { place.subdivisions.append($0) }
            level += 1
        }
        place.city = string(&entry, "city", "names", "en")
        place.cityNumber = number(&entry, "city", "geoname_id")
        if let latitude = double(&entry, "location", "latitude"),
            let longitude = double(&entry, "location", "longitude")
        {
            place.location = ReferenceLocation(latitude: latitude, longitude: longitude)
        }
        place.system = number(&entry, "autonomous_system_number")
        places[entry.offset] = place
        return place
    }

    private func value(_ entry: inout MMDB_entry_s, _ path: [String], _ type: CInt) -> MMDB_entry_data_s? {
        let words = path.map { strdup($0)! }
        defer { words.forEach { free($0) } }
        var data = MMDB_entry_data_s()
        let status = MMDB_aget_value(&entry, &data, words.map { UnsafePointer($0) } + [nil])
        return status == MMDB_SUCCESS && data.has_data && data.type == UInt32(type) ? data : nil
    }

    private func string(_ entry: inout MMDB_entry_s, _ path: String...) -> String? {
        guard let data = value(&entry, path, MMDB_DATA_TYPE_UTF8_STRING) else { return nil }
        let bytes = UnsafeRawBufferPointer(start: data.utf8_string, count: Int(data.data_size))
        return String(decoding: bytes, as: UTF8.self)
    }

    private func number(_ entry: inout MMDB_entry_s, _ path: String...) -> UInt32? {
        value(&entry, path, MMDB_DATA_TYPE_UINT32)?.uint32
    }

    private func double(_ entry: inout MMDB_entry_s, _ path: String...) -> Double? {
        value(&entry, path, MMDB_DATA_TYPE_DOUBLE)?.double_value
    }

    private func unreadable(_ error: CInt) -> Unreadable {
        Unreadable(description: String(cString: MMDB_strerror(error)))
    }
}

struct ReferenceLocation: Hashable {
    var latitude: Double
    var longitude: Double

    /// Returns the great-circle distance as an angle, by the haversine formula.
    func distance(to other: ReferenceLocation) -> Double {
        let (a, b) = (latitude * .pi / 180, other.latitude * .pi / 180)
        let difference = (longitude - other.longitude) * .pi / 180
        let h = pow(sin((a - b) / 2), 2) + cos(a) * cos(b) * pow(sin(difference / 2), 2)
        return 2 * asin(min(1, sqrt(h)))
    }
}

/// The properties of an address that rules may use.
struct ReferencePlace: Hashable {
    var continent: String?
    var country: String?
    /// The subdivisions, the widest first, as in the database.
    var subdivisions: [String] = []
    var city: String?
    var cityNumber: UInt32?
    var location: ReferenceLocation?
    var system: UInt32?

    /// All keys that a rule may use for one of the subdivisions, such as `US-FL`.
    var subdivisionKeys: [String] { country.map { country in subdivisions.map { "\(country)-\($0)" } } ?? [] }

    /// All keys that a rule may use for the city: `US-FL/Miami`, `US/Miami` or the number at geonames.org.
    var cityKeys: [String] {
        let around = subdivisionKeys + (country.map { [$0] } ?? [])
        return (city.map { city in around.map { "\($0)/\(city)" } } ?? []) + (cityNumber.map { ["\($0)"] } ?? [])
    }

    /// The continents of the drawn countries, for places without a continent in any database.
    static let continents = [
        "NO": "EU", "SE": "EU", "GB": "EU", "US": "NA", "CA": "NA", "JP": "AS", "SG": "AS", "AU": "OC", "BR": "SA",
        "ZA": "AF", "AQ": "AN", "DE": "EU", "FR": "EU",
    ]

    /// Merges the records of the databases by field: the first database with a field wins.
    ///
    /// So if a database corrects the country of a later one, rules for places in the wrong country do not match.
    init(merging places: [ReferencePlace]) {
        country = places.lazy.compactMap(\.country).first
        // The continent of any database has precedence over that of the country.
        continent = places.lazy.compactMap(\.continent).first ?? country.flatMap { Self.continents[$0] }
        subdivisions = places.map(\.subdivisions).first { !$0.isEmpty } ?? []
        city = places.lazy.compactMap(\.city).first
        cityNumber = places.lazy.compactMap(\.cityNumber).first
        location = places.lazy.compactMap(\.location).first
        system = places.lazy.compactMap(\.system).first
    }

    init() {}
}

private func withSocketAddress<Result>(_ address: Address, _ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
    switch address.family {
    case .v4:
        var socket = sockaddr_in()
        socket.sin_family = sa_family_t(AF_INET)
        withUnsafeMutableBytes(of: &socket.sin_addr) { $0.copyBytes(from: address.bytes) }
        return withUnsafePointer(to: &socket) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    case .v6:
        var socket = sockaddr_in6()
        socket.sin6_family = sa_family_t(AF_INET6)
        withUnsafeMutableBytes(of: &socket.sin6_addr) { $0.copyBytes(from: address.bytes) }
        return withUnsafePointer(to: &socket) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }
}
