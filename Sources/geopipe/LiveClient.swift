import Glibc
import Platform

/// One request to the agent at a Unix socket such as `live.sock`, and what the agent answers (HTTP/1.1, RFC 9112).
struct LiveClient: ~Copyable {
    /// The status code of the answer, such as 200.
    let status: Int
    /// The connection, for poll(2): it can be read when `takeEvents` has something to take, or the agent has ended it.
    let descriptor: CInt
    private var body: Body
    /// What was received and not looked at.
    private var bytes: [UInt8]
    /// The part of the body that belongs to no whole event yet.
    private var unparsed: [UInt8] = []

    /// An event of the stream, such as `second` with its JSON.
    struct Event {
        var name: String
        var data: String
    }

    /// Why there is no answer, as a sentence for a person.
    struct Failure: Error, CustomStringConvertible {
        var description: String
        /// Whether no agent listens at the socket.
        var isAbsent = false
        /// Whether one does, and has said nothing for too long.
        var isSilent = false
    }

    /// Where a body ends.
    private enum Body {
        case length(Int)
        /// The bytes that are left of a chunk.
        case chunk(Int)
        /// What comes next are these bytes of the line between chunks, then a size.
        case size(skipping: Int)
        case untilClose
        case ended
    }

    private static let headLimit = 16_384
    /// The most bytes of an event, or of a whole answer.
    private static let sizeLimit = 16 << 20

    /// Asks, and waits for the head of the answer.
    ///
    /// - Parameters:
    ///   - target: the path and what follows it, such as `/api/stream?hits=0`.
    ///   - socket: the path of the socket.
    ///   - post: the body of a `POST`; `nil` for a `GET`.
    ///   - patience: milliseconds for which the agent may say nothing, also later.
    init(_ target: String, at socket: String, post: String? = nil, patience: Int = 10_000) throws(Failure) {
        let descriptor = try Self.connect(socket, patience)
        var received: [UInt8] = []
        let head: Head
        do throws(Failure) {
            // Without an Accept-Encoding the agent sends text as it is.
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

    /// Reads all of the answer.
    mutating func text() throws(Failure) -> String {
        var whole: [UInt8] = []
        var isOpen = true
        while isOpen {
            whole += takeBody()
            guard whole.count <= Self.sizeLimit else { throw Failure(description: "the agent's answer has no end") }
            isOpen = isOver ? false : try receive(flags: 0)
        }
        guard isWhole else { throw Failure(description: "the agent has ended its answer halfway") }
        return String(decoding: whole, as: UTF8.self)
    }

    /// Waits for the next event.
    ///
    /// - Parameter milliseconds: how long; it may be less, as when a signal comes.
    /// - Returns: all events that have come; none if the time is over. `nil` if the agent has ended the stream.
    mutating func events(within milliseconds: Int) throws(Failure) -> [Event]? {
        var events = parsedEvents()
        if !events.isEmpty { return events }
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard !isOver, poll(&ready, 1, CInt(clamping: milliseconds)) > 0 else { return isOver ? nil : [] }
        let isOpen = try receive(flags: CInt(MSG_DONTWAIT))
        events = parsedEvents()
        guard unparsed.count <= Self.sizeLimit else { throw Failure(description: "an event of the agent has no end") }
        return events.isEmpty && (isOver || !isOpen) ? nil : events
    }

    // MARK: - Events

    /// Takes out all whole events. The form: HTML Living Standard, "9.2.5 Parsing an event stream".
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

    /// Whether nothing more can come.
    private var isOver: Bool {
        if case .ended = body { true } else { false }
    }

    /// Whether all has come that was announced.
    private var isWhole: Bool {
        switch body {
        case .ended, .untilClose, .length(0): true
        default: false
        }
    }

    /// Takes the received part of the body out of its chunks.
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
                    // A size is no longer than this with all that may follow it.
                    if line.count > 256 { body = .ended }
                    break loop
                }
                let digits = line[..<end].prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\r") }
                rest = rest[(end + 1)...]
                // After the last chunk only fields may come that say nothing here.
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

    /// Receives what there is.
    ///
    /// - Returns: false if the agent has ended the connection.
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

    /// Takes the head of the answer out of what comes.
    private static func head(of received: inout [UInt8], _ descriptor: CInt) throws(Failure) -> Head {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let position = received.firstRange(of: end) {
                let lines = String(decoding: received[..<position.lowerBound], as: UTF8.self).split(separator: "\r\n")
                received.removeFirst(position.upperBound)
                return try head(lines)
            }
            guard received.count <= headLimit, try receive(into: &received, descriptor, flags: 0) else {
                throw Failure(description: "what listens there is not geopipe-agent")
            }
        }
    }

    private static func head(_ lines: [Substring]) throws(Failure) -> Head {
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure(description: "what listens there is not geopipe-agent")
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

    private static func connect(_ path: String, _ patience: Int) throws(Failure) -> CInt {
        guard let address = sockaddr_un(path: path) else {
            throw Failure(description: "\(visible(path)) is too long for a socket")
        }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("make a socket") }
        var time = timeval(tv_sec: patience / 1_000, tv_usec: suseconds_t(patience % 1_000 * 1_000))
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
                throw Failure("read what the agent says")
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
