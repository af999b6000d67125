import DNS
import Glibc
import Platform

/// What a coprocess tells of itself, once a second, in a file of its own.
public struct CoprocessStatus: Sendable {
    public var process: Int
    /// When the process was started, in clock ticks since the machine was: field 22 of proc_pid_stat(5), which tells it from a
    /// later one of the same number. `nil` without /proc.
    package var startTicks: Int?
    /// In seconds since 1970.
    public var started: Int
    /// When it told this, in seconds since 1970.
    public private(set) var told: Int
    /// How many questions it has answered.
    public var questions: Int
    /// When what it answers from was loaded, in seconds since 1970; `nil` if it has nothing to answer from.
    public var loaded: Int?
    /// The content id of the image that it answers from; `nil` if it has none.
    public var image: String?
    /// The `identity` of the switches that it answers by; `nil` if it has nothing to answer from, if nothing was ever switched, or
    /// if it is of a version that does not tell.
    public var switches: String?
    /// The same of the rollout; `nil` also if it cannot be followed.
    public var rollout: String?
    /// What was counted under the rollout that runs; `nil` if none does, or it cannot be followed.
    public var rolloutTally: RolloutTotals?
    /// The configuration's file.
    public var configuration: String
    /// The absolute path of the image's file, if it serves that and compiles nothing (`backend --image`).
    public var imageFile: String?
    /// The name of the folder of images that it follows: see `ImageStore.name`. `nil` if it serves a file, has no state directory, or
    /// is of a version that does not tell.
    public var images: String?
    /// Tells the file of the program that it runs from others, see `fileIdentity`; `nil` without /proc. Others may not be allowed
    /// to look: pdns may have rights that its coprocesses inherit.
    public var program: String?
    /// Tells the PID namespace in which it has its number from others: see pid_namespaces(7). `nil` without /proc.
    package var namespace: String?
    /// When the databases were built that what it answers from was made from.
    public var databases: [DatabaseBuild] = []
    /// What is wrong with what was to be loaded last. Empty if nothing is.
    public var diagnostics: [String]
    /// Why the last program that was to take over does not; absent if none was refused.
    public var refusal: Refusal?
    /// The program's version.
    public var version: String

    /// A takeover that came to nothing.
    public struct Refusal: Sendable {
        /// How many there were until then.
        public var count: Int
        public var reason: String

        package init(count: Int, reason: String) {
            self.count = count
            self.reason = reason
        }
    }

    /// The status of this process.
    package init(configuration: String) {
        process = Int(getpid())
        startTicks = processBirth(getpid())
        namespace = ownNamespace()
        program = fileIdentity("/proc/self/exe")
        started = time(nil)
        told = started
        questions = 0
        // Commands look for it from other folders.
        self.configuration = absolutePath(configuration)
        diagnostics = []
        version = geopipeVersion
    }

    /// Whether it follows the images of a store, and its rollouts: it has the configuration by the same path, and the same databases in
    /// place of the configured ones. True for one of a version that does not tell.
    public func follows(_ store: ImageStore) -> Bool {
        imageFile == nil && images.map { ImageStore.isSame($0, store.name) } ?? true
    }

    /// Whether its number means the same process to this one.
    public var isInOwnNamespace: Bool { namespace == nil || namespace == ownNamespace() }

    /// Whether a process was started when this one was, so that it is not another one that has got its number.
    public func isBirth(of process: pid_t) -> Bool { startTicks == nil || startTicks == processBirth(process) }

    /// The number of complaints that are told.
    private static let complaintLimit = 20

    /// A line for each field: its name, a tab, and what it is.
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

    /// Reads what `text` wrote; `nil` if it is anything else. What would control a terminal has marks in its place: root reads it,
    /// and another user wrote it.
    ///
    /// - Parameter told: when that was, in seconds since 1970.
    init?(_ text: String, told: Int) {
        self.told = told
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

    /// Tells the status of this process. It need not last.
    package func tell(_ status: CoprocessStatus) throws(Failure) {
        try make()
        try make(coprocessFolder)
        try write(status.text, to: "\(coprocessFolder)/\(status.process)", isDurable: false)
    }

    /// Tells that the status of this process is what it was, which costs no more than a look at the file.
    ///
    /// - Returns: false if the file is not there any more.
    package func tellNothingNew(process: Int) -> Bool {
        utimensat(AT_FDCWD, "\(coprocessFolder)/\(process)", nil, 0) == 0
    }

    /// What the coprocesses that run have told. The files of those that are gone are removed, where that is allowed.
    public func coprocesses() -> [CoprocessStatus] { (try? knownCoprocesses())?.statuses ?? [] }

    /// What the coprocesses that run have told, and the numbers of those of which that cannot be understood.
    ///
    /// - Throws: if it cannot be told which there are. A folder that is not there has none.
    public func knownCoprocesses() throws(Failure) -> (statuses: [CoprocessStatus], unreadable: [Int]) {
        try asOwner(coprocessesAsOwner)
    }

    /// What the coprocesses have told that serve a configuration, by whatever path.
    public func coprocesses(of configuration: String) -> [CoprocessStatus] {
        let file = realPath(configuration)
        return coprocesses().filter { realPath($0.configuration) == file }
    }

    /// When the databases were built that coprocesses answer from, by path; of those that differ the oldest.
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
            let told = (try? read(file)).flatMap { CoprocessStatus($0, told: status.st_mtim.tv_sec) }
            // In another namespace its number is another process's here, or none's: all that is known is when it told last.
            if let told, let other = told.namespace, let own, other != own {
                if time(nil) - status.st_mtim.tv_sec < Self.silenceInOtherNamespace { found.append(told) }
                continue
            }
            if kill(process, 0) != 0, errno == ESRCH {
                unlink(file)
                continue
            }
            guard let told, told.process == process else {
                unreadable.append(Int(process))
                continue
            }
            // A number is given to another process when it is free again.
            if let startTicks = told.startTicks, let other = processBirth(process), startTicks != other {
                unlink(file)
            } else {
                found.append(told)
            }
        }
        return (found.sorted { $0.process < $1.process }, unreadable.sorted())
    }

    /// Seconds for which a coprocess counts that has another PID namespace, as in a container, and tells nothing.
    private static let silenceInOtherNamespace = 60
}

/// Tells the file at a path from all others that there are: its device and its inode. `nil` if that cannot be found out.
public func fileIdentity(_ path: String) -> String? {
    var status = stat()
    return stat(path, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : nil
}

/// What tells the PID namespace of this process from others; `nil` if /proc does not say.
func ownNamespace() -> String? {
    var target = [UInt8](repeating: 0, count: 64)
    let count = target.withUnsafeMutableBytes {
        readlink("/proc/self/ns/pid", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
    }
    return count > 0 ? String(decoding: target[..<count], as: UTF8.self) : nil
}

/// When a process was started, in clock ticks since the machine was; `nil` if /proc does not say.
private func processBirth(_ process: pid_t) -> Int? {
    guard let file = fopen("/proc/\(process)/stat", "re") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    let text = String(decoding: bytes.prefix(count), as: UTF8.self)
    // The name, field 2, may have spaces and parentheses of its own.
    guard let name = text.lastIndex(of: ")") else { return nil }
    let fields = text[name...].split(separator: " ")
    return fields.count > 20 ? Int(fields[20]) : nil
}

/// The path with no links in it; as it is if there is no such file.
package func realPath(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return absolutePath(path) }
    defer { free(resolved) }
    return String(cString: resolved)
}
