import Answering
import CLinux
import Compiler
import DNS
import Glibc
import Image
import Logging
import Platform
import State

/// Has images made, and finds those that other processes have made.
///
/// Where there is a folder for images, one process compiles for all: the one that holds the lock. Where there is none, each
/// has its own compiled, by a process that writes into memory of this one.
struct CompilerRunner: ~Copyable {
    let request: CompileRequest
    /// Where images are shared; `nil` if they are not.
    private(set) var store: ImageStore?
    /// What came of the last compilation, as far as is known: `readReport` reads it, which takes its time where files are many.
    private(set) var report: CompileReport?
    private var running: Running?
    /// The image of this process alone that is in force; -1 for none.
    private var ownImage: CInt = -1

    private struct Running {
        var process: CompilerProcess
        var lock: CInt
        /// In nanoseconds since 1970.
        var start: Int
        /// The states of the files that are known to matter, when it was started.
        var states: [String: FileState]
        var image: CInt = -1
        var report: CInt = -1
    }

    /// - Parameter state: where images are shared, if that is possible.
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

    /// Shares images no more: each process that does so has its own.
    mutating func workAlone() {
        store = nil
        report = nil
    }

    /// The folders and files that change when there is a new image or report.
    var newsFiles: Set<String> { store.map { [$0.reportFile, $0.currentLink] } ?? [] }

    /// Whether a compiler works for this process.
    var isWorking: Bool { running != nil }

    /// Becomes readable when that ends; -1 if there is no such thing.
    var ending: CInt { running?.process.ending ?? -1 }

    /// Reads the report, which another process may have written.
    mutating func readReport() {
        if let store, let newer = store.report() { report = newer }
    }

    /// What came of starting a compiler.
    enum Start {
        case started
        /// Another process compiles.
        case held
        /// What is on disk has been tried already.
        case known
        case failed(String)
    }

    /// Starts a compiler, unless another works, or what is on disk has been tried already.
    ///
    /// - Parameters:
    ///   - isUrgent: whether there is nothing to answer from as long as it works.
    ///   - orderedAt: when somebody ordered a compilation, in nanoseconds since 1970: one that began before does not count.
    ///     `nil` if it is wanted because of what is on disk.
    ///   - states: the states of the files that are known to matter.
    ///   - log: says how much the compiler is to log.
    mutating func begin(isUrgent: Bool, orderedAt: Int?, states: [String: FileState], _ log: Logger) -> Start {
        guard running == nil else { return .held }
        guard request.image == nil else { return .known }
        var lock: CInt = -1
        if let store {
            try? store.make()
            lock = store.openLock()
            guard lock >= 0 else { return .failed("cannot lock \(store.folder): \(String(cString: strerror(errno)))") }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                close(lock)
                return .held
            }
            readReport()
            if let report,
                orderedAt.map({ report.start > $0 && report.start <= wallClock() })
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

    private func isDue(_ report: CompileReport) -> Bool { report.retryAt.map { $0 <= time(nil) } ?? false }

    /// Waits until the configuration has been found sound; false if the compiler ends without that.
    func waitForSoundness() -> Bool { running?.process.waitForSoundness() ?? false }

    /// What came of the compiler that works for this process.
    enum Finish {
        /// None has ended.
        case none
        /// There is a report; with it, where images are not shared, comes the image.
        case reported(Snapshot?)
    }

    /// Looks whether the compiler that works for this process has ended.
    ///
    /// - Parameter log: gets to know of one that did not come to its end.
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

    /// Notes that a compiler did not come to its end. It is not tried again until something changes.
    private mutating func fail(_ running: Running, _ reason: String, _ log: Logger) {
        let diagnostic = "\(request.configuration): \(reason); what was loaded before stays in use"
        log.error("\(diagnostic)")
        var failed = CompileReport()
        failed.start = running.start
        failed.isCrash = true
        failed.diagnostics = [diagnostic]
        failed.inputs = running.states.map { ($0.key, $0.value.words) }.sorted { $0.0 < $1.0 }
        failed.missingSince = report?.missingSince ?? [:]
        // What ended it may have had nothing to do with the files: too little memory, say.
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

/// All that an open file holds, as text.
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
