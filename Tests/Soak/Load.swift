import CLinux
import Glibc
import Synchronization
import struct Support.SeededGenerator

/// The phase of the run. Of concurrent ones, the later in this list counts.
enum Phase: Int, CaseIterable, CustomStringConvertible {
    case quiet, reload, disturbance, change, takeover

    var description: String {
        switch self {
        case .quiet: "nothing else"
        case .reload: "loading, and nothing else"
        case .disturbance: "drains, broken files, images, health"
        case .change: "files change"
        case .takeover: "taking over a new program"
        }
    }
}

/// Asks a name server on the loopback at a fixed rate, regardless of answers, and judges each answer.
///
/// Times count from when a question was due, so that a stall of less than `catchUp` cannot hide in questions that were not asked.
final class Load: Sendable {
    /// A question that waits for its answer.
    private struct Waiting {
        /// When it was due; 0 if the slot is free.
        var due: UInt64 = 0
        var question = Question.web
        var client = Client.ipv4(0)
        var phase = 0
        /// The number of dropped datagrams at most a second before it was asked.
        var dropped = 0
        /// Whether it was asked before, without an answer.
        var isRepeated = false
    }

    struct Figures: Sendable {
        var latencies = [Latencies](repeating: Latencies(), count: Phase.allCases.count)
        var asked = 0
        var lost = 0
        /// Questions without an answer while the kernel dropped datagrams, which were asked once more.
        var repeated = 0
        /// The datagrams that the kernel dropped: questions before pdns read them, and answers.
        var droppedQuestions = 0, droppedAnswers = 0
        /// Questions lost to a killed coprocess: unanswered or failed.
        var lostToKills = 0
        var hostile = 0
        /// The maximum delay of a question, in nanoseconds: how long the machine made processes wait.
        var delay: UInt64 = 0
        /// The time for which no question was asked because this thread itself stood still, in nanoseconds.
        var pauses: UInt64 = 0
    }

    /// The time-out of a client, in nanoseconds.
    static let patience: UInt64 = 5_000_000_000
    /// The longest time after which this thread asks all questions that were due meanwhile, in nanoseconds. After a longer one it leaves
    /// them out: thousands of datagrams at one moment would be a flood, of which the kernel drops most.
    private static let catchUp: UInt64 = 100_000_000
    private static let sockets = 16
    /// The IPv4 networks of regular clients.
    private static let regulars = 400

    private let port: UInt16
    private let rate: Int
    private let zone: String
    private let oracle: Oracle
    private let journal: Journal
    private let questions: [Question]
    /// Networks that the database has in the United States, without their last 16 bits.
    private let known: [UInt32]
    private let phaseNumber = Atomic<Int>(Phase.quiet.rawValue)
    private let isStopped = Atomic<Bool>(false)
    private let askedSoFar = Atomic<Int>(0)
    /// The time in which a killed coprocess is missing.
    private let absence = Mutex<(from: UInt64, until: UInt64)>((0, 0))
    private let result = Mutex<Figures?>(nil)
    private let seed: UInt64

    init(port: UInt16, rate: Int, zone: String, asksChecked: Bool, oracle: Oracle, journal: Journal, seed: UInt64) {
        (self.port, self.rate, self.zone, self.oracle, self.journal) = (port, rate, zone, oracle, journal)
        self.seed = seed
        questions = Question.allCases.filter { asksChecked || $0 != .checked }
            .flatMap { [Question](repeating: $0, count: $0.weight) }
        known = (0x100..<0xe000).map { UInt32($0) << 16 }.filter { oracle.isInUnitedStates(.ipv4($0)) }
    }

    var phase: Phase {
        get { Phase(rawValue: phaseNumber.load(ordering: .relaxed))! }
        set { phaseNumber.store(newValue.rawValue, ordering: .relaxed) }
    }

    var asked: Int { askedSoFar.load(ordering: .relaxed) }

    /// Records that a coprocess is killed, whose pending questions are lost.
    func coprocessIsKilled() { absence.withLock { $0 = (now(), .max) } }

    /// Records that another coprocess has replaced it.
    func coprocessIsReplaced() { absence.withLock { $0.until = now() } }

    private func isKilled(_ asked: UInt64, _ answered: UInt64) -> Bool {
        absence.withLock { $0.from <= answered && asked + 1_000_000_000 >= $0.from && asked <= $0.until }
    }

    /// Starts a thread that asks until `stop()`.
    func start() { startThread { [self] in run() } }

    /// Waits for the last answers.
    func stop() -> Figures {
        isStopped.store(true, ordering: .relaxed)
        while true {
            if let figures = result.withLock({ $0 }) { return figures }
            usleep(10_000)
        }
    }

    private func run() {
        var random = SeededGenerator(seed: seed)
        var figures = Figures()
        var waiting = [Waiting](repeating: Waiting(), count: 65_536)
        // Questions from `oldest` on may be waiting.
        var (next, oldest): (UInt16, UInt16) = (0, 0)
        var sockets = (0..<Self.sockets).map { _ in pollfd(fd: openSocket(), events: Int16(POLLIN), revents: 0) }
        // The answer is not read.
        let hostileSocket = openSocket()
        defer { for socket in sockets.map(\.fd) + [hostileSocket] { close(socket) } }
        let ports = Set(sockets.map { Self.port(of: $0.fd) })
        /// The dropped datagrams, and when they were counted last.
        var (dropped, counted) = (0, UInt64(0))
        var clientNumber: UInt32 = UInt32(truncatingIfNeeded: seed)
        /// The first question was due then; a pause moves it forward.
        var start = now()
        /// Questions to be asked once more, at the rate of all questions.
        var lost: [(question: Question, client: Client)] = []

        /// Returns when the next question is due.
        func due() -> UInt64 { start + UInt64(figures.asked) * 1_000_000_000 / UInt64(rate) }

        func countDropped() {
            figures.droppedQuestions = DroppedDatagrams.count([port])
            figures.droppedAnswers = DroppedDatagrams.count(ports)
            dropped = figures.droppedQuestions + figures.droppedAnswers
            counted = now()
        }

        func send(_ question: Question, _ client: Client, due: UInt64, isRepeated: Bool) {
            while waiting[Int(next)].due != 0 { giveUp(Int(next)) }
            waiting[Int(next)] = Waiting(
                due: due, question: question, client: client, phase: phaseNumber.load(ordering: .relaxed),
                dropped: dropped, isRepeated: isRepeated)
            var name = question.name
            if name.first == "*" { name = "x\(String(random.next() >> 16, radix: 36))" + name.dropFirst() }
            let bytes = Message.question(next, "\(name).\(zone)", type: question.type, client: client)
            next &+= 1
            // A question that cannot be sent is lost, which the time-out detects.
            _ = bytes.withUnsafeBytes {
                Glibc.send(sockets[Int(random.next() % UInt64(Self.sockets))].fd, $0.baseAddress!, $0.count, 0)
            }
        }

        /// Repeats a question without an answer, as resolvers do, if the kernel has dropped datagrams meanwhile.
        func giveUp(_ id: Int) {
            let old = waiting[id]
            waiting[id].due = 0
            if isKilled(old.due, now()) {
                figures.lostToKills += 1
                return
            }
            if dropped <= old.dropped { countDropped() }
            if !old.isRepeated, dropped > old.dropped {
                figures.repeated += 1
                return lost.append((old.question, old.client))
            }
            figures.lost += 1
            journal.violation(
                "\(old.question.name) for \(old.client): no answer within \(Self.patience / 1_000_000_000) s\(old.isRepeated ? ", and none when it was asked again" : ", and the kernel has dropped no datagram")"
            )
        }

        func repeatOne() {
            if let again = lost.popLast() { send(again.question, again.client, due: now(), isRepeated: true) }
        }

        func ask(due: UInt64) {
            repeatOne()
            send(random.one(of: questions), nextClient(&clientNumber, &random), due: due, isRepeated: false)
            figures.asked += 1
            askedSoFar.store(figures.asked, ordering: .relaxed)
            if figures.asked % 50 == 0 {
                figures.hostile += 1
                let message = HostileQuestion.message(&random, zone: zone)
                _ = message.withUnsafeBytes { Glibc.send(hostileSocket, $0.baseAddress, $0.count, 0) }
            }
            figures.delay = max(figures.delay, now() - due)
        }

        func take(_ bytes: borrowing Span<UInt8>) {
            guard bytes.count >= 12, case let id = Int(bytes[0]) << 8 | Int(bytes[1]), waiting[id].due != 0 else {
                return
            }
            let arrived = now()
            let asked = waiting[id]
            waiting[id].due = 0
            let phase = max(asked.phase, phaseNumber.load(ordering: .relaxed))
            figures.latencies[phase].add(arrived - asked.due)
            guard let answer = Message.answer(bytes, type: asked.question.type) else {
                return journal.violation("an answer to \(asked.question) for \(asked.client) that cannot be read")
            }
            let complaint = oracle.complaint(
                about: answer, to: asked.question, for: asked.client, asked: asked.due, answered: arrived)
            if let complaint {
                // pdns takes the end of a pipe as "no such name", and caches that for a second.
                if [2, 3].contains(answer.responseCode), isKilled(asked.due, arrived) {
                    figures.lostToKills += 1
                    return
                }
                journal.violation("\(asked.question.name) for \(asked.client): \(answer); \(complaint)")
            }
        }

        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let time = now()
            let isEnding = isStopped.load(ordering: .relaxed)
            if time >= counted + 1_000_000_000 { countDropped() }
            var wait: UInt64 = 10_000_000
            if isEnding {
                repeatOne()
                if !lost.isEmpty { wait = 1_000_000_000 / UInt64(rate) }
            } else {
                if time > due() + Self.catchUp {
                    let pause = time - due()
                    figures.pauses += pause
                    start += pause
                }
                while due() <= time { ask(due: due()) }
                let moment = now()
                wait = due() > moment ? min(due() - moment, wait) : 0
            }
            var patience = timespec(tv_sec: 0, tv_nsec: Int(wait))
            if ppoll(&sockets, nfds_t(sockets.count), &patience, nil) > 0 {
                for socket in sockets where socket.revents != 0 {
                    while case let size = recv(socket.fd, &buffer, buffer.count, 0), size > 0 {
                        take(buffer.span.extracting(0..<size))
                    }
                }
            }
            while oldest != next {
                if waiting[Int(oldest)].due != 0 {
                    if time < waiting[Int(oldest)].due + Self.patience { break }
                    giveUp(Int(oldest))
                }
                oldest &+= 1
            }
            if isEnding, oldest == next, lost.isEmpty { break }
        }
        countDropped()
        result.withLock { $0 = figures }
    }

    /// Returns a client. Most are IPv4 networks that do not repeat in 14 million; the others are in known places, or
    /// regular clients.
    private func nextClient(_ number: inout UInt32, _ random: inout SeededGenerator) -> Client {
        if random.once(in: 8) {
            return .ipv6((0x2400 << 48 | random.next() >> 4) & 0x3fff_ffff_ffff_ff00 | 0x2400 << 48)
        }
        if random.once(in: 3) {
            // 16.0.0.0 to 207.255.255.255, in an order without neighbours.
            let regular = UInt32(random.number(1...Self.regulars))
            return .ipv4(0x1000_0000 + (regular &* 0x9e37_79b1) % 0xc0_0000 << 8)
        }
        while true {
            // Both steps are invertible, so different numbers give different networks.
            number &+= 1
            var network = number &* 0x9e37_79b1 & 0xff_ffff
            network ^= network >> 13
            if !known.isEmpty, random.once(in: 3) { return .ipv4(random.one(of: known) | (network & 0xff) << 8) }
            let first = network >> 16
            if first >= 1, first < 224, first != 127 { return .ipv4(network << 8) }
        }
    }

    private func openSocket() -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        // Only root may exceed the limit of this machine (SO_RCVBUFFORCE, 33: socket(7)).
        var size: CInt = 8 << 20
        if setsockopt(descriptor, SOL_SOCKET, 33, &size, socklen_t(MemoryLayout<CInt>.size)) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        withUnsafeBytes(of: &address) {
            _ = connect(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        return descriptor
    }

    /// Returns the local port of a socket.
    private static func port(of descriptor: CInt) -> UInt16 {
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutableBytes(of: &name) {
            getsockname(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
        }
        return UInt16(bigEndian: name.sin_port)
    }
}
