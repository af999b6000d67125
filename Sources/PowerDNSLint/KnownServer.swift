import CLinux
import DNS
import Glibc
import Platform

/// The pdns_server that settings are checked for: its version, and the settings that it knows.
public struct KnownServer: Sendable {
    public let version: ServerVersion
    /// The settings that it knows, with their defaults. Those of the pipe backend have the names for an instance
    /// without a name.
    let settings: [String: String]
    /// Whether the program itself has listed `settings`, so that the list is complete.
    let isExact: Bool
    /// A warning to the operator about the chosen version, if any.
    let remark: String?

    /// Describes a pdns of a version that the operator names.
    public init(version: ServerVersion) {
        self.version = version
        settings = KnownSettings.defaults(of: version)
        isExact = false
        let (oldest, newest) = (ServerVersion.known.first!, ServerVersion.known.last!)
        if version.major == 0 || version.isAtLeast(newest) && version.release != newest.release {
            remark = "geopipe knows no pdns \(version); this is for \(newest), the newest that it knows"
        } else if !version.isAtLeast(oldest) {
            remark = "geopipe knows no pdns \(version); this is for \(oldest), the oldest that it knows"
        } else {
            remark = nil
        }
    }

    /// Returns the installed pdns_server, or else the newest version that geopipe knows.
    public static func found() -> Self {
        installed() ?? Self(assumed: ServerVersion.known.last!)
    }

    private init(assumed version: ServerVersion) {
        self.version = version
        settings = KnownSettings.defaults(of: version)
        isExact = false
        remark =
            "no pdns_server is installed here; this is for pdns \(version), the newest that geopipe knows; name yours with --pdns-version"
    }

    /// Returns the first pdns_server in PATH or in the folders that packages use.
    ///
    /// - Parameter folders: the folders to search, in this order.
    static func installed(in folders: [String] = searchedFolders) -> Self? {
        for folder in folders where folder.hasPrefix("/") {
            let program = "\(folder)/pdns_server"
            guard access(program, X_OK) == 0, fileKind(program) == S_IFREG else { continue }
            if let server = Self(program: program) { return server }
        }
        return nil
    }

    static var searchedFolders: [String] {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        return path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"]
    }

    /// Asks a pdns_server for its version and its settings; `nil` if it does not print its version. With these options
    /// it does not serve.
    private init?(program: String) {
        guard let banner = output(of: program, ["--no-config", "--version"]),
            let text = banner.firstMatch(of: /PowerDNS Authoritative Server ([^ \n]+)/)?.1,
            let version = ServerVersion(String(text))
        else { return nil }
        let listed = (output(of: program, ["--no-config", "--launch=pipe", "--config=default"]) ?? "")
            .split(separator: "\n").compactMap { line in
                line.wholeMatch(of: /(?:# )?([a-z0-9][a-z0-9-]*)=(.*)/).map { (String($0.1), String($0.2)) }
            }
        // A pdns without the pipe backend lists nothing.
        let isList = listed.contains { $0.0 == "launch" } && listed.contains { $0.0 == "pipe-command" }
        self.version = version
        isExact = isList
        settings =
            isList ? Dictionary(listed, uniquingKeysWith: { $1 }) : KnownSettings.defaults(of: version)
        remark = isList ? nil : Self(version: version).remark
    }
}

/// Returns the output of a program to stdout and stderr; `nil` if it cannot be run, or has not ended after 5 s.
private func output(of program: String, _ arguments: [String]) -> String? {
    // A child of another thread must not keep the pipe open.
    var pipe: [CInt] = [-1, -1]
    guard pipe2(&pipe, O_CLOEXEC) == 0 else { return nil }
    let ends = (reading: pipe[0], writing: pipe[1])
    defer { close(ends.reading) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends.writing, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, ends.writing, STDERR_FILENO)
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for argument in argv { free(argument) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, program, &actions, nil, &argv, environ)
    close(ends.writing)
    guard failure == 0 else { return nil }
    defer {
        kill(process, SIGKILL)
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
    return readToEnd(of: ends.reading, within: .seconds(5))
}

/// Reads to the end of a pipe; `nil` if that takes longer than `time`, or if there are 4 MiB or more.
private func readToEnd(of descriptor: CInt, within time: Duration) -> String? {
    let deadline = ContinuousClock.now + time
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < 1 << 22 {
        let left = Int((deadline - .now) / .milliseconds(1))
        guard left > 0 else { return nil }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let ready = Glibc.poll(&poll, 1, CInt(left))
        if ready < 0, errno == EINTR { continue }
        guard ready > 0 else { return nil }
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
    }
    return nil
}
