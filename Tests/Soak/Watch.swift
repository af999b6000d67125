import Glibc
import Synchronization

/// Samples memory and open files of processes once a second, and shows the progress.
final class Watch: Sendable {
    /// Groups of processes.
    enum Group: Int, CaseIterable, CustomStringConvertible {
        case coprocesses, pipes, server, agent

        var description: String {
            switch self {
            case .coprocesses: "coprocesses of pdns"
            case .pipes: "coprocesses on pipes"
            case .server: "pdns"
            case .agent: "agent"
            }
        }
    }

    private struct Samples {
        /// The memory of each group, in MiB.
        var anonymous = [Growth](repeating: Growth(), count: Group.allCases.count)
        var resident = [Growth](repeating: Growth(), count: Group.allCases.count)
        var proportional = [Growth](repeating: Growth(), count: Group.allCases.count)
        var files = [Growth](repeating: Growth(), count: Group.allCases.count)
        var look = 0
    }

    private let samples = Mutex(Samples())
    private let processes: @Sendable (Group) -> [pid_t]
    private let progress: @Sendable (_ seconds: Int) -> String
    private let isStopped = Atomic<Bool>(false)

    /// - Parameters:
    ///   - processes: returns the processes of a group.
    ///   - progress: returns the progress, for a terminal.
    init(
        processes: @escaping @Sendable (Group) -> [pid_t], progress: @escaping @Sendable (_ seconds: Int) -> String
    ) {
        (self.processes, self.progress) = (processes, progress)
    }

    func start() {
        startThread { [self] in
            let start = now()
            while !isStopped.load(ordering: .relaxed) {
                let seconds = Double(now() - start) / 1e9
                look(at: seconds)
                ProgressLine.show(progress(Int(seconds)))
                sleep(1)
            }
        }
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    private func look(at seconds: Double) {
        let groups = Group.allCases.map(processes)
        samples.withLock { samples in
            samples.look += 1
            for (group, processes) in groups.enumerated() where !processes.isEmpty {
                let found = processes.compactMap(statistics)
                // A process has just ended.
                guard found.count == processes.count else { continue }
                let pages = Double(getpagesize()) / 1_048_576
                samples.resident[group].add(found.map { Double($0[1]) * pages }.reduce(0, +), at: seconds)
                samples.anonymous[group].add(
                    found.map { Double($0[1] - $0[2]) * pages }.reduce(0, +), at: seconds)
                samples.files[group].add(Double(processes.map(openFiles).reduce(0, +)), at: seconds)
                // Sampled rarely, because the kernel walks all pages for it.
                if samples.look % 10 == 1 {
                    samples.proportional[group].add(
                        processes.map { rollup("Pss:", of: $0) }.reduce(0, +), at: seconds)
                }
            }
        }
    }

    /// Reports the growth of memory and open files, and violations of their limits.
    func report(_ journal: Journal) {
        func words(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
        samples.withLock { samples in
            journal.tell(
                "\n| looked at once a second | | at first | most | second half: mean | rise over it |\n| --- | --- | --- | --- | --- | --- |"
            )
            for group in Group.allCases where samples.files[group.rawValue].count > 0 {
                let rows: [(name: String, growth: Growth, allowed: (Double) -> Double)] = [
                    ("anonymous, MiB", samples.anonymous[group.rawValue], { 8 + 0.1 * $0 }),
                    ("resident, MiB", samples.resident[group.rawValue], { _ in .infinity }),
                    ("proportional, MiB", samples.proportional[group.rawValue], { _ in .infinity }),
                    ("descriptors", samples.files[group.rawValue], { 2 + 0.05 * $0 }),
                ]
                for (name, growth, allowed) in rows {
                    let (rise, mean) = growth.fit
                    journal.tell(
                        "| \(group) | \(name) | \(words(growth.first)) | \(words(growth.most)) | \(words(mean)) | \(words(rise)) |"
                    )
                    // Fewer points make no line.
                    if growth.count >= 60, rise > allowed(mean) {
                        journal.violation(
                            "\(group): \(name) rise by \(words(rise)) over the second half, from \(words(mean)) or so")
                    }
                }
            }
        }
    }
}

/// Runs work in a new thread.
func startThread(_ work: @escaping @Sendable () -> Void) {
    final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        {
            Unmanaged<Work>.fromOpaque($0!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Work(work)).toOpaque())
    pthread_detach(thread)
}
