import CMaxMindDB
import Glibc

/// The countries and continents of addresses, as MaxMind's own library finds them in a database.
final class Countries: Sendable {
    private nonisolated(unsafe) let database: UnsafeMutablePointer<MMDB_s>
    /// The paths of the codes of country and continent in a record, as the library wants them.
    private nonisolated(unsafe) let paths: [UnsafeMutablePointer<UnsafePointer<CChar>?>]

    /// Codes of two letters, the first in the upper byte; 0 if unknown.
    struct Place {
        var country: UInt32 = 0
        var continent: UInt32 = 0
    }

    init(_ file: String) throws {
        database = .allocate(capacity: 1)
        database.initialize(to: MMDB_s())
        paths = [["country", "iso_code"], ["continent", "code"]].map { words in
            let path = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: 3)
            path.initialize(repeating: nil, count: 3)
            for (place, word) in words.enumerated() { path[place] = UnsafePointer(strdup(word)) }
            return path
        }
        guard MMDB_open(file, UInt32(MMDB_MODE_MMAP), database) == MMDB_SUCCESS else {
            throw Failure("libmaxminddb cannot open \(file)")
        }
    }

    /// Returns the place of a client.
    func place(of client: Client) -> Place {
        switch client {
        case .ipv4(let bits):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = bits.bigEndian
            return withUnsafeBytes(of: &address, place)
        case .ipv6(let bits):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.storeBytes(of: bits.bigEndian, as: UInt64.self) }
            return withUnsafeBytes(of: &address, place)
        }
    }

    private func place(_ address: UnsafeRawBufferPointer) -> Place {
        var error: CInt = 0
        var result = MMDB_lookup_sockaddr(database, address.assumingMemoryBound(to: sockaddr.self).baseAddress!, &error)
        guard error == MMDB_SUCCESS, result.found_entry else { return Place() }
        let codes = paths.map { path -> UInt32 in
            var data = MMDB_entry_data_s()
            guard MMDB_aget_value(&result.entry, &data, path) == MMDB_SUCCESS, data.has_data,
                data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING), data.data_size == 2
            else { return 0 }
            return UInt32(UInt8(bitPattern: data.utf8_string[0])) << 8 | UInt32(UInt8(bitPattern: data.utf8_string[1]))
        }
        return Place(country: codes[0], continent: codes[1])
    }
}
