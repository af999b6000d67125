import Answering
import Compiler
import DNS
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
    var switches = SwitchFollower()
    var health = HealthFollower()
    var rollouts = RolloutFollower()
    var inputs = InputWatch()
    /// Watches switches, health, rollout, images and reports.
    var stateFiles = FileWatch()
    var images = ImageFiles()
    /// When a compilation was requested, in nanoseconds since 1970; `nil` if none is.
    var requestedAt: Int?
    /// The last failure to start the compiler, so that it is logged once.
    var lastFailure: String?
    /// The time between two attempts to restore a lost or damaged image.
    private var repairPause = Pause(10_000, isOver: true)
    /// The time between two attempts to use the folder for images again.
    var rejoinPause = Pause(10_000, isOver: false)
    /// The time between two marks that the images are in use.
    private var usePause = Pause(3_600_000, isOver: false)

    /// The interval of steps without events, in milliseconds.
    private static let interval = 1_000

    /// What this process knows of the files of images.
    struct ImageFiles {
        /// The name of the image in use, if images are shared.
        var name: String?
        /// The state of the image file of `backend --image` when it was mapped.
        var fileState: FileState?
        /// The state of the report's file when it was read.
        var reportState: FileState?
        /// Whether the image that should be in force is gone or damaged.
        var isLost = false
        /// Diagnostics that have been logged.
        var logged: Set<String> = []
    }

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
        (compiler.report?.diagnostics ?? []) + (rollouts.diagnostic.map { [$0] } ?? []) + switches.diagnostics
    }

    /// The identity of the switches in use; `nil` without an image, or if nothing was ever switched.
    var followedSwitches: String? { snapshot == nil ? nil : switches.identity }

    /// The last known report of a compilation.
    var report: CompileReport? { compiler.report }

    /// Descriptors that become readable when a step is due; some may be -1.
    var descriptors: [CInt] { [inputs.descriptor, stateFiles.descriptor, compiler.ending] }

    /// Milliseconds until the next step, if no descriptor becomes readable before.
    var timeout: Int {
        if compiler.isRunning, compiler.ending < 0 { return 20 }
        return compiler.isRunning || inputs.hasChanged ? InputWatch.quiet : Self.interval
    }

    /// Checks once everything that may have changed.
    mutating func step() -> StepResult {
        var result = StepResult()
        if usePause.takeTurn() { compiler.store?.noteUse() }
        let hasNewEvents = inputs.takeEvents()
        _ = stateFiles.takeEvents()
        if finishCompilation() { result.isSnapshotNew = true }
        if followImages() { result.isSnapshotNew = true }
        repair()
        rejoin()
        compileIfChanged(hasNewEvents: hasNewEvents)
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
            guard requestedAt != nil || FileState(file) != images.fileState else { return false }
            requestedAt = nil
            return adopt(file: file)
        }
        guard let store = compiler.store else { return false }
        let state = FileState(store.reportFile)
        if state != images.reportState {
            images.reportState = state
            compiler.readReport()
            watchFiles()
        }
        return adoptIfNew()
    }

    mutating func adoptIfNew() -> Bool {
        guard let store = compiler.store, store.currentName != images.name else { return false }
        let before = snapshot
        return adoptCurrent() && snapshot !== before
    }

    /// Compiles an image again that is gone or damaged: the one before it may be older than the files on disk, and
    /// coprocesses that start need one. The snapshot in use is published first, because the compiler may need it to
    /// keep the content of a broken zone.
    private mutating func repair() {
        guard images.isLost || isImageGone, repairPause.takeTurn() else { return }
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
            rejoinPause.takeTurn()
        else { return }
        let shared = CompilerRunner(compiler.request, state: state)
        guard let store = shared.store, store.restore(snapshot) else { return }
        log.notice("images are kept in \(store.folder) again")
        compiler = shared
        compiler.readReport()
        images.name = nil
        stateFiles.watch(statePaths, readSince: time(nil))
        watchFiles()
    }

    /// Watches the files that the last compilation read, from the states in which it read them.
    mutating func watchFiles() {
        if let image = compiler.request.image {
            inputs.watch([image], readSince: 0)
        } else if let report = compiler.report {
            inputs.watch(report.states)
        } else if let manifest = snapshot?.manifest {
            inputs.watch(
                Dictionary(
                    manifest.inputs.map { ($0.path, FileState(words: $0.state)) }, uniquingKeysWith: { a, _ in a }))
        } else {
            inputs.watch([compiler.request.configuration], readSince: time(nil))
        }
    }

    /// Starts a compilation if files have changed and are no longer being written.
    private mutating func compileIfChanged(hasNewEvents: Bool) {
        guard compiler.request.image == nil else { return }
        let isChanged = inputs.isChangeComplete(hasNewEvents: hasNewEvents)
        let isRetry = compiler.report?.retryAt.map { $0 <= time(nil) } ?? false
        guard requestedAt != nil || isRetry || isChanged, !compiler.isRunning else { return }
        switch compiler.begin(isUrgent: snapshot == nil, requestedAt: requestedAt, states: inputs.states, log) {
        case .started:
            lastFailure = nil
            requestedAt = nil
            inputs.noteCompilation()
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
            inputs.noteCompilation()
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
