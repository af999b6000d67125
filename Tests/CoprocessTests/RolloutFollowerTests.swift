import Foundation
import Platform
import Support
import Testing

@testable import Answering
@testable import Compiler
@testable import Coprocess
import Logging
import State

@Suite("Following a rollout")
struct RolloutFollowerTests {
    private let folder: Folder
    private let request: CompileRequest
    private let state: StateDirectory
    private let store: ImageStore

    init() throws {
        folder = try Folder()
        request = CompileRequest(configuration: try folder.write(Self.text("192.0.2.1").utf8, to: "geopipe.yaml"))
        state = StateDirectory(path: "\(folder.path)/state")
        store = ImageStore(of: request.configuration, overrides: [], in: state)
        usleep(50_000)
        try compile()
    }

    private static func text(_ address: String) -> String {
        """
        datacenters: { oslo: {} }
        maps: { all: { default: oslo } }
        services: { web: { map: all, answers: { oslo: \(address) } } }
        state_directory: state
        zones:
          example.com:
            soa: { primary: ns.example.com., contact: a@b.com, serial: 1 }
            ns: [ns.example.com.]
            records: { ns: { A: 192.0.2.53 }, www: { service: web } }

        """
    }

    private func compile() throws {
        let outcome = Compilation(request, previous: store.current().snapshot, previousReport: store.report()).run()
        if let image = outcome.image { try store.publish(image) }
        try store.write(outcome.report)
    }

    /// Starts a rollout of another address.
    private func begin(_ part: Rollout.Part, id: String = "A", address: String = "192.0.2.2") throws {
        let file = try folder.write(Self.text(address).utf8, to: "new.yaml")
        usleep(50_000)
        let image = try #require(
            Compilation(
                CompileRequest(configuration: file), previous: store.current().snapshot, previousReport: nil
            ).run(keepsSerials: false).image)
        try store.keepCandidate(image, of: id)
        try write(part, id: id, image.id)
    }

    private func write(
        _ part: Rollout.Part, id: String = "A", _ image: String, _ progress: Rollout.Progress = .running,
        images: String? = nil
    ) throws {
        try state.changeRollout { _ in
            var rollout = Rollout(
                id: id, owner: "ada", since: 1, images: images ?? store.name, old: "", new: image, source: "",
                isConfiguration: true, configuration: request.configuration, configurationState: "")
            (rollout.part, rollout.progress) = (part, progress)
            return (rollout, HistoryEntry(time: 1, user: "ada", .rolloutStart, datacenter: id))
        }
    }

    @Test("adopts it as soon as it is written, and unmaps its image when it is aborted")
    func adopts() throws {
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        let first = follower.start()
        #expect(first?.candidate == nil)
        _ = follower.step()
        try begin(.share(100))
        let serving = try #require(follower.step().serving)
        weak let new = serving.candidate?.serving.snapshot
        #expect(new != nil)
        #expect(serving.snapshot === first?.snapshot)
        #expect(follower.rollouts.followed == (try state.rollout().identity))
        try write(.share(100), new!.image.id, .aborted)
        let last = try #require(follower.step().serving)
        #expect(last.candidate == nil)
        #expect(follower.rollouts.followed == (try state.rollout().identity))
        #expect(follower.rollouts.tally == nil)
        withExtendedLifetime(last) {}
    }

    @Test("releases the memory of the new image at the end")
    func memory() throws {
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        _ = follower.start()
        try begin(.dark)
        var serving = follower.step().serving
        weak let new = serving?.candidate?.serving.snapshot
        let id = try #require(new?.image.id)
        try write(.dark, id, .aborted)
        serving = follower.step().serving
        #expect(serving != nil)
        #expect(new == nil)
    }

    @Test("computes the stable lists afterwards")
    func stability() throws {
        try begin(.share(20))
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        let started = follower.start()
        #expect(started?.candidate != nil && started?.candidate?.stability == nil)
        var stability = follower.step().serving?.candidate?.stability
        if stability == nil { stability = follower.step().serving?.candidate?.stability }
        #expect(stability != nil)
        let last = follower.step().serving
        #expect(last == nil)
    }

    @Test("continues after a restart, and after a change of the image in force")
    func restart() throws {
        try begin(.share(20))
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        let started = follower.start()
        let serving = try #require(started)
        let new = try #require(serving.candidate?.serving.snapshot)
        try folder.write(Self.text("192.0.2.9").utf8, to: "geopipe.yaml")
        usleep(50_000)
        try compile()
        var news = follower.step()
        if news.serving == nil { news = follower.step() }
        let next = try #require(news.serving)
        #expect(next.snapshot !== serving.snapshot)
        #expect(next.candidate?.serving.snapshot === new)
    }

    @Test(
        "uses the image in force if both files are corrupt, or the new image is gone, another one or of another format")
    func refused() throws {
        try begin(.share(100))
        let image = try #require(try state.rollout().value?.new)
        func diagnostic() throws -> String? {
            var follower = Follower(
                request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            _ = follower.adoptCurrent()
            let serving = follower.start()
            #expect(serving != nil)
            #expect(serving?.candidate == nil)
            #expect(follower.rollouts.followed == nil)
            return follower.rollouts.diagnostic
        }
        try write(.share(100), "0123456789abcdef")
        #expect(try diagnostic()?.contains("should be 0123456789abcdef") == true)
        try write(.share(100), id: "B", image)
        #expect(try diagnostic()?.contains("rollout-B") == true)
        try write(.share(100), image, images: store.name.prefix { $0 != "." } + ".1")
        #expect(try diagnostic()?.contains("another format") == true)
        for file in [state.rolloutFile, state.rolloutFile + ".copy"] {
            try "geopipe rollout 2\n".write(toFile: file, atomically: false, encoding: .utf8)
        }
        #expect(try diagnostic()?.contains("is corrupt") == true)
    }

    @Test("retries failures with growing pauses until one succeeds or the rollout is over, and logs each once")
    func retries() throws {
        try begin(.share(100))
        let file = store.candidateFile(of: "A")
        let image = try Data(contentsOf: URL(filePath: file))
        unlink(file)
        var rollouts = RolloutFollower()
        var said: [String] = []
        func diagnose(_ words: String) { said.append(words) }
        let old = try #require(store.current().snapshot)
        func hasCandidate() -> Bool {
            rollouts.candidate(for: old, store, switches: [], health: nil, at: 1, diagnose) != nil
        }
        func retry(at time: Int) -> Bool { rollouts.retry(state, store, at: time, diagnose) }
        rollouts.read(state, diagnose)
        let start = milliseconds()
        #expect(!hasCandidate())
        // Not before the retry is due; the pauses grow.
        #expect(!retry(at: start + RolloutFollower.pauses.lowerBound - 1))
        let now = milliseconds()
        for _ in 0..<5 { #expect(!retry(at: now + 100_000)) }
        #expect(said.count == 1)
        #expect(rollouts.diagnostic?.contains("is not followed") == true)
        try image.write(to: URL(filePath: file))
        chmod(file, 0o444)
        #expect(!retry(at: now + RolloutFollower.pauses.upperBound - 1))
        #expect(retry(at: milliseconds() + RolloutFollower.pauses.upperBound))
        #expect(rollouts.diagnostic == nil)
        #expect(rollouts.followed == (try state.rollout().identity))
        #expect(hasCandidate())
        #expect(!retry(at: .max))
        // A file that temporarily cannot be read.
        let text = try String(contentsOfFile: state.rolloutFile, encoding: .utf8)
        for file in [state.rolloutFile, state.rolloutFile + ".copy"] {
            unlink(file)
            try #require(mkdir(file, 0o755) == 0)
        }
        rollouts.read(state, diagnose)
        #expect(!hasCandidate())
        #expect(rollouts.diagnostic?.contains("cannot read") == true)
        for file in [state.rolloutFile, state.rolloutFile + ".copy"] {
            rmdir(file)
            try text.write(toFile: file, atomically: false, encoding: .utf8)
        }
        #expect(retry(at: milliseconds() + 100_000))
        #expect(hasCandidate())
        // A rollout that is over is not retried.
        unlink(file)
        try write(.share(100), id: "B", "aa")
        rollouts.read(state, diagnose)
        #expect(!hasCandidate())
        try write(.share(100), id: "B", "aa", .aborted)
        #expect(!retry(at: .max))
        #expect(rollouts.diagnostic == nil)
        #expect(!retry(at: .max))
    }

    @Test("the coprocess with the lock restores a lost new image, but not after the end")
    func restores() throws {
        try begin(.share(5))
        let rollout = try #require(try state.rollout().value)
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        _ = follower.start()
        let new = try #require(follower.rollouts.snapshot)
        let file = store.candidateFile(of: "A")
        func look() {
            var watch = RolloutWatch()
            watch.check(rollout, request.configuration, store, new: new, switches: [], health: nil) { _ in }
        }
        unlink(file)
        look()
        #expect(try Snapshot(path: file).image.id == new.image.id)
        unlink(file)
        try write(.share(5), new.image.id, .aborted)
        look()
        #expect(access(file, F_OK) != 0)
    }

    @Test("ignores a rollout of another configuration")
    func other() throws {
        try write(.share(100), "aa", images: "0000000000000000.4")
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        let serving = follower.start()
        #expect(serving?.candidate == nil)
        #expect(follower.rollouts.diagnostic == nil)
        #expect(follower.rollouts.followed != nil)
    }

    @Test("one coprocess aborts it for all if the new side refuses more than the old side")
    func watch() throws {
        try begin(.share(5))
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        _ = follower.start()
        var rollout = try #require(try state.rollout().value)
        rollout.refusalLimit = 0
        var status = CoprocessStatus(configuration: request.configuration)
        var tally = RolloutTotals()
        (tally.new.answered, tally.new.refused) = (100, 100)
        status.rolloutTally = tally
        try state.tell(status)
        var watch = RolloutWatch()
        let new = follower.rollouts.snapshot
        watch.check(rollout, request.configuration, store, new: new, switches: [], health: nil) { _ in }
        let ended = try #require(try state.rollout().value)
        #expect(ended.progress == .aborted)
        #expect(ended.end?.isAutomatic == true)
        #expect(try state.history().entries.last?.action == .rolloutAbort)
        #expect(access(store.candidateFile(of: "A"), F_OK) != 0)
    }

    @Test("counts from zero if another rollout has replaced one whose end it did not see")
    func otherRollout() throws {
        var follower = Follower(
            request, state: state, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = follower.adoptCurrent()
        _ = follower.start()
        try begin(.dark)
        let first = try #require(follower.step().serving?.candidate)
        first.counts.writer.countAnswer(isNew: false, isRefused: false)
        #expect(follower.rollouts.tally?.old.answered == 1)
        try begin(.dark, id: "B", address: "192.0.2.3")
        let second = try #require(follower.step().serving?.candidate)
        #expect(follower.rollouts.tally?.old.answered == 0)
        withExtendedLifetime((first, second)) {}
    }
}
