import Foundation

/// A program that is installed on the system.
package struct Tool {
    package struct Missing: Error, CustomStringConvertible {
        let name: String
        package var description: String { "\(name) is not installed; `make test` installs it" }
    }

    package let path: String

    package init(path: String) { self.path = path }

    /// Finds a program in PATH, /usr/sbin and /sbin, which ordinary users do not have in PATH.
    package init(_ name: String) throws {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin"
        let paths = folders.split(separator: ":").map { "\($0)/\(name)" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else { throw Missing(name: name) }
        self.path = path
    }

    /// Starts the program under timeout(1), so that it ends by itself if a test crashes or forgets it.
    package func start(_ arguments: [String], seconds: Int, output: Any) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: try Tool("timeout").path)
        process.arguments = ["--kill-after=5", "\(seconds)", path] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        // Threads of tests block most signals, also SIGTERM, and children inherit the mask.
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
        try process.run()
        return process
    }

    /// Runs the program to its end. Returns its output and its exit status, which is 124 if it took longer than 30 s.
    package func run(_ arguments: [String]) throws -> (output: String, status: Int32) {
        let pipe = Pipe()
        let process = try start(arguments, seconds: 30, output: pipe)
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (String(decoding: output, as: UTF8.self), process.terminationStatus)
    }
}

/// Returns the child processes of `parent` that still run.
package func children(of parent: pid_t) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
        .filter { status(of: $0)?.parent == parent }
}

package func isRunning(_ process: pid_t) -> Bool {
    status(of: process) != nil
}

/// Whether a signal such as SIGSTOP has stopped a process.
package func isStopped(_ process: pid_t) -> Bool { status(of: process)?.state == "T" }

/// Returns the parent and the state of a process, from /proc/PID/stat; `nil` if the process has ended, also if it is
/// a zombie.
private func status(of process: pid_t) -> (parent: pid_t, state: String)? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[name...].split(separator: " ")
    guard fields[1] != "Z", let parent = pid_t(fields[2]) else { return nil }
    return (parent, String(fields[1]))
}

/// Waits until `condition` is true; false if that takes longer than `limit`.
package func eventually(within limit: Duration = .seconds(15), _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { return false }
        usleep(10_000)
    }
    return true
}
