import Foundation
import Support

/// A DNS client for a server on this machine.
struct OracleClient {
    let port: UInt16

    /// Asks all questions over UDP, and repeats those with truncated answers over TCP.
    ///
    /// - Parameters:
    ///   - window: the number of questions that are open at a time.
    ///   - timeout: the seconds to wait for an answer.
    /// - Returns: the replies in the order of the questions; `nil` without an answer, or for a malformed one.
    func ask(_ questions: [DNSQuestion], atATime window: Int = 16, timeout: Double = 5) -> [DNSReply?] {
        var replies: [DNSReply?] = []
        // The 16-bit id identifies the question.
        for start in stride(from: 0, to: questions.count, by: 30_000) {
            let part = questions[start..<min(start + 30_000, questions.count)]
            replies += askOverUDP(Array(part), window, timeout)
        }
        for number in replies.indices where replies[number]?.isTruncated == true {
            replies[number] = askOverTCP(questions[number], timeout).first
        }
        return replies
    }

    private func askOverUDP(_ questions: [DNSQuestion], _ window: Int, _ timeout: Double) -> [DNSReply?] {
        let socket = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var replies = [DNSReply?](repeating: nil, count: questions.count)
        guard withLoopback(port, { connect(socket, $0, $1) }) == 0 else { return replies }
        var open: Set<Int> = []
        var asked = 0
        var buffer = [UInt8](repeating: 0, count: 65_535)
        while asked < questions.count || !open.isEmpty {
            while asked < questions.count, open.count < window {
                let query = questions[asked].message(id: UInt16(asked))
                send(socket, query, query.count, 0)
                open.insert(asked)
                asked += 1
            }
            var ready = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, CInt(timeout * 1_000)) == 1 else {
                open = []  // these have no answer
                continue
            }
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 2 else { return replies }
            let id = Int(buffer[0]) << 8 | Int(buffer[1])
            guard open.remove(id) != nil else { continue }
            replies[id] = try? DNSReply(Array(buffer[..<count]))
        }
        return replies
    }

    /// Transfers a zone (RFC 5936). The result begins and ends with the SOA record; `nil` if the transfer is refused
    /// or ends too early.
    func transfer(_ zone: Name, timeout: Double = 10) -> [ReceivedRecord]? {
        let replies = askOverTCP(DNSQuestion(name: zone, type: 252), timeout) { reply, records in
            records.count > 1 && records.last?.type == 6 || reply.code != 0
        }
        let records = replies.flatMap { $0[.answer] }
        guard replies.allSatisfy({ $0.code == 0 }), records.count > 1, records.last?.type == 6 else { return nil }
        return records
    }

    /// Asks over TCP, and reads messages until `isLast` accepts one.
    private func askOverTCP(
        _ question: DNSQuestion, _ timeout: Double,
        until isLast: (DNSReply, [ReceivedRecord]) -> Bool = { _, _ in true }
    ) -> [DNSReply] {
        let socket = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var limit = timeval(tv_sec: Int(timeout), tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard withLoopback(port, { connect(socket, $0, $1) }) == 0 else { return [] }
        let message = question.message(id: 1)
        let query = bigEndian(UInt16(message.count)) + message
        guard send(socket, query, query.count, CInt(MSG_NOSIGNAL)) == query.count else { return [] }
        var replies: [DNSReply] = []
        var records: [ReceivedRecord] = []
        while let size = receive(2, from: socket),
            let bytes = receive(Int(size[0]) << 8 | Int(size[1]), from: socket), let reply = try? DNSReply(bytes)
        {
            replies.append(reply)
            records += reply[.answer]
            if isLast(reply, records) { break }
        }
        return replies
    }

    private func receive(_ count: Int, from socket: CInt) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let more = bytes[filled...].withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
            guard more > 0 else { return nil }
            filled += more
        }
        return bytes
    }
}
