import Foundation
import Support

/// The response of a server to one request.
struct WebAnswer {
    var head: String
    var body: String
    var status: Int? { head.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

    /// Sends `request` unchanged to a port of 127.0.0.1; `nil` if no program listens there.
    init?(to request: String, port: UInt16) {
        guard let socket = connection(to: port) else { return nil }
        defer { close(socket) }
        let bytes = Array(request.utf8)
        send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(socket, &chunk, chunk.count, 0), count > 0 { received += chunk[..<count] }
        let text = String(decoding: received, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        head = String(text[..<end.lowerBound])
        body = String(text[end.upperBound...])
    }

    init?(_ path: String, by method: String = "GET", port: UInt16) {
        self.init(to: "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", port: port)
    }
}

/// A connection to a port of 127.0.0.1, with a time limit of a minute for each operation.
func connection(to port: UInt16) -> CInt? {
    let socket = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var timeLimit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeLimit, socklen_t(MemoryLayout<timeval>.size))
    if withLoopback(port, { connect(socket, $0, $1) }) == 0 { return socket }
    close(socket)
    return nil
}

/// Metrics, parsed strictly.
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/ ("Text-based format").
struct Metrics {
    private(set) var values: [String: Double] = [:]
    private(set) var types: [String: String] = [:]

    struct Malformed: Error, CustomStringConvertible { var description: String }

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Malformed(description: "no final line feed") }
        var family = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) .+/) {
                guard types[String(match.1)] == nil else { throw Malformed(description: "twice: \(line)") }
                family = String(match.1)
            } else if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
                guard String(match.1) == family else { throw Malformed(description: "out of order: \(line)") }
                types[family] = String(match.2)
            } else if let match = line.wholeMatch(
                of:
                    /(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*"(,(?!\})|(?=\})))+\})?) ([^ ]+)/
            ) {
                let name = String(match.2)
                let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                guard suffixes.contains(where: { name == family + $0 }), let value = Double(match.7) else {
                    throw Malformed(description: "\(line)")
                }
                guard values.updateValue(value, forKey: String(match.1)) == nil else {
                    throw Malformed(description: "twice: \(line)")
                }
            } else {
                throw Malformed(description: "\(line)")
            }
        }
    }
}
