/// Simulates a pdns under load: questions go round between the load, the receivers and their coprocesses, which share cores.
///
/// A receiver takes a question from the socket, which only one can do at a time, works on it, waits for its coprocess, and sends the
/// answer. Each of these is a burst that has a core for as long as it takes; bursts wait for cores in turn. Each burst takes half to one
/// and a half times its mean. A burst begins on the core that became idle last. What the kernel does wrong, such as a core that idles while a burst waits for another one, is not simulated.
public struct ClosedNetwork: Sendable {
    /// Mean times of one question, in µs of a core.
    public struct Times: Equatable, Sendable {
        /// To take a question from the socket; a part of `pdns`.
        public var take: Double
        public var pdns: Double
        public var geopipe: Double
        public var load: Double
        /// Until a core that has been idle has begun on a burst that comes from the load, or goes there.
        public var wake: Double

        public init(take: Double, pdns: Double, geopipe: Double, load: Double, wake: Double) {
            self.take = take
            self.pdns = pdns
            self.geopipe = geopipe
            self.load = load
            self.wake = wake
        }
    }

    /// Where the load runs, and how many processes it is.
    public enum Load: Equatable, Sendable {
        /// On machines enough: an answer is the next question at once.
        case elsewhere
        /// Each process on a core that nothing else needs.
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

    /// Returns the answers a second, of so many `questions` after a fifth as many.
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
        /// When each became idle, the last one last.
        var idleCores: [Double]
        var ready: [Burst] = []
        var readyStart = 0
        /// When the socket can be taken from again.
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

        /// The load sends a question.
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

        /// Gives the core to the burst that has waited longest. It is awake.
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
