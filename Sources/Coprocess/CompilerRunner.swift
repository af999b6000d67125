import Answering
import CLinux
import Compiler
import DNS
import Glibc
import Image
import Logging
import Platform
import State

/// Runs the compiler, and finds the images that other processes have compiled.
///
/// With a folder for images, the process that holds the lock compiles for all. Without one, each coprocess starts a
/// compiler that writes the image into an anonymous file of the coprocess.
struct CompilerRunner: ~Copyable {
    let request: CompileRequest
    /// Where images are shared; `nil` if they are not.
    private(set) var store: ImageStore?
    /// The last known report. `readReport` updates it, which may be slow if there are many input files.
    private(set) var report: CompileReport?
    private var running: Running?
    /// The descriptor of this process's own image; -1 if images are shared.
    private var ownImage: CInt = -1
    /// When the lock was first seen held for too long, in milliseconds of the monotonic clock.
    private var stuckSince: Int?

    private struct Running {
        var process: CompilerProcess
        var lock: CInt
        /// In nanoseconds since 1970.
        var start: Int
        /// The states of the known input files when it was started.
        var states: [String: FileState]
        var image: CInt = -1
        var report: CInt = -1
    }

    /// - Parameter state: the state directory, in which images are shared if possible.
    init(_ request: CompileRequest, state: StateDirectory?) {
        self.request = request
        guard request.image == nil else {
            store = nil
            return
        }
        let store = state.map { ImageStore(of: request.configuration, overrides: request.databases, in: $0) }
        let isUsable = store.map { store in (try? store.make()) != nil && store.isWritable && store.canLock } ?? false
        self.store = isUsable ? store : nil
    }

    deinit { if ownImage >= 0 { close(ownImage) } }

    /// Stops sharing images: this process compiles its own from now on.
    mutating func stopSharing() {
        store = nil
        report = nil
    }

    /// The paths that change when there is a new image or report.
    var changingFiles: Set<String> { store.map { [$0.reportFile, $0.currentLink] } ?? [] }

    /// Whether this process has a running compiler.
    var isRunning: Bool { running != nil }

    /// A descriptor that becomes readable when the compiler ends; -1 if there is none.
    var ending: CInt { running?.process.ending ?? -1 }

    /// Reads the report, which another process may have written.
    mutating func readReport() {
        if let store, let newer = store.report() { report = newer }
    }

    /// The result of starting a compiler.
    enum Start {
        case started
        /// Another process holds the lock and compiles.
        case held
        /// Another process holds the lock for longer than a compiler may run; what it is, and what to do.
        case stuck(String)
        /// The files on disk have been compiled already.
        case known
        case failed(String)
    }

    /// Starts a compiler, unless another is running, or the files on disk have been compiled already.
    ///
    /// - Parameters:
    ///   - isUrgent: whether no image is loaded, so that questions fail until it ends.
    ///   - requestedAt: when a compilation was requested, in nanoseconds since 1970. One that began earlier does not
    ///     fulfil the request. `nil` if changed files are the reason.
    ///   - states: the states of the known input files.
    ///   - log: sets the log level of the compiler.
    mutating func begin(isUrgent: Bool, requestedAt: Int?, states: [String: FileState], _ log: Logger) -> Start {
        guard running == nil else { return .held }
        guard request.image == nil else { return .known }
        var lock: CInt = -1
        if let store {
            try? store.make()
            lock = store.openLock()
            guard lock >= 0 else { return .failed("cannot lock \(store.folder): \(String(cString: strerror(errno)))") }
            guard ImageStore.take(lock) else {
                defer { close(lock) }
                return isStuck(lock) ? .stuck(Self.stuckText(lock, store)) : .held
            }
            stuckSince = nil
            readReport()
            if let report,
                requestedAt.map({ report.start > $0 && report.start <= wallClock() })
                    ?? (report.isCurrent && !isDue(report))
            {
                close(lock)
                return .known
            }
        }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var files: (image: CInt, report: CInt, previous: CInt)?
        if store == nil {
            files = (AnonymousFile.make("geopipe-image"), AnonymousFile.make("geopipe-report"), ownImage)
        }
        guard
            let process = CompilerProcess(
                request, isUrgent: isUrgent, lock: lock, images: store?.state.path, files: files,
                logLevel: log.logLevel)
        else {
            let reason = String(cString: strerror(errno))
            for descriptor in [lock, files?.image ?? -1, files?.report ?? -1] where descriptor >= 0 {
                close(descriptor)
            }
            return .failed("cannot start the compiler: \(reason)")
        }
        running = Running(
            process: process, lock: lock, start: now.tv_sec * 1_000_000_000 + now.tv_nsec, states: states,
            image: files?.image ?? -1, report: files?.report ?? -1)
        log.debug("started a compiler", metadata: ["pid": .stringConvertible(process.process)])
        return .started
    }

    /// Whether a process has held the lock for longer than a compiler may run. It may have been stopped.
    private mutating func isStuck(_ lock: CInt) -> Bool {
        guard ImageStore.age(ofLock: lock) > CompilerProcess.timeout + 10 else {
            stuckSince = nil
            return false
        }
        // The process that has just taken the lock may not have set its time yet.
        let since = stuckSince ?? milliseconds()
        stuckSince = since
        return milliseconds() - since >= 500
    }

    private static func stuckText(_ lock: CInt, _ store: ImageStore) -> String {
        let holder = ImageStore.holder(ofLock: lock).map { "process \($0)" } ?? "another process"
        return
            "\(holder) has held the lock \(store.folder)/lock for longer than a compiler may run; this coprocess compiles its own images until that process ends"
    }

    private func isDue(_ report: CompileReport) -> Bool { report.retryAt.map { $0 <= time(nil) } ?? false }

    /// Waits until the compiler has validated the configuration; false if it ends before.
    func waitForSoundness() -> Bool { running?.process.waitForSoundness() ?? false }

    /// The result of this process's compiler.
    enum Finish {
        /// None has ended.
        case none
        /// There is a report, and also the image if images are not shared.
        case reported(Snapshot?)
    }

    /// Checks whether this process's compiler has ended.
    ///
    /// - Parameter log: receives an error if the compiler failed.
    mutating func finish(_ log: Logger) -> Finish {
        guard let running, let ending = running.process.ended() else { return .none }
        self.running = nil
        log.debug(
            "the compiler has ended",
            metadata: [
                "ms": .stringConvertible((wallClock() - running.start) / 1_000_000), "how": .string("\(ending)"),
            ])
        defer { for descriptor in [running.lock, running.report] where descriptor >= 0 { close(descriptor) } }
        var reason: String?
        if case .failed(let words) = ending { reason = words }
        guard let store else { return .reported(finishAlone(running, reason, log)) }
        readReport()
        guard report?.start ?? 0 < running.start || report!.start > wallClock() else { return .reported(nil) }
        fail(running, reason ?? "the compiler ended without a report", log)
        if let report { try? store.write(report) }
        return .reported(nil)
    }

    /// Records that a compiler failed. It is tried again when a file changes, or after a while.
    private mutating func fail(_ running: Running, _ reason: String, _ log: Logger) {
        let diagnostic = "\(request.configuration): \(reason); what was loaded before stays in use"
        log.error("\(diagnostic)")
        var failed = CompileReport()
        failed.start = running.start
        failed.isCrash = true
        failed.diagnostics = [diagnostic]
        failed.inputs = running.states.map { ($0.key, $0.value.words) }.sorted { $0.0 < $1.0 }
        failed.missingSince = report?.missingSince ?? [:]
        // The cause may not be in the files: too little memory, for example.
        failed.retryAt = time(nil) + CompilerProcess.retryAfter
        report = failed
    }

    private mutating func finishAlone(
        _ running: Running, _ reason: String?, _ log: Logger
    ) -> Snapshot? {
        var snapshot: Snapshot?
        if reason == nil, let text = contents(of: running.report), let read = try? CompileReport(text) {
            report = read
            if read.image != nil {
                do {
                    let image = try Image(descriptor: running.image, name: "the image", owners: nil)
                    snapshot = try Snapshot(image)
                } catch {
                    fail(running, "\(error)", log)
                }
            }
        } else {
            fail(running, reason ?? "the compiler ended without a report", log)
        }
        if snapshot != nil {
            if ownImage >= 0 { close(ownImage) }
            ownImage = running.image
        } else {
            close(running.image)
        }
        return snapshot
    }
}

/// Returns the content of an open file as text.
private func contents(of descriptor: CInt) -> String? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = pread(descriptor, &chunk, chunk.count, off_t(bytes.count))
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return nil }
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
    }
}
