import Answering
import Configuration
import Geography
import Glibc
import Logging
import Platform
import State
import Synchronization
import Telemetry

/// Sends the counts of the answering thread to the agent, if one listens, with a sample of the hits, and writes hits
/// to the hits log, if one is configured. It runs in a low-priority thread.
public final class TelemetrySender: Sendable {
    private let recorder: MetricsRecorder
    private let update = Mutex(Update())
    private let worker: Mutex<Worker>
    private let lastCandidate = Atomic<UInt32>(0)

    /// The properties of the served image that the sender needs.
    private struct ServedImage {
        /// The snapshot in use; its places locate clients.
        var snapshot: Snapshot?
        var hitsLog: Configuration.HitsLog?
        /// When it was loaded, in seconds since 1970; `nil` if there is none.
        var loaded: Int?
        var agentSocket: String?
    }

    /// Changes that the thread has not handled yet.
    private struct Update {
        var tallies: [SnapshotCounters] = []
        var served: ServedImage?
        /// The number of the counters of a rollout's new side; 0 if none runs, `nil` if unchanged.
        var candidate: UInt32?
    }

    private func takeUpdate() -> Update {
        update.withLock { update in
            defer { update = Update() }
            return update
        }
    }

    /// The range of the pause between two reads of the hits, in milliseconds.
    private static let pauses = 10...500
    /// The interval of reports of changed counts, in milliseconds.
    private static let interval = 1_000
    /// When in each second of the clock reports are sent, in milliseconds. Each process has another moment, before
    /// the agent reads the reports at the full second. So the agent sees one second's growth of each process.
    private static let moments = 500..<900
    /// The interval of reports of all counts, in milliseconds. They repair lost reports, and the agent takes a
    /// process that is silent for longer as ended.
    private static let fullInterval = 15_000

    /// The minimum time between two reports of hits, in milliseconds.
    private static let hitsInterval = 100

    /// - Parameters:
    ///   - recorder: the metrics of the answering thread.
    ///   - log: receives errors of the hits log.
    init(_ recorder: MetricsRecorder, log: Logger) {
        self.recorder = recorder
        worker = Mutex(Worker(recorder, log))
    }

    /// Starts the thread.
    func start() {
        startThread { [self] in
            // On Linux, `nice` affects only the calling thread.
            _ = nice(10)
            var pause = Self.pauses.upperBound
            while true {
                let load = worker.withLock { $0.step(takeUpdate()) }
                let wait = min(pause, worker.withLock { $0.untilReport })
                usleep(UInt32(wait) * 1_000)
                if load > 0.1 { pause = max(pause / 2, Self.pauses.lowerBound) }
                if load == 0 { pause = min(pause * 2, Self.pauses.upperBound) }
            }
        }
    }

    /// Begins to report on a snapshot. Call it before the first answer from the snapshot.
    ///
    /// - Parameters:
    ///   - snapshot: `nil` if no image is loaded.
    ///   - loaded: when it was loaded, in seconds since 1970.
    ///   - state: the state directory, which has the agent's socket.
    func follow(_ snapshot: Snapshot?, loaded: Int, _ state: StateDirectory?) {
        if let log = snapshot?.hitsLog { recorder.hits.wantAtLeast(log.sample) }
        update.withLock { update in
            if let snapshot { update.tallies.append(snapshot.tally) }
            update.served = ServedImage(
                snapshot: snapshot, hitsLog: snapshot?.hitsLog,
                loaded: snapshot.map { _ in loaded }, agentSocket: state?.agentSocket)
        }
    }

    /// Begins to report on the new side of a rollout too. Call it before the new side's first answer.
    ///
    /// - Parameter candidate: `nil` if no rollout runs.
    func follow(candidate: Snapshot?) {
        let number = candidate?.tally.number ?? 0
        guard number != lastCandidate.exchange(number, ordering: .relaxed) else { return }
        update.withLock { update in
            if let candidate { update.tallies.append(candidate.tally) }
            update.candidate = number
        }
    }

    /// Sends all pending reports before the process ends or its program is replaced.
    ///
    /// - Parameter isEnd: whether the process ends. Otherwise pdns waits, so it gives up after 200 ms.
    func finish(isEnd: Bool) {
        let timeout = isEnd ? 2_000 : 200
        for _ in 0...(timeout / 5) {
            if worker.withLockIfAvailable({ $0.finish(takeUpdate()) }) != nil { return }
            usleep(5_000)
        }
    }

    /// The state of the thread, and its steps.
    private struct Worker: ~Copyable {
        private let recorder: MetricsRecorder
        private let log: Logger
        private var ledger: CounterRegistry
        private let sender: Report.Sender
        /// This process's moment in `moments`.
        private let moment = TelemetrySender.moments.lowerBound + Int(getpid()) * 37 % TelemetrySender.moments.count
        private var served = ServedImage()
        /// The number of the counters of a rollout's new side; 0 if none runs.
        private var candidate: UInt32 = 0
        private var agent = AgentSocket(path: nil)
        private var hits: HitsLog?
        /// The sample of hits for the agent.
        private var sample: HitSample<LocatedHit>
        private var lastHits = 0
        /// The number of dropped hits that the agent knows of.
        private var reportedDrops = 0
        private var defaults = DefaultRules()
        /// The number of the interval in which the last report was sent; -1 before the first.
        private var lastInterval = -1
        /// When all counts were sent last, in milliseconds on the monotonic clock.
        private var lastFullReport = 0
        private var isFlushed = true
        /// Whether the last report sent any datagram.
        private var madeProgress = false

        /// A hit with its place and time.
        private struct LocatedHit {
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

        /// - Returns: how busy the thread is, 0...1.
        mutating func step(_ update: Update) -> Double {
            take(update)
            let fullness = takeHits()
            let now = milliseconds()
            if now - lastHits >= TelemetrySender.hitsInterval { reportHits(now) }
            if interval != lastInterval || !isFlushed { report(now) }
            return !isFlushed && madeProgress ? 1 : fullness
        }

        mutating func finish(_ update: Update) {
            take(update)
            takeHits()
            reportHits(milliseconds())
            lastInterval = -1
            report(milliseconds())
        }

        /// The milliseconds since this process's moment in the first second of 1970.
        private var sinceMoment: Int { wallClock() / 1_000_000 - moment }

        /// The number of the current interval.
        private var interval: Int { sinceMoment / TelemetrySender.interval }

        /// Milliseconds until the next interval begins, 1 or more.
        var untilReport: Int { TelemetrySender.interval - sinceMoment % TelemetrySender.interval }

        private mutating func take(_ update: Update) {
            for tally in update.tallies { ledger.follow(tally) }
            if let newer = update.candidate { candidate = newer }
            guard let newer = update.served else { return }
            served = newer
            if agent.path != newer.agentSocket { agent = AgentSocket(path: newer.agentSocket) }
            if hits?.settings != newer.hitsLog { hits = newer.hitsLog.map { [log] in HitsLog($0, log: log) } }
            updateSampling()
        }

        private func updateSampling() { recorder.hits.want(agent.isListening ? 1 : served.hitsLog?.sample ?? 0) }

        /// - Returns: how full the ring was, 0...1.
        @discardableResult
        private mutating func takeHits() -> Double {
            let wantedKeys = UInt64((served.hitsLog?.sample ?? 0) * 0x1p32)
            var time: String?
            let now = wallClock() / 1_000_000
            let fullness = recorder.hits.take { hit in
                let location = hit.prefixes.lazy.compactMap { [served] in served.snapshot?.places.find($0) }.first
                if agent.isListening {
                    ledger.count(country: location?.country?.description ?? "")
                    sample.offer(LocatedHit(hit: hit, place: location, time: now))
                }
                guard UInt64(hit.sampleKey) < wantedKeys, let names = ledger.names(of: hit) else { return }
                if time == nil { time = timestamp() }
                var line = HitsLog.Line(hit, time: time!, names, location)
                if candidate > 0 { line.side = hit.tally == candidate ? "new" : "old" }
                hits?.append(line)
            }
            hits?.flush()
            return fullness
        }

        /// Sends a sample of the hits to the agent. Hits that do not fit into its socket buffer are lost.
        private mutating func reportHits(_ now: Int) {
            lastHits = now
            let drops = recorder.hits.droppedHits
            if !sample.isEmpty { sample.miss(drops - reportedDrops) }
            reportedDrops = drops
            let chosen = sample.take(at: now)
            guard agent.isListening, !chosen.isEmpty else { return }
            var report = HitReport(sender: sender)
            for (found, weight) in chosen {
                guard let names = ledger.names(of: found.hit) else { continue }
                let isNew = candidate > 0 && found.hit.tally == candidate
                var hit = SampledHit(found.hit, found.place, time: found.time, names, weight: weight)
                if candidate > 0 { hit.side = isNew ? .new : .old }
                if let snapshot = served.snapshot { hit.isByDefault = defaults.decide(found.hit, in: snapshot) }
                report.hits.append(hit)
            }
            for datagram in report.datagrams where agent.isListening {
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
                if now - lastFullReport >= TelemetrySender.fullInterval || !agent.isListening {
                    lastFullReport = now
                    ledger.resendAll()
                }
            }
            let wasListening = agent.isListening
            let sent = agent.sent
            isFlushed = ledger.tell(as: sender, loaded: served.loaded) { agent.send($0) } || !agent.isListening
            madeProgress = agent.sent > sent
            if agent.isListening != wasListening {
                updateSampling()
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

/// The sending end of the agent's datagram socket.
private struct AgentSocket: ~Copyable {
    let path: String?
    /// Whether an agent listened at the last send.
    private(set) var isListening = false
    /// The number of datagrams sent.
    private(set) var sent = 0
    /// The number of sends in a row that failed because the socket buffer was full.
    private var unread = 0
    /// The number of such failures after which the agent counts as gone.
    private static let maxUnread = 30
    private let descriptor: CInt

    init(path: String?) {
        self.path = path
        descriptor =
            path == nil
            ? -1 : socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Sends a datagram without waiting; false if that failed.
    mutating func send(_ datagram: [UInt8]) -> Bool {
        guard let path, descriptor >= 0, let address = sockaddr_un(path: path) else { return false }
        let result = address.withSocketAddress {
            sendto(descriptor, datagram, datagram.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL), $0, $1)
        }
        let isSent = result == datagram.count
        if isSent { sent += 1 }
        unread = isSent ? 0 : unread + 1
        isListening = isSent || (errno == EAGAIN || errno == ENOBUFS) && isListening && unread < Self.maxUnread
        return isSent
    }
}
