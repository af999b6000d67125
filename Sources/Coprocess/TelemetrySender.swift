import Answering
import Configuration
import Geography
import Glibc
import Logging
import Platform
import State
import Synchronization
import Telemetry

/// Carries away what the thread that answers has counted: to the agent, if one listens, with some of the hits, and to the hits log, if
/// one is configured. It has a thread of its own, which gives way to all others.
public final class TelemetrySender: Sendable {
    private let recorder: MetricsRecorder
    private let news = Mutex(News())
    private let work: Mutex<Work>
    private let lastCandidate = Atomic<UInt32>(0)

    /// What there is to answer from, as far as a reporter has to know.
    private struct Subject {
        /// What is answered from, which says where clients are.
        var snapshot: Snapshot?
        var hitsLog: Configuration.HitsLog?
        /// In seconds since 1970; `nil` if there is nothing.
        var loaded: Int?
        var agentSocket: String?
    }

    /// What the thread has not seen yet.
    private struct News {
        var tallies: [SnapshotCounters] = []
        var subject: Subject?
        /// The tally of the new side of a rollout; 0 if none runs.
        var candidate: UInt32?
    }

    private func takenNews() -> News {
        news.withLock { news in
            defer { news = News() }
            return news
        }
    }

    /// Milliseconds between two looks at the hits.
    private static let pauses = 10...500
    /// Milliseconds between two reports of what has changed.
    private static let interval = 1_000
    /// When in a second of the clock reports are sent, in milliseconds: each process at another time of these, all of them before the
    /// agent looks at what has come, at the next second. So it finds one second's growth of each.
    private static let moments = 500..<900
    /// Milliseconds between two reports of everything: what was lost is made good, and who is silent for longer has ended.
    private static let fullInterval = 15_000

    /// Milliseconds between two reports of hits, at least.
    private static let hitsInterval = 100

    /// - Parameters:
    ///   - recorder: what the thread that answers writes down.
    ///   - log: gets why the hits log cannot be written.
    init(_ recorder: MetricsRecorder, log: Logger) {
        self.recorder = recorder
        work = Mutex(Work(recorder, log))
    }

    /// Begins to report.
    func start() {
        startThread { [self] in
            // Of this thread alone, on Linux.
            _ = nice(10)
            var pause = Self.pauses.upperBound
            while true {
                let work = work.withLock { $0.step(takenNews()) }
                let wait = min(pause, self.work.withLock { $0.untilReport })
                usleep(UInt32(wait) * 1_000)
                if work > 0.1 { pause = max(pause / 2, Self.pauses.lowerBound) }
                if work == 0 { pause = min(pause * 2, Self.pauses.upperBound) }
            }
        }
    }

    /// Has it report on what will be answered from; to be called before anybody answers from it.
    ///
    /// - Parameters:
    ///   - snapshot: `nil` if there is nothing to answer from.
    ///   - loaded: when it was loaded, in seconds since 1970.
    ///   - state: where the agent listens.
    func follow(_ snapshot: Snapshot?, loaded: Int, _ state: StateDirectory?) {
        if let log = snapshot?.hitsLog { recorder.hits.wantAtLeast(log.sample) }
        news.withLock { news in
            if let snapshot { news.tallies.append(snapshot.tally) }
            news.subject = Subject(
                snapshot: snapshot, hitsLog: snapshot?.hitsLog,
                loaded: snapshot.map { _ in loaded }, agentSocket: state?.agentSocket)
        }
    }

    /// Has it report on the new side of a rollout too; to be called before that answers.
    ///
    /// - Parameter candidate: `nil` if no rollout runs.
    func follow(candidate: Snapshot?) {
        let number = candidate?.tally.number ?? 0
        guard number != lastCandidate.exchange(number, ordering: .relaxed) else { return }
        news.withLock { news in
            if let candidate { news.tallies.append(candidate.tally) }
            news.candidate = number
        }
    }

    /// Reports what there is, before the process ends or is another.
    ///
    /// - Parameter isEnd: whether the process ends. Else pdns waits, and it is not done if that takes time.
    func finish(isEnd: Bool) {
        let patience = isEnd ? 2_000 : 200
        for _ in 0...(patience / 5) {
            if work.withLockIfAvailable({ $0.finish(takenNews()) }) != nil { return }
            usleep(5_000)
        }
    }

    /// What the thread does, and all that it knows.
    private struct Work: ~Copyable {
        private let recorder: MetricsRecorder
        private let log: Logger
        private var ledger: CounterRegistry
        private let sender: Report.Sender
        /// Of `moments`, that of this process.
        private let moment = TelemetrySender.moments.lowerBound + Int(getpid()) * 37 % TelemetrySender.moments.count
        private var subject = Subject()
        /// As `News` has it.
        private var candidate: UInt32 = 0
        private var agent = AgentSocket(path: nil)
        private var hits: HitsLog?
        /// The hits for the agent.
        private var sample: HitSample<Found>
        private var lastHits = 0
        /// Of those that did not fit into the ring, how many the agent knows.
        private var toldDrops = 0
        private var defaults = DefaultRules()
        /// The number of the interval in which the last report was sent; -1 before there was one.
        private var lastInterval = -1
        /// In milliseconds on the monotonic clock.
        private var lastFullReport = 0
        private var isFlushed = true
        /// The agent has read something since the report before.
        private var madeProgress = false

        /// A hit, and what was found out about it.
        private struct Found {
            var hit: Hit
            var place: ClientPlace?
            /// In milliseconds since 1970.
            var time: Int
        }

        init(_ recorder: MetricsRecorder, _ log: Logger) {
            self.recorder = recorder
            self.log = log
            ledger = CounterRegistry(recorder)
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            sender = Report.Sender(process: Int(getpid()), start: now.tv_sec * 1_000_000_000 + now.tv_nsec)
            sample = HitSample(seed: .random(in: .min ... .max))
        }

        /// - Returns: how much there was to do, from 0 to 1.
        mutating func step(_ news: News) -> Double {
            take(news)
            let fullness = takeHits()
            let now = milliseconds()
            if now - lastHits >= TelemetrySender.hitsInterval { reportHits(now) }
            if interval != lastInterval || !isFlushed { report(now) }
            return !isFlushed && madeProgress ? 1 : fullness
        }

        mutating func finish(_ news: News) {
            take(news)
            takeHits()
            reportHits(milliseconds())
            lastInterval = -1
            report(milliseconds())
        }

        /// The time since 1970 in milliseconds, counted from the moment of this process in the first second.
        private var sinceMoment: Int { wallClock() / 1_000_000 - moment }

        /// The number of the present interval.
        private var interval: Int { sinceMoment / TelemetrySender.interval }

        /// Milliseconds until the next one begins, 1 or more.
        var untilReport: Int { TelemetrySender.interval - sinceMoment % TelemetrySender.interval }

        private mutating func take(_ news: News) {
            for tally in news.tallies { ledger.follow(tally) }
            if let newer = news.candidate { candidate = newer }
            guard let newer = news.subject else { return }
            subject = newer
            if agent.path != newer.agentSocket { agent = AgentSocket(path: newer.agentSocket) }
            if hits?.settings != newer.hitsLog { hits = newer.hitsLog.map { [log] in HitsLog($0, log: log) } }
            want()
        }

        private func want() { recorder.hits.want(agent.isThere ? 1 : subject.hitsLog?.sample ?? 0) }

        /// - Returns: how full the ring was.
        @discardableResult
        private mutating func takeHits() -> Double {
            let wantedLots = UInt64((subject.hitsLog?.sample ?? 0) * 0x1p32)
            var time: String?
            let now = wallClock() / 1_000_000
            let fullness = recorder.hits.take { hit in
                let location = hit.prefixes.lazy.compactMap { [subject] in subject.snapshot?.places.find($0) }.first
                if agent.isThere {
                    ledger.count(country: location?.country?.description ?? "")
                    sample.offer(Found(hit: hit, place: location, time: now))
                }
                guard UInt64(hit.lot) < wantedLots, let names = ledger.names(of: hit) else { return }
                if time == nil { time = timestamp() }
                var line = HitsLog.Line(hit, time: time!, names, location)
                if candidate > 0 { line.side = hit.tally == candidate ? "new" : "old" }
                hits?.append(line)
            }
            hits?.flush()
            return fullness
        }

        /// Tells the agent of some hits. What it does not read at once is lost.
        private mutating func reportHits(_ now: Int) {
            lastHits = now
            let drops = recorder.hits.droppedHits
            if !sample.isEmpty { sample.miss(drops - toldDrops) }
            toldDrops = drops
            let chosen = sample.take(at: now)
            guard agent.isThere, !chosen.isEmpty else { return }
            var report = HitReport(sender: sender)
            for (found, weight) in chosen {
                guard let names = ledger.names(of: found.hit) else { continue }
                let isNew = candidate > 0 && found.hit.tally == candidate
                var hit = SampledHit(found.hit, found.place, time: found.time, names, weight: weight)
                if candidate > 0 { hit.side = isNew ? .new : .old }
                if let snapshot = subject.snapshot { hit.isByDefault = defaults.decide(found.hit, in: snapshot) }
                report.hits.append(hit)
            }
            for datagram in report.datagrams where agent.isThere {
                guard agent.send(datagram) else { break }
            }
        }

        private mutating func report(_ now: Int) {
            let interval = interval
            let isDue = interval != lastInterval
            lastInterval = interval
            guard agent.path != nil else {
                if isDue { ledger.releaseEnded() }
                return
            }
            if isDue {
                ledger.update()
                if now - lastFullReport >= TelemetrySender.fullInterval || !agent.isThere {
                    lastFullReport = now
                    ledger.resendAll()
                }
            }
            let wasThere = agent.isThere
            let sent = agent.sent
            isFlushed = ledger.tell(as: sender, loaded: subject.loaded) { agent.send($0) } || !agent.isThere
            madeProgress = agent.sent > sent
            if agent.isThere != wasThere {
                want()
            }
        }
    }
}

extension SampledHit {
    fileprivate init(
        _ hit: Hit, _ place: ClientPlace?, time: Int, _ names: (service: String, datacenters: [String]), weight: Int
    ) {
        self.init(
            time: time, network: hit.network, country: place?.country?.description ?? "",
            coordinates: place?.coordinates, name: hit.name, service: names.service, datacenters: names.datacenters,
            scope: hit.scope, side: nil, weight: weight)
    }
}

/// Where the agent listens for datagrams, as a sender sees it.
private struct AgentSocket: ~Copyable {
    let path: String?
    /// Whether an agent listens, or did when something was sent last.
    private(set) var isThere = false
    /// How many datagrams were sent.
    private(set) var sent = 0
    /// How many in a row could not be, because the agent had not read those before.
    private var unread = 0
    /// An agent that has not read for this many datagrams does not listen any more.
    private static let patience = 30
    private let descriptor: CInt

    init(path: String?) {
        self.path = path
        descriptor =
            path == nil
            ? -1 : socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Sends a datagram, without ever waiting. False if it could not be.
    mutating func send(_ datagram: [UInt8]) -> Bool {
        guard let path, descriptor >= 0, let address = sockaddr_un(path: path) else { return false }
        let result = address.withSocketAddress {
            sendto(descriptor, datagram, datagram.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL), $0, $1)
        }
        let isSent = result == datagram.count
        if isSent { sent += 1 }
        unread = isSent ? 0 : unread + 1
        isThere = isSent || (errno == EAGAIN || errno == ENOBUFS) && isThere && unread < Self.patience
        return isSent
    }
}
