/// Simulates pdns under load: questions circulate between the load generator, the receivers and their coprocesses, which
/// share cores.
///
/// A receiver takes a question from the socket (one receiver at a time), works on it, waits for its coprocess, and sends
/// the answer. Each of these steps is a burst that occupies a core; bursts queue for cores. A burst takes 0.5 to 1.5 times
/// its mean, and begins on the core that became idle last. The simulation does not include placement by the kernel, such
/// as a core that idles while a burst waits for another one.
public struct ClosedNetwork: Sendable {
    /// Mean times of one question, in µs of a core.
    public struct Times: Equatable, Sendable {
        /// Taking a question from the socket; part of `pdns`.
        public var take: Double
        public var pdns: Double
        public var geopipe: Double
        public var load: Double
        /// The delay until an idle core begins a burst that comes from the load generator or goes there.
        public var wake: Double

        public init(take: Double, pdns: Double, geopipe: Double, load: Double, wake: Double) {
            self.take = take
            self.pdns = pdns
            self.geopipe = geopipe
            self.load = load
            self.wake = wake
        }
    }

    /// Where the load generator runs, and its number of processes.
    public enum Load: Equatable, Sendable {
        /// On other machines: an answer immediately becomes the next question.
        case elsewhere
        /// Each process on its own core.
        case beside(Int)
        /// On the cores of pdns.
        case among(Int)
    }

    public var times: Times
    public var cores: Int
    public var receivers: Int
    public var outstanding: Int
    public var load: Load

    /// All numbers are at least 1, and times above 0.
    public init(times: Times, cores: Int, receivers: Int, outstanding: Int, load: Load) {
        self.times = times
        self.cores = cores
        self.receivers = receivers
        self.outstanding = outstanding
        self.load = load
    }

    /// Returns the throughput in answers per second, measured over `questions` after a warm-up of a fifth of that number.
    public func throughput(questions: Int, seed: UInt64) -> Double {
        var run = Run(self, seed: seed)
        return run.throughput(warmUp: questions / 5, questions: questions)
    }
}

extension ClosedNetwork {
    private enum Burst {
        /// A receiver takes a question, and works on it until it asks its coprocess.
        case asks
        case coprocess
        /// A receiver sends the answer.
        case answers
        case load
    }

    private struct Run {
        let network: ClosedNetwork
        var random: RandomBits
        var queue = EventQueue<Burst>()
        var now = 0.0
        /// The times at which idle cores became idle, ascending.
        var idleCores: [Double]
        var ready: [Burst] = []
        var readyStart = 0
        /// The time from which another receiver can take a question from the socket.
        var socketIsFree = 0.0
        var questionsWaiting = 0
        var answersWaiting = 0
        var idleReceivers: Int
        var idleLoads: Int
        var loadIsIdleSince = -1.0
        var answered = 0

        init(_ network: ClosedNetwork, seed: UInt64) {
            self.network = network
            random = RandomBits(seed: seed)
            idleCores = Array(repeating: -1, count: network.cores)
            idleReceivers = network.receivers
            switch network.load {
            case .elsewhere: idleLoads = 0
            case .beside(let count), .among(let count): idleLoads = count
            }
        }

        mutating func throughput(warmUp: Int, questions: Int) -> Double {
            for _ in 0..<network.outstanding { send() }
            var start = 0.0
            while answered < warmUp + questions, let (time, burst) = queue.next() {
                now = time
                let before = answered
                end(burst)
                if answered != before, answered == warmUp { start = now }
            }
            return Double(questions) / (now - start) * 1e6
        }

        /// Puts a question of the load generator into the socket.
        mutating func send() {
            questionsWaiting += 1
            takeNext(wakes: true)
        }

        mutating func takeNext(wakes: Bool) {
            guard questionsWaiting > 0, idleReceivers > 0 else { return }
            questionsWaiting -= 1
            idleReceivers -= 1
            request(.asks, wakes: wakes)
        }

        mutating func workOnAnswers() {
            guard answersWaiting > 0, idleLoads > 0 else { return }
            answersWaiting -= 1
            idleLoads -= 1
            if case .among = network.load {
                request(.load, wakes: true)
            } else {
                let wake = loadIsIdleSince < now ? network.times.wake : 0
                queue.add(.load, at: now + wake + varied(network.times.load))
            }
        }

        mutating func request(_ burst: Burst, wakes: Bool) {
            if let since = idleCores.popLast() {
                begin(burst, after: wakes && since < now ? network.times.wake : 0)
            } else {
                ready.append(burst)
            }
        }

        mutating func begin(_ burst: Burst, after delay: Double) {
            let start = now + delay
            switch burst {
            case .asks:
                let taken = max(start, socketIsFree) + varied(network.times.take)
                socketIsFree = taken
                queue.add(burst, at: taken + varied(max(network.times.pdns / 2 - network.times.take, 0)))
            case .coprocess: queue.add(burst, at: start + varied(network.times.geopipe))
            case .answers: queue.add(burst, at: start + varied(network.times.pdns / 2))
            case .load: queue.add(burst, at: start + varied(network.times.load))
            }
        }

        mutating func end(_ burst: Burst) {
            switch (burst, network.load) {
            case (.load, .beside), (.load, .elsewhere): break
            default: freeCore()
            }
            switch burst {
            case .asks: request(.coprocess, wakes: false)
            case .coprocess: request(.answers, wakes: false)
            case .answers:
                answered += 1
                idleReceivers += 1
                if network.load == .elsewhere {
                    questionsWaiting += 1
                } else {
                    answersWaiting += 1
                    workOnAnswers()
                }
                takeNext(wakes: false)
            case .load:
                idleLoads += 1
                loadIsIdleSince = now
                send()
                workOnAnswers()
            }
        }

        /// Gives a core that has ended a burst to the burst that has waited longest. The core is awake, so there is no delay.
        mutating func freeCore() {
            guard readyStart < ready.count else {
                idleCores.append(now)
                return
            }
            let next = ready[readyStart]
            readyStart += 1
            if readyStart == 4_096 {
                ready.removeFirst(readyStart)
                readyStart = 0
            }
            begin(next, after: 0)
        }

        mutating func varied(_ mean: Double) -> Double { mean * Double.random(in: 0.5...1.5, using: &random) }
    }
}
