import Configuration
import NIOPosix
import Synchronization

/// Asks addresses how they are, never more of them at a time than this machine can bear.
final class Prober: Sendable {
    private let network: Mutex<NetworkProbe>
    /// A file of certificates to trust, in PEM; `nil` for those that the system trusts.
    let roots: String?
    private let files = FileProbe()
    private let sockets: AsyncSemaphore
    private let programs: AsyncSemaphore
    private let disks: AsyncSemaphore
    private let runs = DetachedProbes()
    private let looks = DetachedProbes()

    /// Programs at a time, but for those that hang.
    private static let programLimit = 128
    /// Threads that wait for disks at a time, but for those that hang.
    private static let diskLimit = 16
    /// Open files of all that is no connection to an address.
    private static let otherFiles =
        128 + 2 * programLimit + diskLimit + LiveServer.fileLimit + VantagePoints.limit

    /// - Parameters:
    ///   - fileLimit: how many files this process may have open.
    ///   - roots: a file of certificates to trust, in PEM; `nil` for those that the system trusts.
    init(fileLimit: Int, roots: String?) {
        self.roots = roots
        network = Mutex(NetworkProbe(MultiThreadedEventLoopGroup.singleton, roots: roots))
        sockets = AsyncSemaphore(max(fileLimit - Self.otherFiles, fileLimit / 2))
        programs = AsyncSemaphore(Self.programLimit)
        disks = AsyncSemaphore(Self.diskLimit)
    }

    /// Reads anew which certificates are trusted.
    func readRoots() {
        let new = NetworkProbe(MultiThreadedEventLoopGroup.singleton, roots: roots)
        network.withLock { $0 = new }
    }

    /// Checks a target once.
    ///
    /// - Returns: what came of it, and the seconds that it took once it was its turn.
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

/// `text` with the address where it is to be.
private func filled(_ text: String, _ address: String) -> String {
    text.split(separator: "{address}", omittingEmptySubsequences: false).joined(separator: address)
}

extension Outcome {
    /// As one line that is not too long: reasons may come from anywhere.
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
