import Answering
import Compiler
import DNS
import Geography
import Glibc
import Image
import Logging
import Platform
import State

/// Follows what answers depend on: the images, the files that they are made from, and the switches and the health in the state
/// directory. Each step looks once; it needs neither a thread nor a process of its own.
struct Follower: ~Copyable {
    private var workshop: CompilerRunner
    private(set) var state: StateDirectory?
    private let log: Logger
    /// What is answered from; `nil` if there is nothing.
    private(set) var snapshot: Snapshot?
    private(set) var switches: [Switch] = []
    /// The identity of the text that they were read from; `nil` as long as there is none.
    private var switchIdentity: String?
    /// Areas of switches that the image does not know.
    private var unknownAreas: [Area] = []
    private(set) var health: HealthReport?
    private(set) var rollouts = RolloutFollower()
    /// What is served as drained and as down.
    private var inForce: [Switch] = []
    private var down: Set<String> = []
    /// What is served as limited.
    private var limits = Limits()
    /// What the image is made from.
    private var files = FileWatch()
    /// Switches, health, images and reports.
    private var stateFiles = FileWatch()
    /// The name of the image that is served, where images are shared.
    private var imageName: String?
    /// Complaints about images that have been said.
    private var said: Set<String> = []
    /// When a compilation was ordered, in nanoseconds since 1970.
    private var orderedAt: Int?
    /// Whether something has changed since it was compiled.
    private var hasChanged = false
    /// Whether a folder has told of that.
    private var isTold = false
    /// In milliseconds on the monotonic clock.
    private var lastLook = 0
    /// What an image that stands for itself was when it was mapped.
    private var imageState: FileState?
    /// What the report was when it was read.
    private var reportState: FileState?
    /// Whether the image that should be in force is gone or damaged.
    private var isImageLost = false
    /// When such an image was last made again, in milliseconds on the monotonic clock.
    private var lastRepair = -Follower.repairInterval
    /// When the folder for images was last tried, in milliseconds on the monotonic clock.
    private var lastRejoin = milliseconds()
    /// When it was noted last that the images are in use, in milliseconds on the monotonic clock.
    private var lastUse = milliseconds()
    /// A failure to start the compiler is said once.
    private var lastFailure: String?

    /// Milliseconds without any news from a folder, after which what happens there is taken to be over.
    static let quiet = 100
    /// Milliseconds between two looks at what no folder tells of.
    static let interval = 1_000
    /// Milliseconds between two notes that the images are in use.
    private static let useInterval = 3_600_000
    /// Milliseconds between two attempts to make an image again that is gone or damaged.
    private static let repairInterval = 10_000
    /// Milliseconds between two attempts to come back to the folder for images.
    private static let rejoinInterval = 10_000
    /// Milliseconds between two looks at all files of which no folder tells that they have changed.
    private static let fileInterval = 5_000

    /// What a step found.
    struct News {
        /// What is to be answered from now.
        var serving: Serving?
        /// Whether that has another snapshot than before.
        var isSnapshotNew = false
    }

    /// - Parameters:
    ///   - request: what to compile.
    ///   - state: the state directory, if there is one.
    ///   - log: gets what is wrong, and what each step finds.
    init(_ request: CompileRequest, state: StateDirectory?, log: Logger) {
        workshop = CompilerRunner(request, state: state)
        self.state = state
        self.log = log
        if let state, workshop.store == nil, request.image == nil {
            log.warning(
                "cannot write to the state directory \(state.path); each coprocess has an image of its own compiled: make it for this user, or write state_directory: none"
            )
        }
    }

    /// Where images are shared; `nil` if they are not.
    var store: ImageStore? { workshop.store }

    /// What is wrong with what is on disk, and which switches do nothing.
    var diagnostics: [String] {
        (workshop.report?.diagnostics ?? [])
            + (rollouts.diagnostic.map { [$0] } ?? [])
            + (unknownAreas.isEmpty
                ? [] : ["a drain does nothing in \(areaWords(unknownAreas)): the image knows no clients there"])
    }

    /// The identity of the switches that are answered by; `nil` if nothing is answered, or nothing was ever switched.
    var followedSwitches: String? { snapshot == nil ? nil : switchIdentity }

    /// What came of the last compilation, as far as is known.
    var report: CompileReport? { workshop.report }

    /// Becomes readable when it is time to look; some may be -1.
    var descriptors: [CInt] { [files.descriptor, stateFiles.descriptor, workshop.ending] }

    /// Milliseconds until the next look, if no descriptor becomes readable before.
    var patience: Int {
        if workshop.isWorking, workshop.ending < 0 { return 20 }
        return workshop.isWorking || hasChanged ? Self.quiet : Self.interval
    }

    // MARK: - The first image

    /// Finds something to answer from, or has it made.
    ///
    /// - Returns: false if there is nothing, and the configuration cannot be used.
    mutating func prepare() -> Bool {
        if hasCandidate { return true }
        if adoptCurrent() { return true }
        return beginFirst()
    }

    /// Whether the image in force, or one before it, seems to be one that can be adopted. Takes the same time for images of any size.
    private var hasCandidate: Bool {
        guard workshop.request.image == nil, let store = workshop.store else { return false }
        return store.candidates.contains { path in
            !CrashRecord.isUnfit(image: path)
                && (try? CrashRecord.reading(image: path) {
                    try Image(path: path, owners: store.owners, isSummed: false)
                }) != nil
        }
    }

    /// Adopts the image in force, if there is one.
    mutating func adoptCurrent() -> Bool {
        if let file = workshop.request.image { return adopt(file: file) }
        guard let store = workshop.store else { return false }
        let name = store.currentName
        let found = store.current()
        isImageLost = found.snapshot == nil || !found.diagnostics.isEmpty
        for diagnostic in found.diagnostics where said.insert(diagnostic).inserted { log.warning("\(diagnostic)") }
        guard let newer = found.snapshot else { return false }
        if found.diagnostics.isEmpty { said = [] }
        imageName = name
        snapshot = newer
        return true
    }

    /// Adopts an image that stands for itself.
    private mutating func adopt(file: String) -> Bool {
        imageState = FileState(file)
        do {
            snapshot = try Snapshot(path: file)
            return true
        } catch {
            log.error("\(error)")
            return false
        }
    }

    /// Has the first image made, as there is none. Waits until the configuration has been found sound, or not.
    ///
    /// - Returns: false if the configuration cannot be used.
    mutating func beginFirst() -> Bool {
        let file = workshop.request.configuration
        let end = milliseconds() + Self.patienceWithOthers
        repeat {
            switch workshop.begin(isUrgent: true, orderedAt: orderedAt, states: [file: FileState(file)], log) {
            case .started:
                orderedAt = nil
                if workshop.waitForSoundness() { return true }
                while true {
                    if case .reported(let made) = workshop.finish(log) {
                        snapshot = made
                        return made != nil || adoptCurrent() || worksAlone()
                    }
                    usleep(1_000)
                }
            case .known: if let isAdopted = adoptKnown() { return isAdopted }
            case .failed(let reason):
                log.error("\(reason)")
                return false
            case .held: usleep(5_000)
            }
        } while milliseconds() < end
        return true
    }

    /// Goes on without a folder for images, if there was no room for the first one.
    private mutating func worksAlone() -> Bool {
        guard let store = workshop.store, let report = workshop.report, report.isUnwritable || report.isCrash else {
            return false
        }
        log.warning(
            report.isCrash
                ? "compiling once more, for this coprocess alone"
                : "cannot keep images in \(store.folder); this coprocess has its own compiled until it can"
        )
        workshop.workAlone()
        return true
    }

    /// Adopts the image of the last compilation, or says why there is none; `nil` if there should be one, and it has to be made
    /// again.
    private mutating func adoptKnown() -> Bool? {
        if adoptCurrent() { return true }
        if workshop.request.image == nil, workshop.report?.image != nil {
            order()
            return nil
        }
        if worksAlone() { return nil }
        for diagnostic in diagnostics { printError(diagnostic) }
        return false
    }

    /// Milliseconds for which the greeting waits for what another process finds out about the configuration: pdns waits two seconds.
    private static let patienceWithOthers = 1_000

    /// Waits for the first image, which this process or another has made.
    mutating func waitForFirst() {
        while snapshot == nil {
            if case .reported(let made) = workshop.finish(log) {
                if let made {
                    snapshot = made
                } else if !adoptCurrent() {
                    guard worksAlone() else { return }
                }
                continue
            }
            if adoptCurrent() { return }
            if !workshop.isWorking {
                let file = workshop.request.configuration
                switch workshop.begin(isUrgent: true, orderedAt: orderedAt, states: [file: FileState(file)], log) {
                case .started: orderedAt = nil
                case .held: break
                case .known: if adoptKnown() != nil { return }
                case .failed(let reason):
                    log.error("\(reason)")
                    return
                }
            }
            var request = pollfd(fd: workshop.ending, events: Int16(POLLIN), revents: 0)
            _ = poll(&request, 1, 5)
        }
    }

    /// What is to be answered from at first, and what to watch from now on.
    mutating func start() -> Serving? {
        workshop.readReport()
        if let state {
            readSwitches(state)
            readHealth(state)
        }
        rollouts.read(state, printError)
        watchFiles()
        stateFiles.watch(statePaths, readSince: time(nil))
        workshop.store?.noteUse()
        // The image in force could not be used: it is made again, for coprocesses that start.
        if !said.isEmpty { order() }
        if let snapshot {
            let manifest = snapshot.manifest
            let isFixed = workshop.request.image != nil
            if !isFixed, manifest.program != geopipeVersion || !fits(manifest) { order() }
            if !isFixed, !snapshot.isCurrent {
                log.notice(
                    "answering from the image of \(dateAndTime(manifest.created)) until what has changed since is compiled"
                )
            }
        }
        return served()
    }

    /// Has the image made again, whether anything seems to have changed or not.
    mutating func order() {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        orderedAt = now.tv_sec * 1_000_000_000 + now.tv_nsec
    }

    // MARK: - Steps

    /// Looks once at everything that may have changed.
    mutating func step() -> News {
        var news = News()
        if milliseconds() - lastUse > Self.useInterval {
            lastUse = milliseconds()
            workshop.store?.noteUse()
        }
        let isFromFolder = files.takeNews()
        _ = stateFiles.takeNews()
        if finishCompilation() { news.isSnapshotNew = true }
        if followImages() { news.isSnapshotNew = true }
        repair()
        rejoin()
        look(isFromFolder: isFromFolder)
        moveState()
        var changed = followState()
        // Not before what is new is in force.
        if !changed, !news.isSnapshotNew, rollouts.findStability() { changed = true }
        if news.isSnapshotNew || changed { news.serving = served() }
        return news
    }

    /// Takes what a compiler of this process has made.
    private mutating func finishCompilation() -> Bool {
        guard case .reported(let made) = workshop.finish(log) else { return false }
        watchFiles()
        if let made {
            snapshot = made
            return true
        }
        return adoptIfNew()
    }

    /// Takes what other processes have made.
    private mutating func followImages() -> Bool {
        if let file = workshop.request.image {
            guard orderedAt != nil || FileState(file) != imageState else { return false }
            orderedAt = nil
            return adopt(file: file)
        }
        guard let store = workshop.store else { return false }
        let state = FileState(store.reportFile)
        if state != reportState {
            reportState = state
            workshop.readReport()
            watchFiles()
        }
        return adoptIfNew()
    }

    private mutating func adoptIfNew() -> Bool {
        guard let store = workshop.store, store.currentName != imageName else { return false }
        let before = snapshot
        return adoptCurrent() && snapshot !== before
    }

    /// Orders an image that was made and is gone or damaged: the one before it may be older than what is on disk, and coprocesses
    /// that start need one. It is made with what is served at hand, if there is nothing older: a zone may have nothing else left.
    private mutating func repair() {
        guard isImageLost, milliseconds() - lastRepair >= Self.repairInterval else { return }
        lastRepair = milliseconds()
        if let store = workshop.store, let snapshot { store.restore(snapshot) }
        if workshop.report?.image != nil { order() }
    }

    /// Comes back to the folder for images, if it was left for want of room, as soon as there is room.
    private mutating func rejoin() {
        guard workshop.store == nil, workshop.request.image == nil, let state, let snapshot, !workshop.isWorking,
            milliseconds() - lastRejoin >= Self.rejoinInterval
        else { return }
        lastRejoin = milliseconds()
        let shared = CompilerRunner(workshop.request, state: state)
        guard let store = shared.store, store.restore(snapshot) else { return }
        log.notice("images are kept in \(store.folder) again")
        workshop = shared
        workshop.readReport()
        imageName = nil
        stateFiles.watch(statePaths, readSince: time(nil))
        watchFiles()
    }

    /// Watches what the last compilation read, from the state in which it was read.
    private mutating func watchFiles() {
        if let image = workshop.request.image {
            files.watch([image], readSince: 0)
        } else if let report = workshop.report {
            files.watch(report.states)
        } else if let manifest = snapshot?.manifest {
            files.watch(
                Dictionary(
                    manifest.inputs.map { ($0.path, FileState(words: $0.state)) }, uniquingKeysWith: { a, _ in a }))
        } else {
            files.watch([workshop.request.configuration], readSince: time(nil))
        }
        (hasChanged, isTold) = (false, false)
        lastLook = 0
    }

    /// Has an image made if files have changed, and rest.
    private mutating func look(isFromFolder: Bool) {
        guard workshop.request.image == nil else { return }
        let now = milliseconds()
        // A folder tells when a file has been written. What changes without that may be written for a long time still.
        isTold = isTold || isFromFolder
        let interval = hasChanged ? isTold ? Self.quiet : Self.interval : Self.fileInterval
        let isDue = now - lastLook >= interval
        var isChanging = false
        if isFromFolder || isDue {
            isChanging = files.hasChanged()
            hasChanged = hasChanged || isChanging
            lastLook = now
        }
        let isRetry = workshop.report?.retryAt.map { $0 <= time(nil) } ?? false
        // A file that changes again is being written still: it may be half of itself.
        guard orderedAt != nil || isRetry || hasChanged && !isChanging && isDue, !workshop.isWorking else { return }
        switch workshop.begin(isUrgent: snapshot == nil, orderedAt: orderedAt, states: files.states, log) {
        case .started:
            lastFailure = nil
            orderedAt = nil
            (hasChanged, isTold) = (false, false)
        case .held: break
        case .known:
            orderedAt = nil
            watchFiles()
        case .failed(let reason):
            if reason != lastFailure {
                log.error("\(reason)\(snapshot == nil ? "" : "; what was loaded before stays in use")")
            }
            lastFailure = reason
            orderedAt = nil
            hasChanged = false
        }
    }

    /// Goes to the state directory of a new configuration. What is known of one says nothing about another.
    private mutating func moveState() {
        guard workshop.request.stateDirectory == nil, !workshop.isWorking, let snapshot,
            !isState(snapshot.manifest.stateDirectory)
        else { return }
        let path = snapshot.manifest.stateDirectory
        state = path.isEmpty ? nil : StateDirectory(path: path)
        (switches, switchIdentity, health) = ([], nil, nil)
        rollouts.read(state, printError)
        workshop = CompilerRunner(workshop.request, state: state)
        workshop.readReport()
        imageName = workshop.store?.currentName
        // The image goes with it, for the coprocesses that start there.
        if let store = workshop.store, imageName == nil {
            store.restore(snapshot)
            imageName = store.currentName
        }
        if let state {
            readSwitches(state)
            readHealth(state)
        }
        stateFiles.watch(statePaths, readSince: time(nil))
        watchFiles()
    }

    /// Whether a path, which is empty for none, leads to the state directory, by whatever name.
    private func isState(_ path: String) -> Bool {
        guard let state, !path.isEmpty else { return state == nil && path.isEmpty }
        if path == absolutePath(state.path) { return true }
        var (own, other) = (stat(), stat())
        return stat(state.path, &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev
            && own.st_ino == other.st_ino
    }

    /// - Returns: whether what is drained or down is not what it was.
    private mutating func followState() -> Bool {
        let now = time(nil)
        var isRolloutNew = false
        if let state {
            let changes = stateFiles.changes()
            if changes.contains(state.switchFile) { readSwitches(state) }
            if changes.contains(state.healthFile) { readHealth(state) }
            isRolloutNew = changes.contains(state.rolloutFile)
            if isRolloutNew { rollouts.read(state, printError) }
        }
        let isRolloutMended = rollouts.retry(state, rolloutStore, at: milliseconds(), printError)
        // What has ended may be in force again when somebody sets the clock.
        let nowInForce = switches.filter { $0.isInForce(at: now) }
        let nowDown = Set(health?.down(at: now).keys ?? [:].keys)
        return nowInForce != inForce || nowDown != down || isRolloutNew || isRolloutMended
            || rollouts.hasOtherLimits(health, at: now)
            || snapshot.map { $0.limits(health, at: now) != limits } ?? false
    }

    private mutating func served() -> Serving? {
        let now = time(nil)
        inForce = switches.filter { $0.isInForce(at: now) }
        down = Set(health?.down(at: now).keys ?? [:].keys)
        let serving = snapshot.map { snapshot in
            let candidate = rollouts.candidate(
                for: snapshot, rolloutStore, switches: switches, health: health, at: now, printError)
            return Serving(snapshot, switches: switches, health: health, at: now, candidate: candidate)
        }
        unknownAreas = serving?.unknownAreas ?? []
        limits = serving?.limits ?? Limits()
        return serving
    }

    /// Where the image of a rollout is, whether this process shares images or not; `nil` if it serves a file that stands for itself.
    var rolloutStore: ImageStore? {
        guard workshop.request.image == nil, let state else { return nil }
        return ImageStore(of: workshop.request.configuration, overrides: workshop.request.databases, in: state)
    }

    private var statePaths: Set<String> { (state?.sharedFiles ?? []).union(workshop.newsFiles) }

    /// Whether the image has records in the form that the pdns takes that asks.
    private func fits(_ manifest: Manifest) -> Bool {
        manifest.dialect == 0 || (manifest.dialect == 2) == (RecordDialect.asking == .since5_1)
    }

    /// Reads the switches; what cannot be trusted changes nothing.
    private mutating func readSwitches(_ state: StateDirectory) {
        do throws(StateDirectory.Failure) {
            let found = try state.switches()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            // What is gone was not taken back: whoever does that leaves a file.
            if let value = found.value {
                (switches, switchIdentity) = (value, found.identity)
                log.debug("read the switches", metadata: ["count": .stringConvertible(value.count)])
            }
        } catch {
            log.error("\(error); the switches stay as they are")
        }
    }

    /// Reads the health; what cannot be trusted changes nothing, and nothing is forgotten because it is not spoken of.
    private mutating func readHealth(_ state: StateDirectory) {
        do throws(StateDirectory.Failure) {
            let found = try state.health()
            if let diagnostic = found.diagnostic { log.warning("\(diagnostic)") }
            guard var newer = found.value else { return }
            if let known = health { newer.complete(from: known) }
            health = newer
            log.debug(
                "read the health",
                metadata: [
                    "targets": .stringConvertible(newer.states.count),
                    "age_s": .stringConvertible(time(nil) - newer.time),
                ])
        } catch {
            log.error("\(error); the health of all addresses stays as it is")
        }
    }
}
