import Answering
import Configuration
import Glibc
import Image
import Logging
import Platform
import State

/// Where a compiler writes its image and its report for the coprocess that started it.
public enum CoprocessRole: String, CaseIterable, Sendable {
    /// Into the folder of images.
    case folder
    /// Into inherited open files.
    case descriptors
    /// Into inherited open files, of which another one holds the image in force.
    case descriptorsWithPrevious = "descriptors-with-previous"
}

/// The work of a compiler process that a coprocess has started.
public enum CompileTask {
    /// Compiles, logs the diagnostics, and writes a report.
    ///
    /// - Parameters:
    ///   - images: the state directory that the images are in; `nil` if the role needs none.
    ///   - isUrgent: whether the coprocess has no image to answer from until the compiler ends.
    ///   - log: receives the diagnostics.
    public static func run(
        _ request: CompileRequest, _ role: CoprocessRole, images: String?, isUrgent: Bool, log: Logger
    ) {
        let start = nanoseconds()
        CompilerProcess.prepareSelf(isUrgent: isUrgent)
        StandardError.limitWait(milliseconds: 2_000)
        let store = images.map {
            ImageStore(of: request.configuration, overrides: request.databases, in: StateDirectory(path: $0))
        }
        let previous = role == .descriptorsWithPrevious ? inheritedSnapshot() : store?.current().snapshot
        var outcome = Compilation(request, previous: previous, previousReport: store?.report()).run(
            isSound: { _ = write(CompilerProcess.Inherited.soundness, "+", 1) })
        for diagnostic in DiagnosticList(outcome.diagnostics).sorted(main: request.configuration) {
            log.log(level: diagnostic.severity.logLevel, "\(diagnostic.description)")
        }
        do throws(StateDirectory.Failure) {
            if let image = outcome.image {
                if let store {
                    try store.publish(image)
                } else {
                    try writeAll(image.bytes, to: CompilerProcess.Inherited.image, "the image")
                }
            }
        } catch {
            let diagnostic = "\(request.configuration): \(error)"
            log.error("\(diagnostic)")
            outcome.image = nil
            outcome.report.image = nil
            outcome.report.isUnwritable = true
            outcome.report.retryAt = Int(time(nil)) + CompilerProcess.retryAfter
            outcome.report.diagnostics.append(diagnostic)
        }
        if outcome.image == nil, previous != nil { log.warning("what was loaded before stays in use") }
        do throws(StateDirectory.Failure) {
            if let store {
                try store.write(outcome.report)
            } else {
                try writeAll(outcome.report.text, to: CompilerProcess.Inherited.report, "the report")
            }
        } catch {
            log.error("\(error)")
        }
        log.debug(
            "compiled \(request.configuration)",
            metadata: [
                "image": .string(outcome.image?.id ?? "none"),
                "bytes": .stringConvertible(outcome.image?.bytes.count ?? 0),
                "ms": .stringConvertible((nanoseconds() - start) / 1_000_000),
            ])
    }

    private static func inheritedSnapshot() -> Snapshot? {
        let image = try? Image(descriptor: CompilerProcess.Inherited.previous, name: "the image", owners: nil)
        return image.flatMap { try? Snapshot($0) }
    }
}

extension Diagnostic.Severity {
    /// The level of a log line with a diagnostic of this severity.
    fileprivate var logLevel: Logger.Level {
        switch self {
        case .error: .error
        case .warning: .warning
        case .note: .notice
        }
    }
}
