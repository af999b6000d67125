import struct Support.SeededGenerator

/// Input from hostile or broken clients and servers.
enum HostileQuestion {
    /// Returns a message that is not a question, or one that no resolver sends. The load does not wait for an answer.
    static func message(_ random: inout SeededGenerator, zone: String) -> [UInt8] {
        var bytes = Message.question(
            UInt16(random.number(0...0xffff)), "www.\(zone)",
            type: random.one(of: [1, 2, 6, 12, 16, 33, 250, 251, 255]),
            client: .ipv4(0x0a00_0000))
        switch random.number(0...6) {
        case 0: return (0..<random.number(0...600)).map { _ in UInt8(random.number(0...255)) }
        case 1: return Array(bytes.prefix(random.number(0...(bytes.count - 1))))
        // A compression pointer to itself.
        case 2: return Array(bytes.prefix(12)) + [0xc0, 0x0c, 0, 1, 0, 1]
        case 3:
            // A label of any bytes, of any valid length.
            let label = (0..<random.number(1...63)).map { _ in UInt8(random.number(0...255)) }
            return Array(bytes.prefix(12)) + [UInt8(label.count)] + label + Array(bytes.dropFirst(12))
        case 4:
            // The option's family, prefix length or address is invalid.
            for place in bytes.indices.suffix(8) where random.once(in: 3) {
                bytes[place] = UInt8(random.number(0...255))
            }
            return bytes
        case 5:
            for _ in 0..<random.number(1...6) {
                bytes[random.number(2...(bytes.count - 1))] = UInt8(random.number(0...255))
            }
            return bytes
        default: return bytes
        }
    }

    /// Returns a line that pdns does not write, without its newline. It is not a greeting or a command, which would
    /// be obeyed.
    static func line(_ random: inout SeededGenerator, zone: String) -> [UInt8] {
        func noise(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in UInt8(random.number(0...255)) }.filter { $0 != UInt8(ascii: "\n") }
        }
        let question = "Q\twww.\(zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t"
        switch random.number(0...9) {
        case 0: return [UInt8(ascii: "x")] + noise(random.number(0...400))
        case 1: return Array("Q\t".utf8) + noise(random.number(0...400))
        case 2: return Array("Q\t".utf8) + [UInt8](repeating: UInt8(ascii: "a"), count: random.number(60_000...140_000))
        case 3: return Array((question + "192.0.2.0/999").utf8)
        case 4: return Array(question.utf8) + noise(random.number(1...40))
        case 5: return Array("Q\twww.\(zone)\tIN".utf8)
        case 6:
            let name = String(repeating: "\\000.", count: random.number(1...200))
            return Array("Q\t\(name)\(zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t192.0.2.0/24".utf8)
        case 7: return Array("AXFR\t\(random.number(-3...99))\t\(zone)".utf8)
        case 8: return Array("Q\t\tIN\tSOA\t99999999999999999999\t\t\t\t\t\t".utf8)
        default: return []
        }
    }
}
