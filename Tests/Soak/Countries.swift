import CMaxMindDB
import Glibc

/// The countries of addresses, as MaxMind's own library finds them in a database.
final class Countries: Sendable {
    private nonisolated(unsafe) let database: UnsafeMutablePointer<MMDB_s>
    /// The path of a country's code in a record, as the library wants it.
    private nonisolated(unsafe) let path: UnsafeMutablePointer<UnsafePointer<CChar>?>

    init(_ file: String) throws {
        database = .allocate(capacity: 1)
        database.initialize(to: MMDB_s())
        path = .allocate(capacity: 3)
        path.initialize(repeating: nil, count: 3)
        for (place, word) in ["country", "iso_code"].enumerated() { path[place] = UnsafePointer(strdup(word)) }
        guard MMDB_open(file, UInt32(MMDB_MODE_MMAP), database) == MMDB_SUCCESS else {
            throw Failure("libmaxminddb cannot open \(file)")
        }
    }

    /// The two letters of a client's country, the first in the upper byte; 0 if none is known.
    func country(of client: Client) -> UInt32 {
        switch client {
        case .ipv4(let bits):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = bits.bigEndian
            return withUnsafeBytes(of: &address, country)
        case .ipv6(let bits):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.storeBytes(of: bits.bigEndian, as: UInt64.self) }
            return withUnsafeBytes(of: &address, country)
        }
    }

    private func country(_ address: UnsafeRawBufferPointer) -> UInt32 {
        var error: CInt = 0
        var result = MMDB_lookup_sockaddr(database, address.assumingMemoryBound(to: sockaddr.self).baseAddress!, &error)
        var data = MMDB_entry_data_s()
        guard error == MMDB_SUCCESS, result.found_entry, MMDB_aget_value(&result.entry, &data, path) == MMDB_SUCCESS,
            data.has_data, data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING), data.data_size == 2
        else { return 0 }
        return UInt32(UInt8(bitPattern: data.utf8_string[0])) << 8 | UInt32(UInt8(bitPattern: data.utf8_string[1]))
    }
}
