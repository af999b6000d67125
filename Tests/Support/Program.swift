import Foundation

/// A program that is run to its end with an input that is known in advance.
///
/// Input and output are files, so that a program that reads slowly or not at all cannot block the test.
package struct Program {
    package struct Missing: Error, CustomStringConvertible {
        let name: String
        package var description: String { "\(name) is not installed; `make test` installs it" }
    }

    package struct Ending {
        package var output: [UInt8]
        package var error: String
        /// The exit status, or the signal number if `isKilled`.
        package var status: Int32
        package var isKilled: Bool
        package var tookTooLong: Bool { !isKilled && status == 124 }
    }

    package let path: String

    /// Finds a program in PATH, /usr/sbin and /sbin, which ordinary users do not have in PATH.
    ///
    /// - Parameter first: folders to look into before those of PATH.
    package init(_ name: String, in first: [String] = []) throws {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin"
        let paths = (first + folders.split(separator: ":").map(String.init)).map { "\($0)/\(name)" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else { throw Missing(name: name) }
        self.path = path
    }

    private init(path: String) { self.path = path }

    /// The geopipe that was built with the tests.
    package static let geopipe = Program(
        path: URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "geopipe").path)

    /// Runs the program under timeout(1) and with at most 4 GiB of address space, so that one that hangs or grows
    /// without end fails.
    package func run(_ arguments: [String], input: [UInt8] = [], in folder: Folder, seconds: Int = 120) throws -> Ending
    {
        let files = folder.unique("run")
        let (inputFile, outputFile, errorFile) = (files + ".in", files + ".out", files + ".err")
        try Data(input).write(to: URL(filePath: inputFile))
        for file in [outputFile, errorFile] { try Data().write(to: URL(filePath: file)) }
        let process = Process()
        process.executableURL = URL(filePath: try Program("timeout").path)
        // Give each coprocess a state directory of its own.
        let isCoprocess = arguments.first == "--config" && !arguments.contains("--state") && path.hasSuffix("/geopipe")
        process.arguments =
            ["--kill-after=5", "\(seconds)", try Program("prlimit").path, "--as=4294967296", "--core=0", path]
            + arguments + (isCoprocess ? ["--state", "\(folder.path)/state-of-coprocess"] : [])
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.standardInput = FileHandle(forReadingAtPath: inputFile)
        process.standardOutput = FileHandle(forWritingAtPath: outputFile)
        process.standardError = FileHandle(forWritingAtPath: errorFile)
        // Threads of tests block most signals, also the alarm of timeout(1), and children inherit the mask.
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
        try process.run()
        process.waitUntilExit()
        let output = Array(try Data(contentsOf: URL(filePath: outputFile)))
        let error = String(decoding: try Data(contentsOf: URL(filePath: errorFile)), as: UTF8.self)
        for file in [inputFile, outputFile, errorFile] { try FileManager.default.removeItem(atPath: file) }
        return Ending(
            output: output, error: error, status: process.terminationStatus,
            isKilled: process.terminationReason == .uncaughtSignal)
    }
}

/// A temporary folder, which is removed with this object unless `isKept` is set.
package final class Folder {
    package let path: String
    package var isKept = false
    private var count = 0

    package init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "geopipe-differential-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        if !isKept { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Returns a path in the folder that was not returned before.
    package func unique(_ name: String) -> String {
        count += 1
        return "\(path)/\(name)-\(count)"
    }

    /// Returns the text of a file for a message.
    package func text(of name: String) -> String {
        (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)) ?? "cannot be read: \(name)"
    }

    @discardableResult
    package func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }
}

/// Paths of the project.
package enum Project {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    package static let demonstration = "\(root)/examples/demo/demo.mmdb"
    package static let geoLite2City = "\(root)/data/GeoLite2-City.mmdb"
    package static var hasGeoLite2City: Bool { FileManager.default.fileExists(atPath: geoLite2City) }
}

/// The number of random tests, and their seed.
package enum Effort {
    /// The factor of the number of tests: GEOPIPE_ROUNDS=10 runs ten times the usual number.
    package static let rounds = max(1, Int(ProcessInfo.processInfo.environment["GEOPIPE_ROUNDS"] ?? "") ?? 1)
    /// The seed of random numbers, GEOPIPE_SEED=7. The same seed repeats the same tests.
    package static let seed = UInt64(ProcessInfo.processInfo.environment["GEOPIPE_SEED"] ?? "") ?? 1
}
