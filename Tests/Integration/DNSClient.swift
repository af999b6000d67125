import Foundation
import Support

/// Sends many questions at once over UDP, each for another client, which dig cannot.
struct DNSClient {
    enum RecordType: UInt16 {
        case a = 1
        case soa = 6
        case mx = 15
        case aaaa = 28
    }

    struct Question: CustomStringConvertible {
        /// The labels may have any bytes.
        let labels: [[UInt8]]
        let type: RecordType
        /// The client's subnet as `ADDRESS/LENGTH`, IPv4.
        let subnet: String?

        init(_ name: String, _ type: RecordType, from subnet: String? = nil) {
            self.init(labels: name.split(separator: ".").map { Array($0.utf8) }, type, from: subnet)
        }

        init(labels: [[UInt8]], _ type: RecordType, from subnet: String? = nil) {
            (self.labels, self.type, self.subnet) = (labels, type, subnet)
        }

        var description: String {
            let name = labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
            return "\(name) \(type) from \(subnet ?? "anywhere")"
        }
    }

    struct Answer: Equatable {
        /// RFC 1035 section 4.1.1: 0 for no error, 3 for a name that does not exist.
        var code: Int
        /// The data of its A and AAAA records, in order.
        var addresses: [String] = []
        /// The scope of the client subnet (RFC 7871), if there is one.
        var scope: Int?
    }

    struct Unanswered: Error, CustomStringConvertible {
        let description: String
    }

    let port: UInt16
    /// The source address of the questions, in 127.0.0.0/8.
    var source = "127.0.0.1"

    /// Sends all questions, with a limited number of unanswered ones; the answers are in the order of the questions.
    ///
    /// - Parameter timeout: seconds for each answer.
    func ask(_ questions: [Question], atATime window: Int = 64, timeout: Double = 10) throws -> [Answer] {
        let socket = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        guard withLoopback(0, address: source, { bind(socket, $0, $1) }) == 0,
            withLoopback(port, { connect(socket, $0, $1) }) == 0
        else { throw Unanswered(description: "no socket") }

        var answers = [Answer?](repeating: nil, count: questions.count)
        var asked = 0
        var buffer = [UInt8](repeating: 0, count: 65_535)
        for answered in 0..<questions.count {
            while asked < min(questions.count, answered + window) {
                let query = message(questions[asked], id: UInt16(asked))
                send(socket, query, query.count, 0)
                asked += 1
            }
            var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, CInt(timeout * 1_000)) == 1 else {
                let open = answers.indices.prefix(asked).filter { answers[$0] == nil }.map { questions[$0] }
                throw Unanswered(description: "no answer to \(open)")
            }
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { throw Unanswered(description: "no server listens on port \(port)") }
            var reader = Reader(bytes: buffer[..<count])
            let id = Int(reader.number(2))
            guard id < asked, answers[id] == nil else { throw Unanswered(description: "an unexpected answer") }
            answers[id] = reader.answer()
        }
        return answers.compactMap { $0 }
    }

    /// RFC 1035 section 4.1, with an OPT record (RFC 6891) for the client's subnet.
    private func message(_ question: Question, id: UInt16) -> [UInt8] {
        var bytes = bigEndian(id) + [0, 0] + bigEndian(1) + bigEndian(0) + bigEndian(0)
        bytes += bigEndian(question.subnet == nil ? 0 : 1)
        for label in question.labels { bytes += [UInt8(label.count)] + label }
        bytes += [0] + bigEndian(question.type.rawValue) + bigEndian(1)
        if let subnet = question.subnet {
            let parts = subnet.split(separator: "/")
            let length = UInt8(parts[1]) ?? 0
            let address = parts[0].split(separator: ".").compactMap { UInt8($0) }.prefix((Int(length) + 7) / 8)
            let option = bigEndian(1) + [length, 0] + address
            bytes += [0] + bigEndian(41) + bigEndian(1_232) + [0, 0, 0, 0] + bigEndian(UInt16(option.count + 4))
            bytes += bigEndian(8) + bigEndian(UInt16(option.count)) + option
        }
        return bytes
    }

    private func bigEndian(_ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(number & 0xff)]
    }
}

/// Reads a message of pdns.
private struct Reader {
    var bytes: ArraySlice<UInt8>

    mutating func number(_ size: Int) -> UInt32 {
        take(size).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The message after the id.
    mutating func answer() -> DNSClient.Answer {
        var answer = DNSClient.Answer(code: Int(number(2) & 0xf))
        let counts = (0..<4).map { _ in number(2) }
        for _ in 0..<counts[0] {
            skipName()
            _ = number(4)
        }
        for index in 0..<counts[1...].reduce(0, +) {
            skipName()
            let type = number(2)
            _ = number(6)
            let data = take(Int(number(2)))
            if type == 41 {
                answer.scope = scope(in: data)
            } else if index < counts[1] {
                answer.addresses += address(type, data)
            }
        }
        return answer
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }

    private mutating func skipName() {
        while case let length = Int(number(1)), length != 0 {
            if length >= 0xc0 {  // a pointer to the rest of the name
                _ = number(1)
                return
            }
            _ = take(length)
        }
    }

    private func address(_ type: UInt32, _ data: ArraySlice<UInt8>) -> [String] {
        guard type == 1 || type == 28 else { return [] }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(type == 1 ? AF_INET : AF_INET6, Array(data), &text, socklen_t(text.count))
        return [String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)]
    }

    /// The option's code, length, family, source prefix length, and scope prefix length.
    private func scope(in options: ArraySlice<UInt8>) -> Int? {
        let option = Array(options)
        return option.count > 7 && option[1] == 8 ? Int(option[7]) : nil
    }
}
