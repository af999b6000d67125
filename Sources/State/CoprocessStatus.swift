import DNS
import Glibc
import Platform

/// The status that a coprocess writes to its own file, once a second.
public struct CoprocessStatus: Sendable {
    public var process: Int
    /// When the process was started, in clock ticks since boot: field 22 of proc_pid_stat(5). It distinguishes the
    /// process from a later one with the same number. `nil` without /proc.
    package var startTicks: Int?
    /// In seconds since 1970.
    public var started: Int
    /// When the status was written, in seconds since 1970.
    public private(set) var reportedAt: Int
    /// The number of answered questions.
    public var questions: Int
    /// When its image was loaded, in seconds since 1970; `nil` if it has none.
    public var loaded: Int?
    /// The content id of its image; `nil` if it has none.
    public var image: String?
    /// The `identity` of the switches in use; `nil` without an image, if nothing was ever switched, or if its version
    /// does not report it.
    public var switches: String?
    /// The `identity` of the rollout that it follows; `nil` if there is none, or it cannot be followed.
    public var rollout: String?
    /// The counts of the running rollout; `nil` if none runs, or it cannot be followed.
    public var rolloutTally: RolloutTotals?
    /// The configuration's file.
    public var configuration: String
    /// The absolute path of the image file of `backend --image`; `nil` otherwise.
    public var imageFile: String?
    /// The name of the folder of images that it follows: see `ImageStore.name`. `nil` with `backend --image`, without
    /// a state directory, or if its version does not report it.
    public var images: String?
    /// The identity of its program file, see `fileIdentity`; `nil` without /proc. The process reports it, since
    /// another process may not be allowed to read it: coprocesses inherit capabilities from pdns.
    public var program: String?
    /// The identity of its PID namespace (pid_namespaces(7)); `nil` without /proc.
    package var namespace: String?
    /// The databases that its image was compiled from, with their build times.
    public var databases: [DatabaseBuild] = []
    /// The errors of the last compilation and of the state. Empty if there are none.
    public var diagnostics: [String]
    /// Why the last takeover failed; `nil` if none has.
    public var refusal: Refusal?
    /// The program's version.
    public var version: String

    /// A failed takeover.
    public struct Refusal: Sendable {
        /// The number of failed takeovers so far.
        public var count: Int
        public var reason: String

        package init(count: Int, reason: String) {
            self.count = count
            self.reason = reason
        }
    }

    /// Makes the status of this process.
    package init(configuration: String) {
        process = Int(getpid())
        startTicks = processBirth(getpid())
        namespace = ownNamespace()
        program = fileIdentity("/proc/self/exe")
        started = time(nil)
        reportedAt = started
        questions = 0
        // Absolute, because commands run in other folders.
        self.configuration = absolutePath(configuration)
        diagnostics = []
        version = geopipeVersion
    }

    /// Returns whether it follows the images and rollouts of a store: the paths of its configuration and of the
    /// databases on its command line are the same. True if its version does not report this.
    public func follows(_ store: ImageStore) -> Bool {
        imageFile == nil && images.map { ImageStore.isSame($0, store.name) } ?? true
    }

    /// Whether its process number is valid in the PID namespace of this process.
    public var isInOwnNamespace: Bool { namespace == nil || namespace == ownNamespace() }

    /// Returns whether a process has the start time of this status, so that it is not a later one with the same
    /// number.
    public func isBirth(of process: pid_t) -> Bool { startTicks == nil || startTicks == processBirth(process) }

    /// The maximum number of diagnostic lines in a status.
    private static let complaintLimit = 20

    /// A line for each field: its name, a tab and its value.
    package var text: String {
        let lines = [
            "process\t\(process)", "birth\t\(startTicks.map { "\($0)" } ?? "")", "started\t\(started)",
            "questions\t\(questions)",
            "loaded\t\(loaded.map { "\($0)" } ?? "")", "configuration\t\(configuration)", "version\t\(version)",
            "image\t\(image ?? "")", "file\t\(imageFile ?? "")", "namespace\t\(namespace ?? "")",
            "switches\t\(switches ?? "")", "program\t\(program ?? "")", "rollout\t\(rollout ?? "")",
            "images\t\(images ?? "")",
        ]
        let counts = (rolloutTally?.lines ?? []).map { "tally\t" + $0.joined(separator: "\t") }
        let refusals =
            refusal.map { ["refusals\t\($0.count)", "refusal\t\($0.reason.replacing("\n", with: " "))"] } ?? []
        let databases = databases.map {
            "database\t\($0.built.map { "\($0)" } ?? "")\t\($0.database.replacing("\n", with: " "))"
        }
        let all = diagnostics.flatMap { $0.split(separator: "\n") }
        let rest = all.count > Self.complaintLimit ? ["complaint\t... and \(all.count - Self.complaintLimit) more"] : []
        let diagnostics = all.prefix(Self.complaintLimit).map { "complaint\t\($0)" } + rest
        return (lines + databases + refusals + counts + diagnostics + ["end"]).map { $0 + "\n" }.joined()
    }

    /// Reads what `text` wrote; `nil` if it is malformed. Control characters are replaced with visible marks, because
    /// root may print what another user wrote.
    ///
    /// - Parameter reportedAt: when it was written, in seconds since 1970.
    init?(_ text: String, reportedAt: Int) {
        self.reportedAt = reportedAt
        var fields: [Substring: String] = [:]
        func number(_ field: String) -> Int? { State.number(ofField: field) }
        diagnostics = []
        var lines = text.split(separator: "\n")
        guard lines.popLast() == "end" else { return nil }
        for line in lines {
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            if parts[0] == "complaint" {
                diagnostics.append(visible(String(parts[1])))
            } else if parts[0] == "database" {
                let words = parts[1].split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
                guard words.count == 2 else { return nil }
                databases.append(DatabaseBuild(database: visible(String(words[1])), built: number(String(words[0]))))
            } else if parts[0] == "tally" {
                let words = parts[1].split(separator: "\t", omittingEmptySubsequences: false)
                rolloutTally = rolloutTally ?? RolloutTotals()
                rolloutTally!.take(words.map { visible(String($0)) })
            } else {
                fields[parts[0]] = visible(String(parts[1]))
            }
        }
        guard let process = fields["process"].flatMap({ Int($0) }),
            let started = fields["started"].flatMap(number),
            let questions = fields["questions"].flatMap(number), let loaded = fields["loaded"],
            let configuration = fields["configuration"], let version = fields["version"]
        else { return nil }
        self.process = process
        startTicks = fields["birth"].flatMap { Int($0) }
        self.started = started
        self.questions = questions
        self.loaded = number(loaded)
        self.configuration = configuration
        self.version = version
        func value(_ name: Substring) -> String? { fields[name].flatMap { $0.isEmpty ? nil : $0 } }
        image = value("image")
        imageFile = value("file")
        images = value("images")
        namespace = value("namespace")
        switches = value("switches")
        rollout = value("rollout")
        program = value("program")
        if let count = fields["refusals"].flatMap({ Int($0) }), let reason = fields["refusal"] {
            refusal = Refusal(count: count, reason: reason)
        }
    }
}

extension StateDirectory {
    private var coprocessFolder: String { path + "/coprocesses" }

    /// Writes the status of this process. It need not survive a crash of the machine.
    package func tell(_ status: CoprocessStatus) throws(Failure) {
        try make()
        try make(coprocessFolder)
        try write(status.text, to: "\(coprocessFolder)/\(status.process)", isDurable: false)
    }

    /// Refreshes the time of this process's status, which is unchanged: one system call.
    ///
    /// - Returns: false if the file is gone.
    package func tellNothingNew(process: Int) -> Bool {
        utimensat(AT_FDCWD, "\(coprocessFolder)/\(process)", nil, 0) == 0
    }

    /// Returns the statuses of the running coprocesses. Removes the files of ended ones, if that is permitted.
    public func coprocesses() -> [CoprocessStatus] { (try? knownCoprocesses())?.statuses ?? [] }

    /// Returns the statuses of the running coprocesses, and the process numbers of those whose status is malformed.
    ///
    /// - Throws: if the folder cannot be read. A missing folder counts as empty.
    public func knownCoprocesses() throws(Failure) -> (statuses: [CoprocessStatus], unreadable: [Int]) {
        try asOwner(coprocessesAsOwner)
    }

    /// Returns the statuses of the coprocesses that serve a configuration, compared by its real path.
    public func coprocesses(of configuration: String) -> [CoprocessStatus] {
        let file = realPath(configuration)
        return coprocesses().filter { realPath($0.configuration) == file }
    }

    /// Returns the build times of the databases in use, by path. If coprocesses differ, the oldest applies.
    public func databaseBuilds() -> [DatabaseBuild] {
        var builds: [String: Int] = [:]
        for build in coprocesses().flatMap(\.databases) {
            if let built = build.built { builds[build.database] = min(built, builds[build.database] ?? .max) }
        }
        return builds.sorted { $0.key < $1.key }.map { DatabaseBuild(database: $0.key, built: $0.value) }
    }

    private func coprocessesAsOwner() throws(Failure) -> (statuses: [CoprocessStatus], unreadable: [Int]) {
        guard let folder = opendir(coprocessFolder) else {
            if errno == ENOENT { return ([], []) }
            throw Failure("read", coprocessFolder)
        }
        defer { closedir(folder) }
        let own = ownNamespace()
        var found: [CoprocessStatus] = []
        var unreadable: [Int] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
            }
            guard let process = pid_t(name), process > 0 else { continue }
            let file = "\(coprocessFolder)/\(name)"
            var status = stat()
            guard stat(file, &status) == 0 else { continue }
            let published = (try? read(file)).flatMap { CoprocessStatus($0, reportedAt: status.st_mtim.tv_sec) }
            // The number of a process in another namespace means nothing here, so only the time of its last status
            // counts.
            if let published, let other = published.namespace, let own, other != own {
                if time(nil) - status.st_mtim.tv_sec < Self.silenceInOtherNamespace { found.append(published) }
                continue
            }
            if kill(process, 0) != 0, errno == ESRCH {
                unlink(file)
                continue
            }
            guard let published, published.process == process else {
                unreadable.append(Int(process))
                continue
            }
            // The kernel reuses the numbers of ended processes.
            if let startTicks = published.startTicks, let other = processBirth(process), startTicks != other {
                unlink(file)
            } else {
                found.append(published)
            }
        }
        return (found.sorted { $0.process < $1.process }, unreadable.sorted())
    }

    /// How long a coprocess in another PID namespace, such as a container's, counts as running after its last status,
    /// in seconds.
    private static let silenceInOtherNamespace = 60
}

/// Returns the identity of the file at a path: its device and its inode. `nil` if it cannot be read.
public func fileIdentity(_ path: String) -> String? {
    var status = stat()
    return stat(path, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : nil
}

/// Returns the identity of this process's PID namespace; `nil` without /proc.
func ownNamespace() -> String? {
    var target = [UInt8](repeating: 0, count: 64)
    let count = target.withUnsafeMutableBytes {
        readlink("/proc/self/ns/pid", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
    }
    return count > 0 ? String(decoding: target[..<count], as: UTF8.self) : nil
}

/// Returns when a process was started, in clock ticks since boot; `nil` if /proc does not say.
private func processBirth(_ process: pid_t) -> Int? {
    guard let file = fopen("/proc/\(process)/stat", "re") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    let text = String(decoding: bytes.prefix(count), as: UTF8.self)
    // The name, field 2, may contain spaces and parentheses.
    guard let name = text.lastIndex(of: ")") else { return nil }
    let fields = text[name...].split(separator: " ")
    return fields.count > 20 ? Int(fields[20]) : nil
}

/// Returns a path without symbolic links; the absolute path if there is no such file.
package func realPath(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return absolutePath(path) }
    defer { free(resolved) }
    return String(cString: resolved)
}
