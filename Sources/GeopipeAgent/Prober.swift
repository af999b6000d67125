import Configuration
import NIOPosix
import Synchronization

/// Checks addresses, with limits on simultaneous checks.
final class Prober: Sendable {
    private let network: Mutex<NetworkProbe>
    /// A file of trusted certificates in PEM; `nil` for those of the system.
    let roots: String?
    private let files = FileProbe()
    private let sockets: AsyncSemaphore
    private let programs: AsyncSemaphore
    private let disks: AsyncSemaphore
    private let runs = DetachedProbes()
    private let looks = DetachedProbes()

    /// The maximum number of simultaneous programs, without those that hang.
    private static let programLimit = 128
    /// The maximum number of threads that wait for disks, without those that hang.
    private static let diskLimit = 16
    /// The number of open files for purposes other than checks.
    private static let otherFiles =
        128 + 2 * programLimit + diskLimit + LiveServer.fileLimit + VantagePoints.limit

    /// - Parameters:
    ///   - fileLimit: the maximum number of open files of this process.
    ///   - roots: a file of trusted certificates in PEM; `nil` for those of the system.
    init(fileLimit: Int, roots: String?) {
        self.roots = roots
        network = Mutex(NetworkProbe(MultiThreadedEventLoopGroup.singleton, roots: roots))
        sockets = AsyncSemaphore(max(fileLimit - Self.otherFiles, fileLimit / 2))
        programs = AsyncSemaphore(Self.programLimit)
        disks = AsyncSemaphore(Self.diskLimit)
    }

    /// Reads the trusted certificates again.
    func readRoots() {
        let new = NetworkProbe(MultiThreadedEventLoopGroup.singleton, roots: roots)
        network.withLock { $0 = new }
    }

    /// Checks a target once.
    ///
    /// - Returns: the outcome, and the duration in seconds without the wait for its turn.
    func check(_ target: HealthTarget) async -> (outcome: Outcome, seconds: Double) {
        let (slots, ask) = way(of: target)
        await slots.take()
        defer { slots.free() }
        let start = monotonicTime()
        let outcome = await ask()
        return (outcome.plain, monotonicTime() - start)
    }

    private func way(of target: HealthTarget) -> (AsyncSemaphore, @Sendable () async -> Outcome) {
        let (address, timeout) = (target.address, target.check.timeout)
        let network = network.withLock { $0 }
        switch target.check.probe {
        case .http(let http):
            return (sockets, { await network.ask(http, of: address, timeout: timeout) })
        case .tcp(let port):
            return (sockets, { await network.connect(to: address, port: port, timeout: timeout) })
        case .command(let words):
            let words = words.prefix(1) + words.dropFirst().map { filled($0, address) }
            return (
                programs,
                {
                    await self.runs.run(Array(words), timeout: timeout, grace: 1) {
                        CommandProbe.run(Array(words), timeout: timeout)
                    }
                }
            )
        case .file(let path):
            let path = filled(path, address)
            return (
                disks, { await self.looks.run([path], timeout: timeout) { self.files.check(path, address) } }
            )
        }
    }
}

/// Returns `text` with `{address}` replaced by the address.
private func filled(_ text: String, _ address: String) -> String {
    text.split(separator: "{address}", omittingEmptySubsequences: false).joined(separator: address)
}

extension Outcome {
    /// The outcome with its reason on one line of limited length, because a reason may contain any input.
    fileprivate var plain: Outcome {
        func plain(_ text: String) -> String {
            String(String.UnicodeScalarView(text.unicodeScalars.prefix(300).map { $0.properties.isControl ? " " : $0 }))
        }
        return switch self {
        case .success(let reason, let weight): .success(plain(reason), weight: weight)
        case .failure(let reason): .failure(plain(reason))
        case .error(let reason): .error(plain(reason))
        }
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool {
        [.control, .format, .lineSeparator, .paragraphSeparator].contains(generalCategory)
    }
}
