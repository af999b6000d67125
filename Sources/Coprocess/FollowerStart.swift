import Answering
import DNS
import Glibc
import Image
import Platform
import State

/// Finding or compiling the first image.
extension Follower {
    /// Finds an image, or starts to compile one.
    ///
    /// - Returns: false if there is no image, and the configuration is unusable.
    mutating func prepare() -> Bool {
        if hasCandidate { return true }
        if adoptCurrent() { return true }
        return beginFirst()
    }

    /// Whether the image in force, or one before it, looks usable. Takes the same time for images of any size.
    var hasCandidate: Bool {
        guard compiler.request.image == nil, let store = compiler.store else { return false }
        return store.candidates.contains { path in
            !CrashRecord.isUnfit(image: path)
                && (try? CrashRecord.reading(image: path) {
                    try Image(path: path, owners: store.owners, isSummed: false)
                }) != nil
        }
    }

    /// Adopts the image in force, if there is one.
    mutating func adoptCurrent() -> Bool {
        if let file = compiler.request.image { return adopt(file: file) }
        guard let store = compiler.store else { return false }
        let name = store.currentName
        let found = store.current()
        images.isLost = found.snapshot == nil || !found.diagnostics.isEmpty
        for diagnostic in found.diagnostics where images.logged.insert(diagnostic).inserted {
            log.warning("\(diagnostic)")
        }
        guard let newer = found.snapshot else { return false }
        if found.diagnostics.isEmpty { images.logged = [] }
        images.name = name
        snapshot = newer
        return true
    }

    /// Adopts the image file of `backend --image`.
    mutating func adopt(file: String) -> Bool {
        images.fileState = FileState(file)
        do {
            snapshot = try Snapshot(path: file)
            return true
        } catch {
            log.error("\(error)")
            return false
        }
    }

    /// Starts to compile the first image, and waits until the compiler has validated the configuration.
    ///
    /// - Returns: false if the configuration is unusable.
    mutating func beginFirst() -> Bool {
        let file = compiler.request.configuration
        let end = milliseconds() + Self.greetingTimeout
        repeat {
            switch compiler.begin(isUrgent: true, requestedAt: requestedAt, states: [file: FileState(file)], log) {
            case .started:
                requestedAt = nil
                if compiler.waitForSoundness() { return true }
                while true {
                    if case .reported(let made) = compiler.finish(log) {
                        snapshot = made
                        return made != nil || adoptCurrent() || continueAlone()
                    }
                    usleep(1_000)
                }
            case .known: if let isAdopted = adoptKnown() { return isAdopted }
            case .failed(let reason):
                log.error("\(reason)")
                return false
            case .held: usleep(5_000)
            case .stuck(let reason): compileAlone(reason)
            }
        } while milliseconds() < end
        return true
    }

    /// Continues without the folder for images if the first one could not be written there, or the compiler crashed.
    mutating func continueAlone() -> Bool {
        guard let store = compiler.store, let report = compiler.report, report.isUnwritable || report.isCrash else {
            return false
        }
        log.warning(
            report.isCrash
                ? "compiling once more, for this coprocess alone"
                : "cannot keep images in \(store.folder); this coprocess compiles its own until it can"
        )
        compiler.stopSharing()
        return true
    }

    /// Continues without the folder for images, because another process keeps its lock.
    mutating func compileAlone(_ reason: String) {
        log.error("\(reason)")
        compiler.stopSharing()
        rejoinPause.begin()
    }

    /// Adopts the image of the last compilation, or logs why there is none; `nil` if the image is lost and must be
    /// compiled again.
    mutating func adoptKnown() -> Bool? {
        if adoptCurrent() { return true }
        if compiler.request.image == nil, compiler.report?.image != nil {
            requestCompilation()
            return nil
        }
        if continueAlone() { return nil }
        for diagnostic in diagnostics { printError(diagnostic) }
        return false
    }

    /// How long the greeting waits for another process that compiles, in milliseconds: pdns waits two seconds for the
    /// greeting.
    static let greetingTimeout = 1_000

    /// Waits for the first image, which this process or another one compiles.
    mutating func waitForFirst() {
        while snapshot == nil {
            if case .reported(let made) = compiler.finish(log) {
                if let made {
                    snapshot = made
                } else if !adoptCurrent() {
                    guard continueAlone() else { return }
                }
                continue
            }
            if adoptCurrent() { return }
            if !compiler.isRunning {
                let file = compiler.request.configuration
                switch compiler.begin(isUrgent: true, requestedAt: requestedAt, states: [file: FileState(file)], log) {
                case .started: requestedAt = nil
                case .held: break
                case .stuck(let reason): compileAlone(reason)
                case .known: if adoptKnown() != nil { return }
                case .failed(let reason):
                    log.error("\(reason)")
                    return
                }
            }
            var request = pollfd(fd: compiler.ending, events: Int16(POLLIN), revents: 0)
            _ = poll(&request, 1, 5)
        }
    }

    /// Returns the first serving, and begins to watch files.
    mutating func start() -> Serving? {
        compiler.readReport()
        if let state {
            switches.read(state, log)
            health.read(state, log)
        }
        rollouts.read(state, printError)
        watchFiles()
        stateFiles.watch(statePaths, readSince: time(nil))
        compiler.store?.noteUse()
        // The image in force was unusable: compile it again for coprocesses that start.
        if !images.logged.isEmpty { requestCompilation() }
        if let snapshot {
            let manifest = snapshot.manifest
            let isFixed = compiler.request.image != nil
            if !isFixed, manifest.program != geopipeVersion || !fits(manifest) { requestCompilation() }
            if !isFixed, !snapshot.isCurrent {
                log.notice(
                    "answering from the image of \(dateAndTime(manifest.created)) until the files that have changed since are compiled"
                )
            }
        }
        return served()
    }

    /// Requests a compilation, even if no file seems to have changed.
    mutating func requestCompilation() {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        requestedAt = now.tv_sec * 1_000_000_000 + now.tv_nsec
    }
}
