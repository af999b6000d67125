import Glibc

/// The client subnet of a question (RFC 7871): an IPv4 /24 or an IPv6 /56.
enum Client: Hashable, CustomStringConvertible {
    case ipv4(UInt32)
    /// The first 64 bits.
    case ipv6(UInt64)

    var description: String {
        switch self {
        case .ipv4(let bits):
            return (0..<4).map { "\(bits >> (24 - 8 * $0) & 0xff)" }.joined(separator: ".") + "/24"
        case .ipv6(let bits):
            return (0..<4).map { String(bits >> (48 - 16 * $0) & 0xffff, radix: 16) }.joined(separator: ":") + "::/56"
        }
    }
}

extension Client {
    /// The client for the place look-up: all addresses of an IPv6 /48 are in one place.
    var forPlaces: Client {
        switch self {
        case .ipv4: self
        case .ipv6(let bits): .ipv6(bits & 0xffff_ffff_ffff_0000)
        }
    }
}

/// The parts of an answer that are judged.
struct Answer: CustomStringConvertible {
    var responseCode: UInt8
    /// The data of the records of the requested type, in a canonical order.
    var records: [[UInt8]] = []
    /// The scope prefix length; `nil` without one.
    var scope: UInt8?

    var description: String {
        switch responseCode {
        case 0: words(records)
        case 2: "SERVFAIL"
        case 3: "NXDOMAIN"
        case 5: "REFUSED"
        default: "response code \(responseCode)"
        }
    }
}

/// The records as text.
func words(_ records: [[UInt8]]) -> String {
    guard !records.isEmpty else { return "no record" }
    return records.map { bytes in
        bytes.count == 4
            ? bytes.map { "\($0)" }.joined(separator: ".")
            : bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }.joined(separator: " ")
}

/// DNS messages (RFC 1035, 6891, 7871).
enum Message {
    private static let optionsType = 41, clientSubnet = 8

    /// Makes a question of one name, written with dots, for a client.
    static func question(_ id: UInt16, _ name: String, type: Int, client: Client) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128)
        func put(_ value: Int) { bytes += [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
        for field in [Int(id), 0, 1, 0, 0, 1] { put(field) }
        for label in name.utf8.split(separator: UInt8(ascii: ".")) {
            bytes.append(UInt8(label.count))
            bytes += label
        }
        bytes.append(0)
        put(type)
        put(1)
        bytes.append(0)
        for field in [optionsType, 1232, 0, 0] { put(field) }
        let (family, length, prefix): (Int, Int, [UInt8]) =
            switch client {
            case .ipv4(let bits): (1, 24, (0..<3).map { UInt8(bits >> (24 - 8 * $0) & 0xff) })
            case .ipv6(let bits): (2, 56, (0..<7).map { UInt8(bits >> (56 - 8 * $0) & 0xff) })
            }
        for field in [8 + prefix.count, clientSubnet, 4 + prefix.count, family] { put(field) }
        bytes += [UInt8(length), 0] + prefix
        return bytes
    }

    /// Reads an answer; `nil` if it is malformed.
    static func answer(_ bytes: borrowing Span<UInt8>, type: Int) -> Answer? {
        guard bytes.count >= 12 else { return nil }
        var at = 12
        func number(_ place: Int) -> Int { Int(bytes[place]) << 8 | Int(bytes[place + 1]) }
        func skipName() -> Bool {
            while at < bytes.count, bytes[at] != 0, bytes[at] < 192 { at += Int(bytes[at]) + 1 }
            guard at < bytes.count else { return false }
            at += bytes[at] == 0 ? 1 : 2
            return true
        }
        var answer = Answer(responseCode: bytes[3] & 15)
        guard number(4) == 1, skipName() else { return nil }
        at += 4
        let answers = number(6)
        for record in 0..<(answers + number(8) + number(10)) {
            guard skipName(), at + 10 <= bytes.count, case let size = number(at + 8), at + 10 + size <= bytes.count
            else {
                return nil
            }
            let data = at + 10
            if record < answers, number(at) == type {
                answer.records.append((data..<(data + size)).map { bytes[$0] })
            } else if number(at) == optionsType {
                var option = data
                while option + 4 <= data + size {
                    if number(option) == clientSubnet, number(option + 2) >= 4 { answer.scope = bytes[option + 7] }
                    option += 4 + number(option + 2)
                }
            }
            at = data + size
        }
        answer.records.sort { $0.lexicographicallyPrecedes($1) }
        return answer
    }
}
