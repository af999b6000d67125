import Glibc
import Platform

/// One HTTP/1.1 request to the agent at a Unix socket such as `live.sock`, and its response (RFC 9112).
struct LiveClient: ~Copyable {
    /// The status code of the response, such as 200.
    let status: Int
    /// The connection, for poll(2): readable when `takeEvents` has something to take, or the agent has closed it.
    let descriptor: CInt
    private var body: Body
    /// Received bytes that are not parsed yet.
    private var bytes: [UInt8]
    /// The part of the body after the last whole event.
    private var unparsed: [UInt8] = []

    /// An event of the stream, such as `second` with its JSON.
    struct Event {
        var name: String
        var data: String
    }

    /// The reason why there is no response, as a sentence.
    struct Failure: Error, CustomStringConvertible {
        var description: String
        /// Whether no agent listens on the socket.
        var isAbsent = false
        /// Whether an agent listens, but did not respond in time.
        var isSilent = false
    }

    /// How the end of the body is found.
    private enum Body {
        case length(Int)
        /// The remaining bytes of a chunk.
        case chunk(Int)
        /// The remaining bytes of the line between chunks, before the next size.
        case size(skipping: Int)
        case untilClose
        case ended
    }

    private static let headLimit = 16_384
    /// The maximum size of an event, or of a whole response, in bytes.
    private static let sizeLimit = 16 << 20

    /// Sends a request, and waits for the head of the response.
    ///
    /// - Parameters:
    ///   - target: the path and query, such as `/api/stream?hits=0`.
    ///   - socket: the path of the socket.
    ///   - post: the body of a `POST`; `nil` for a `GET`.
    ///   - timeout: milliseconds that the agent may be silent, then and later.
    init(_ target: String, at socket: String, post: String? = nil, timeout: Int = 10_000) throws(Failure) {
        let descriptor = try Self.connect(socket, timeout)
        var received: [UInt8] = []
        let head: Head
        do throws(Failure) {
            // Without Accept-Encoding the agent does not compress.
            let length = post.map { "Content-Type: application/json\r\nContent-Length: \($0.utf8.count)\r\n" } ?? ""
            try Self.send(
                "\(post == nil ? "GET" : "POST") \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(length)\r\n\(post ?? "")",
                descriptor)
            head = try Self.head(of: &received, descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        status = head.status
        body = head.body
        bytes = received
    }

    deinit { close(descriptor) }

    /// Reads the whole body.
    mutating func text() throws(Failure) -> String {
        var whole: [UInt8] = []
        var isOpen = true
        while isOpen {
            whole += takeBody()
            guard whole.count <= Self.sizeLimit else { throw Failure(description: "the agent's response is too large") }
            isOpen = isOver ? false : try receive(flags: 0)
        }
        guard isWhole else { throw Failure(description: "the agent's response is incomplete") }
        return String(decoding: whole, as: UTF8.self)
    }

    /// Waits for the next event.
    ///
    /// - Parameter milliseconds: the maximum time; a signal may end it earlier.
    /// - Returns: all events that arrived; none after a timeout. `nil` if the agent has closed the stream.
    mutating func events(within milliseconds: Int) throws(Failure) -> [Event]? {
        var events = parsedEvents()
        if !events.isEmpty { return events }
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard !isOver, poll(&ready, 1, CInt(clamping: milliseconds)) > 0 else { return isOver ? nil : [] }
        let isOpen = try receive(flags: CInt(MSG_DONTWAIT))
        events = parsedEvents()
        guard unparsed.count <= Self.sizeLimit else { throw Failure(description: "an event of the agent is too large") }
        return events.isEmpty && (isOver || !isOpen) ? nil : events
    }

    // MARK: - Events

    /// Takes all whole events. Format: HTML Living Standard, "9.2.5 Parsing an event stream".
    private mutating func parsedEvents() -> [Event] {
        unparsed += takeBody()
        var events: [Event] = []
        var (name, data): (String, [String]) = ("message", [])
        var (position, done) = (0, 0)
        while let end = unparsed[position...].firstIndex(of: UInt8(ascii: "\n")) {
            var line = unparsed[position..<end]
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            position = end + 1
            guard !line.isEmpty else {
                if !data.isEmpty { events.append(Event(name: name, data: data.joined(separator: "\n"))) }
                (name, data) = ("message", [])
                done = position
                continue
            }
            let field = line.prefix { $0 != UInt8(ascii: ":") }
            var value = line.dropFirst(field.count + 1)
            if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
            if field.elementsEqual("event".utf8) { name = String(decoding: value, as: UTF8.self) }
            if field.elementsEqual("data".utf8) { data.append(String(decoding: value, as: UTF8.self)) }
        }
        unparsed.removeFirst(done)
        return events
    }

    // MARK: - The body

    /// Whether the body has ended.
    private var isOver: Bool {
        if case .ended = body { true } else { false }
    }

    /// Whether the body is complete.
    private var isWhole: Bool {
        switch body {
        case .ended, .untilClose, .length(0): true
        default: false
        }
    }

    /// Decodes the received part of the body.
    private mutating func takeBody() -> [UInt8] {
        var taken: [UInt8] = []
        var rest = bytes[...]
        loop: while true {
            switch body {
            case .untilClose:
                taken += rest
                rest = []
                break loop
            case .length(let length):
                taken += rest.prefix(length)
                body = length > rest.count ? .length(length - rest.count) : .ended
                rest = rest.dropFirst(length)
                break loop
            case .chunk(let length):
                taken += rest.prefix(length)
                body = length > rest.count ? .chunk(length - rest.count) : .size(skipping: 2)
                rest = rest.dropFirst(length)
                if rest.isEmpty { break loop }
            case .size(let skipped):
                let line = rest.dropFirst(skipped)
                guard let end = line.firstIndex(of: UInt8(ascii: "\n")) else {
                    // A chunk size with its extensions is not longer than this.
                    if line.count > 256 { body = .ended }
                    break loop
                }
                let digits = line[..<end].prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\r") }
                rest = rest[(end + 1)...]
                // Only trailer fields may follow the last chunk; they are ignored.
                let length = Int(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
                body = length > 0 ? .chunk(length) : .ended
            case .ended:
                rest = []
                break loop
            }
        }
        bytes = Array(rest)
        return taken
    }

    /// Receives available bytes.
    ///
    /// - Returns: false if the agent has closed the connection.
    private mutating func receive(flags: CInt) throws(Failure) -> Bool {
        guard try Self.receive(into: &bytes, descriptor, flags: flags) else {
            if case .untilClose = body { body = .ended }
            return false
        }
        return true
    }

    // MARK: - The connection

    private struct Head {
        var status: Int
        var body: Body
    }

    /// Takes the head of the response out of the received bytes.
    private static func head(of received: inout [UInt8], _ descriptor: CInt) throws(Failure) -> Head {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let position = received.firstRange(of: end) {
                let lines = String(decoding: received[..<position.lowerBound], as: UTF8.self).split(separator: "\r\n")
                received.removeFirst(position.upperBound)
                return try head(lines)
            }
            guard received.count <= headLimit, try receive(into: &received, descriptor, flags: 0) else {
                throw Failure(description: "the program that listens there is not geopipe-agent")
            }
        }
    }

    private static func head(_ lines: [Substring]) throws(Failure) -> Head {
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure(description: "the program that listens there is not geopipe-agent")
        }
        var body = Body.untilClose
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-length": body = Int(value).map { $0 > 0 ? .length($0) : .ended } ?? .untilClose
            case "transfer-encoding" where value.lowercased() == "chunked":
                return Head(status: status, body: .size(skipping: 0))
            default: break
            }
        }
        return Head(status: status, body: body)
    }

    private static func connect(_ path: String, _ timeout: Int) throws(Failure) -> CInt {
        guard let address = sockaddr_un(path: path) else {
            throw Failure(description: "\(visible(path)) is too long for a socket")
        }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("make a socket") }
        var time = timeval(tv_sec: timeout / 1_000, tv_usec: suseconds_t(timeout % 1_000 * 1_000))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
        let result = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 else {
            var failure = Failure("connect to \(visible(path))")
            failure.isAbsent = errno == ENOENT || errno == ECONNREFUSED
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    private static func send(_ text: String, _ descriptor: CInt) throws(Failure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress!, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure("ask the agent") }
            rest = rest.dropFirst(count)
        }
    }

    /// - Returns: false at the end of the connection.
    private static func receive(
        into bytes: inout [UInt8], _ descriptor: CInt, flags: CInt
    ) throws(Failure) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, flags)
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    if flags != 0 { return true }
                    throw Failure(description: "the agent does not answer", isSilent: true)
                }
                if errno == ECONNRESET { return false }
                throw Failure("read the agent's response")
            }
            bytes += chunk[..<count]
            return count > 0
        }
    }
}

extension LiveClient.Failure {
    /// - Parameter action: what failed, as in "connect to PATH"; `errno` has the reason.
    fileprivate init(_ action: String) { description = "cannot \(action): \(String(cString: strerror(errno)))" }
}
