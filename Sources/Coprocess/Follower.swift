import Answering
import Compiler
import DNS
import Geography
import Glibc
import Image
import Logging
import Platform
import State

/// Follows everything that answers depend on: images, their input files, and the switches, the health and the rollout
/// in the state directory. Each step checks once; the caller provides the thread.
struct Follower: ~Copyable {
    var compiler: CompilerRunner
    var state: StateDirectory?
    let log: Logger
    /// The snapshot in use; `nil` if there is none.
    var snapshot: Snapshot?
    var switches: [Switch] = []
    /// The identity of the text that `switches` was read from; `nil` if there is no file.
    var switchIdentity: String?
    var switchRestorer = SwitchRestorer()
    /// Areas of switches in which the image has no clients.
    var unknownAreas: [Area] = []
    var health: HealthReport?
    var rollouts = RolloutFollower()
    /// The switches and the down targets of the serving in use.
    var inForce: [Switch] = []
    var down: Set<String> = []
    /// The weights and shares of the serving in use.
    var weightsAndShares = WeightsAndShares()
    /// Watches the input files of the image.
    var files = FileWatch()
    /// Watches switches, health, rollout, images and reports.
    var stateFiles = FileWatch()
    /// The name of the image in use, if images are shared.
    var imageName: String?
    /// Diagnostics about images that have been logged.
    var logged: Set<String> = []
    /// When a compilation was requested, in nanoseconds since 1970; `nil` if none is.
    var requestedAt: Int?
    /// Whether an input file has changed since the last compilation.
    var hasChanged = false
    /// Whether inotify has reported that change.
    var hasEvent = false
    /// When the input files were checked last, in milliseconds on the monotonic clock.
    var lastCheck = 0
    /// The state of the image file of `backend --image` when it was mapped.
    var imageState: FileState?
    /// The state of the report's file when it was read.
    var reportState: FileState?
    /// Whether the image that should be in force is gone or damaged.
    var isImageLost = false
    /// When a lost image was last restored, in milliseconds on the monotonic clock.
    var lastRepair = -Follower.repairInterval
    /// When `rejoin` last tried the folder for images, in milliseconds on the monotonic clock.
    var lastRejoin = milliseconds()
    /// When the images were last marked as used, in milliseconds on the monotonic clock.
    var lastUse = milliseconds()
    /// The last failure to start the compiler, so that it is logged once.
    var lastFailure: String?

    /// How long a file must stay unchanged before it is compiled, if inotify reports changes, in milliseconds.
    static let quiet = 100
    /// The interval of steps without events, in milliseconds.
    static let interval = 1_000
    /// The interval of marking the images as used, in milliseconds.
    private static let useInterval = 3_600_000
    /// The minimum time between two attempts to restore a lost or damaged image, in milliseconds.
    private static let repairInterval = 10_000
    /// The minimum time between two attempts to use the folder for images again, in milliseconds.
    private static let rejoinInterval = 10_000
    /// The interval of checking all input files without events, in milliseconds.
    private static let fileInterval = 5_000

    /// The result of a step.
    struct StepResult {
        /// The serving to answer from now; `nil` if nothing has changed.
        var serving: Serving?
        /// Whether it has another snapshot than before.
        var isSnapshotNew = false
    }

    /// - Parameters:
    ///   - request: what to compile.
    ///   - state: the state directory, if there is one.
    ///   - log: receives errors, and what each step finds.
    init(_ request: CompileRequest, state: StateDirectory?, log: Logger) {
        compiler = CompilerRunner(request, state: state)
        self.state = state
        self.log = log
        if let state, compiler.store == nil, request.image == nil {
            log.warning(
                "cannot write to the state directory \(state.path); each coprocess compiles its own image: make it writable for this user, or write state_directory: none"
            )
        }
    }

    /// The store of shared images; `nil` if images are not shared.
    var store: ImageStore? { compiler.store }

    /// What is wrong with the files on disk, and which switches have no effect.
    var diagnostics: [String] {
        (compiler.report?.diagnostics ?? [])
            + (rollouts.diagnostic.map { [$0] } ?? []) + (switchRestorer.diagnostic.map { [$0] } ?? [])
            + (unknownAreas.isEmpty
                ? [] : ["a drain has no effect in \(areaWords(unknownAreas)): the image has no clients there"])
    }

    /// The identity of the switches in use; `nil` without an image, or if nothing was ever switched.
    var followedSwitches: String? { snapshot == nil ? nil : switchIdentity }

    /// The last known report of a compilation.
    var report: CompileReport? { compiler.report }

    /// Descriptors that become readable when a step is due; some may be -1.
    var descriptors: [CInt] { [files.descriptor, stateFiles.descriptor, compiler.ending] }

    /// Milliseconds until the next step, if no descriptor becomes readable before.
    var timeout: Int {
        if compiler.isRunning, compiler.ending < 0 { return 20 }
        return compiler.isRunning || hasChanged ? Self.quiet : Self.interval
    }

    /// Checks once everything that may have changed.
    mutating func step() -> StepResult {
        var result = StepResult()
        if milliseconds() - lastUse > Self.useInterval {
            lastUse = milliseconds()
            compiler.store?.noteUse()
        }
        let isFromEvent = files.takeEvents()
        _ = stateFiles.takeEvents()
        if finishCompilation() { result.isSnapshotNew = true }
        if followImages() { result.isSnapshotNew = true }
        repair()
        rejoin()
        compileIfChanged(isFromEvent: isFromEvent)
        moveState()
        var changed = followState()
        // Only after new data is in force, since this takes long.
        if !changed, !result.isSnapshotNew, rollouts.findStability() { changed = true }
        if result.isSnapshotNew || changed { result.serving = served() }
        return result
    }

    /// Adopts the image of this process's compiler.
    private mutating func finishCompilation() -> Bool {
        guard case .reported(let made) = compiler.finish(log) else { return false }
        watchFiles()
        if let made {
            snapshot = made
            return true
        }
        return adoptIfNew()
    }

    /// Adopts the image of another process.
    private mutating func followImages() -> Bool {
        if let file = compiler.request.image {
            guard requestedAt != nil || FileState(file) != imageState else { return false }
            requestedAt = nil
            return adopt(file: file)
        }
        guard let store = compiler.store else { return false }
        let state = FileState(store.reportFile)
        if state != reportState {
            reportState = state
            compiler.readReport()
            watchFiles()
        }
        return adoptIfNew()
    }

    mutating func adoptIfNew() -> Bool {
        guard let store = compiler.store, store.currentName != imageName else { return false }
        let before = snapshot
        return adoptCurrent() && snapshot !== before
    }

    /// Compiles an image again that is gone or damaged: the one before it may be older than the files on disk, and
    /// coprocesses that start need one. The snapshot in use is published first, because the compiler may need it to
    /// keep the content of a broken zone.
    private mutating func repair() {
        guard isImageLost || isImageGone, milliseconds() - lastRepair >= Self.repairInterval else { return }
        lastRepair = milliseconds()
        if let store = compiler.store, let snapshot { store.restore(snapshot) }
        if compiler.report?.image != nil { requestCompilation() }
    }

    /// Whether the file of the image in force was removed. Nothing else notices that before a coprocess starts.
    private var isImageGone: Bool {
        guard let store = compiler.store, snapshot != nil else { return false }
        return access(store.currentLink, F_OK) != 0
    }

    /// Uses the folder for images again, if it was given up for lack of space, as soon as there is space.
    private mutating func rejoin() {
        guard compiler.store == nil, compiler.request.image == nil, let state, let snapshot, !compiler.isRunning,
            milliseconds() - lastRejoin >= Self.rejoinInterval
        else { return }
        lastRejoin = milliseconds()
        let shared = CompilerRunner(compiler.request, state: state)
        guard let store = shared.store, store.restore(snapshot) else { return }
        log.notice("images are kept in \(store.folder) again")
        compiler = shared
        compiler.readReport()
        imageName = nil
        stateFiles.watch(statePaths, readSince: time(nil))
        watchFiles()
    }

    /// Watches the files that the last compilation read, from the states in which it read them.
    mutating func watchFiles() {
        if let image = compiler.request.image {
            files.watch([image], readSince: 0)
        } else if let report = compiler.report {
            files.watch(report.states)
        } else if let manifest = snapshot?.manifest {
            files.watch(
                Dictionary(
                    manifest.inputs.map { ($0.path, FileState(words: $0.state)) }, uniquingKeysWith: { a, _ in a }))
        } else {
            files.watch([compiler.request.configuration], readSince: time(nil))
        }
        (hasChanged, hasEvent) = (false, false)
        lastCheck = 0
    }

    /// Starts a compilation if files have changed and are no longer being written.
    private mutating func compileIfChanged(isFromEvent: Bool) {
        guard compiler.request.image == nil else { return }
        let now = milliseconds()
        // inotify reports the end of a write. Without it, a change may be the begin of a long write, so the wait is
        // longer.
        hasEvent = hasEvent || isFromEvent
        let interval = hasChanged ? hasEvent ? Self.quiet : Self.interval : Self.fileInterval
        let isDue = now - lastCheck >= interval
        var isChanging = false
        if isFromEvent || isDue {
            isChanging = files.hasChanged()
            hasChanged = hasChanged || isChanging
            lastCheck = now
        }
        let isRetry = compiler.report?.retryAt.map { $0 <= time(nil) } ?? false
        // A file that changes again is still being written, and may be incomplete.
        guard requestedAt != nil || isRetry || hasChanged && !isChanging && isDue, !compiler.isRunning else { return }
        switch compiler.begin(isUrgent: snapshot == nil, requestedAt: requestedAt, states: files.states, log) {
        case .started:
            lastFailure = nil
            requestedAt = nil
            (hasChanged, hasEvent) = (false, false)
        case .held: break
        case .stuck(let reason): compileAlone(reason)
        case .known:
            requestedAt = nil
            watchFiles()
        case .failed(let reason):
            if reason != lastFailure {
                log.error("\(reason)\(snapshot == nil ? "" : "; what was loaded before stays in use")")
            }
            lastFailure = reason
            requestedAt = nil
            hasChanged = false
        }
    }

    /// The store of a rollout's image, even if this process does not share images; `nil` with `backend --image`.
    var rolloutStore: ImageStore? {
        guard compiler.request.image == nil, let state else { return nil }
        return ImageStore(of: compiler.request.configuration, overrides: compiler.request.databases, in: state)
    }

    var statePaths: Set<String> { (state?.sharedFiles ?? []).union(compiler.changingFiles) }

    /// Whether the records of the image have the form that the calling pdns accepts.
    func fits(_ manifest: Manifest) -> Bool {
        manifest.dialect == 0 || (manifest.dialect == 2) == (RecordDialect.asking == .since5_1)
    }
}
