import Foundation

/// A program of the system.
package struct Tool {
    package struct Missing: Error, CustomStringConvertible {
        let name: String
        package var description: String { "\(name) is not installed; `make test` installs it" }
    }

    package let path: String

    package init(path: String) { self.path = path }

    /// Finds it, in the folders for administrators as well: they are in no ordinary user's PATH.
    package init(_ name: String) throws {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin"
        let paths = folders.split(separator: ":").map { "\($0)/\(name)" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else { throw Missing(name: name) }
        self.path = path
    }

    /// Starts it under timeout(1): what is forgotten, or left behind by a test that crashed, ends by itself.
    package func start(_ arguments: [String], seconds: Int, output: Any) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: try Tool("timeout").path)
        process.arguments = ["--kill-after=5", "\(seconds)", path] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        // The threads that tests run on block most signals, SIGTERM too, and children inherit that.
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
        try process.run()
        return process
    }

    /// Runs it to its end; what it wrote and its exit status, which is 124 if it took too long.
    package func run(_ arguments: [String]) throws -> (output: String, status: Int32) {
        let pipe = Pipe()
        let process = try start(arguments, seconds: 30, output: pipe)
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (String(decoding: output, as: UTF8.self), process.terminationStatus)
    }
}

/// The processes that were started by `parent` and still run.
package func children(of parent: pid_t) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
        .filter { status(of: $0)?.parent == parent }
}

package func isRunning(_ process: pid_t) -> Bool {
    status(of: process) != nil
}

/// From /proc/PID/stat; nothing for a process that is gone, or that only waits for its parent to take notice.
private func status(of process: pid_t) -> (parent: pid_t, state: String)? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[name...].split(separator: " ")
    guard fields[1] != "Z", let parent = pid_t(fields[2]) else { return nil }
    return (parent, String(fields[1]))
}

/// Whether `condition` comes true within the time limit.
package func eventually(within limit: Duration = .seconds(15), _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { return false }
        usleep(10_000)
    }
    return true
}
