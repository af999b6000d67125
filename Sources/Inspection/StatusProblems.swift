import Answering
import Configuration
import Glibc
import Platform
import State

extension Status {
    /// A problem that needs an operator.
    public struct Problem: Sendable {
        public var severity: Severity
        public var kind: Kind
        /// What is wrong, in words.
        public var message: String
        /// What to do; absent if that is in the message or obvious.
        public var hint: String?

        public enum Severity: String, Sendable {
            /// Needs an operator now: `geopipe status` exits 1.
            case error
            /// Needs an operator at some time.
            case warning
        }

        /// The kind of a problem, for programs.
        public enum Kind: String, Sendable {
            /// The configuration, a zone file or a database on disk has errors.
            case configuration
            /// A zone is served with older content, or not at all.
            case zone
            case image
            /// The switch file cannot be read.
            case switches
            /// The rollout was aborted automatically, or is not in force everywhere.
            case rollout
            /// The agent's report cannot be read, or is old.
            case healthReport = "health_report"
            /// Agents of other servers cannot be read.
            case vantage
            case coprocess
            /// All addresses of a service are down.
            case service
            /// A service has less than its quorum up in a datacenter.
            case datacenter
            /// Some addresses are down, but the quorum is up.
            case addresses
            case database
        }
    }
}

extension Status {
    /// Returns the message that the files of a rollout are gone, with its last step in the history.
    public static func lostWords(_ last: HistoryEntry) -> String {
        "the files of the rollout \(last.datacenter) are gone; \(last.who) took its last step at \(dateAndTime(last.time)), and it was not ended: all clients get the image in force"
    }
}

/// Finds problems, part by part.
struct ProblemFinder {
    private let file: String
    private let time: Int
    private var problems: [Status.Problem] = []
    /// The diagnostics of compilations that are covered by the problems.
    private var said: Set<String> = []
    /// The zones reported with errors.
    private var unusableZones: [String] = []

    /// The age from which a status is old, in seconds: a healthy coprocess has written several, and adopted a new
    /// image.
    private static let patience = 10
    /// The time in which a changed file must have been compiled, in seconds: a compiler may take 120 s.
    private static let compilePatience = 180
    /// The age from which a database is old, in seconds: vendors publish new ones weekly or monthly.
    private static let databasePatience = 45 * 86_400
    /// The maximum number of problems of one part.
    private static let limit = 20
    /// The maximum number of errors of one zone.
    private static let zoneLimit = 5

    init(file: String, time: Int) {
        self.file = file
        self.time = time
    }

    /// The problems, errors first, otherwise in the order of detection.
    var sorted: [Status.Problem] {
        problems.filter { $0.severity == .error } + problems.filter { $0.severity == .warning }
    }

    private mutating func add(
        _ kind: Status.Problem.Kind, _ message: String, hint: String? = nil,
        severity: Status.Problem.Severity = .error
    ) {
        guard !problems.contains(where: { $0.message == message }) else { return }
        problems.append(Status.Problem(severity: severity, kind: kind, message: message, hint: hint))
    }

    private mutating func add(_ kind: Status.Problem.Kind, _ messages: [String]) {
        for message in messages.prefix(Self.limit) { add(kind, message) }
        if messages.count > Self.limit {
            add(kind, "... and \(messages.count - Self.limit) more errors", hint: "geopipe check has all")
        }
    }

    private func ago(_ seconds: Int) -> String { "\(durationWords(time - seconds)) ago" }

    // MARK: - Files

    /// Returns the image in force.
    mutating func inspect(
        _ store: ImageStore, _ coprocesses: [CoprocessStatus]
    ) -> (summary: ImageSummary, since: Int)? {
        do {
            if let found = try store.currentSummary() { return found }
            // Coprocesses with `backend --image` need no image in force.
            for path in coprocesses.compactMap(\.imageFile) {
                var status = stat()
                guard stat(path, &status) == 0 else { continue }
                return (try ImageSummary(path: path, owners: store.owners), status.st_mtim.tv_sec)
            }
            // Without coprocesses, that is the problem to report.
            let paths = Set(coprocesses.filter { $0.imageFile == nil && !$0.follows(store) }.map(\.configuration))
            if !paths.isEmpty, !coprocesses.contains(where: { $0.follows(store) }) {
                add(
                    .image,
                    "no image of \(file) is in force: coprocesses run with the same file by another path, or with other databases",
                    hint: "write --config \(paths.sorted().joined(separator: " or ")), and --database as they have it")
            } else if coprocesses.contains(where: { $0.imageFile == nil }) {
                add(
                    .image, "no image is in force: each coprocess has its own image, or none",
                    hint: "is there room and may pdns write in \(store.folder)?")
            }
        } catch {
            add(
                .image, "the image in force cannot be used, and coprocesses that start use the one before: \(error)",
                hint: "geopipe compile makes it again")
        }
        return nil
    }

    /// Finds out whether the image in force was compiled from the files on disk.
    ///
    /// - Parameter report: the last report, if it is about the files as they are on disk now.
    mutating func origin(_ image: Status.Image?, isOfNoFile: Bool, _ store: ImageStore, _ report: CompileReport?) {
        guard let image else { return }
        let hint = "the next change on disk, an upgrade of geopipe, or geopipe compile takes its place"
        let kept = store.kept
        if isOfNoFile {
            add(
                .image,
                "the image in force, \(image.id), was not compiled from \(file), as after geopipe rollout commit --image-only: the files on disk would give other answers",
                hint: "\(hint); put the files of the image in place, too, to make it last", severity: .warning)
        } else if let made = report?.image, made != image.id, report?.isUnwritable == false {
            add(
                .image,
                "the image in force, \(image.id), is not that of the files on disk, which is \(made), as after geopipe rollout back",
                hint: hint, severity: .warning)
        } else if let newest = kept.names.first, let current = kept.current, newest != current {
            add(
                .image, "the image in force is older than the newest that is kept, as after geopipe rollout back",
                hint: hint, severity: .warning)
        }
    }

    /// Returns the rollout that runs or needs an operator, and a rollout of another configuration in its place.
    mutating func rollout(
        _ store: ImageStore, _ coprocesses: [CoprocessStatus]
    ) -> (own: RolloutReport?, other: Rollout?) {
        let found: StateDirectory.Found<Rollout>
        do throws(StateDirectory.Failure) {
            found = try store.state.rollout()
        } catch {
            add(
                .rollout, "\(error): all clients get the image in force",
                hint: "geopipe rollout abort renames the file, and geopipe rollout start starts a new rollout")
            return (nil, nil)
        }
        if let diagnostic = found.diagnostic { add(.rollout, diagnostic, severity: .warning) }
        guard let rollout = found.value else {
            if let lost = store.state.lostRollout() {
                add(
                    .rollout, Status.lostWords(lost),
                    hint: "geopipe rollout abort acknowledges that, and geopipe rollout start starts a new one")
            }
            return (nil, nil)
        }
        guard ImageStore.isSame(rollout.images, store.name) else { return (nil, rollout) }
        return (ownRollout(rollout, found.identity, store, coprocesses), nil)
    }

    private mutating func ownRollout(
        _ rollout: Rollout, _ identity: String?, _ store: ImageStore, _ coprocesses: [CoprocessStatus]
    ) -> RolloutReport? {
        let report = RolloutReport(rollout, identity: identity, store, coprocesses)
        if let begun = report.begunWords {
            add(.rollout, "the rollout \(rollout.id): \(begun.message)", hint: begun.hint)
        }
        if let end = rollout.end, end.isAutomatic {
            add(
                .rollout, "the rollout \(rollout.id) was aborted automatically: \(end.reason)",
                hint: "geopipe rollout abort acknowledges this")
            return report
        }
        guard rollout.isRunning else { return nil }
        if let trouble = report.trouble {
            add(
                .rollout, "the rollout \(rollout.id): \(trouble)", hint: "geopipe rollout abort, then start it again")
        }
        for file in report.changedFiles.prefix(5) {
            add(
                .rollout, "\(file) has changed since the rollout \(rollout.id) was started, and cannot be committed",
                hint: "put it back, or abort and start again", severity: .warning)
        }
        return report
    }

    /// Returns the switches in force.
    mutating func switches(_ state: StateDirectory) -> [Switch] {
        do throws(StateDirectory.Failure) {
            let found = try state.switches()
            if let diagnostic = found.diagnostic {
                add(.switches, diagnostic, hint: "the next drain or undrain writes the file again")
            }
            return found.value?.filter { $0.isInForce(at: time) } ?? []
        } catch {
            add(
                .switches,
                "\(error): running coprocesses keep the drains that they have read, and those that start have none",
                hint: state.wayOutOfTornSwitches)
            return []
        }
    }

    /// Finds errors of the configuration on disk, apart from zones.
    ///
    /// - Parameter report: the last report, if it is about the files as they are on disk now.
    mutating func configuration(
        _ error: ConfigurationError, _ report: CompileReport?, _ coprocesses: [CoprocessStatus]
    ) {
        // Coprocesses with `backend --image` need no configuration.
        if access(file, F_OK) != 0, errno == ENOENT, !coprocesses.isEmpty,
            coprocesses.allSatisfy({ $0.imageFile != nil })
        {
            return
        }
        // The compiler has found the same, possibly with another path to the file.
        guard report?.diagnostics.isEmpty ?? true else { return }
        add(.configuration, error.diagnostics.filter { !$0.isWarning }.map { visible($0.description) })
    }

    /// Finds the errors of the last compilation, and the zones that keep earlier content.
    mutating func report(_ report: CompileReport?, _ image: ImageSummary?) {
        let zones = image?.manifest.unusableZones ?? []
        for zone in zones.prefix(Self.limit) {
            let state =
                zone.keptSince.map { "keeps its content of \(dateTimeAndOffset($0)) (\(ago($0)))" }
                ?? "no earlier content: SERVFAIL"
            add(.zone, "zone \(visible(zone.apex)) has errors and \(state)")
            for diagnostic in zone.diagnostics.prefix(Self.zoneLimit) { add(.zone, visible(diagnostic)) }
            if zone.diagnostics.count > Self.zoneLimit {
                add(
                    .zone,
                    "... and \(zone.diagnostics.count - Self.zoneLimit) more errors in zone \(visible(zone.apex))"
                )
            }
        }
        if zones.count > Self.limit { add(.zone, "... and \(zones.count - Self.limit) more zones have errors") }
        said = Set(zones.flatMap(\.diagnostics).map(visible))
        unusableZones = zones.map(\.apex)
        add(.configuration, report?.diagnostics.filter { !isSaid($0) } ?? [])
        said.formUnion(report?.diagnostics ?? [])
    }

    /// Finds files that changed long ago and are not compiled.
    mutating func changes(_ files: [String], _ coprocesses: [CoprocessStatus]) {
        guard coprocesses.contains(where: { $0.imageFile == nil }) else { return }
        let old = files.filter { path in
            var status = stat()
            // The removal of a file changes its folder.
            guard
                stat(path, &status) == 0
                    || stat(path.split(separator: "/").dropLast().map { "/\($0)" }.joined(), &status) == 0
            else { return true }
            return time - max(status.st_mtim.tv_sec, status.st_ctim.tv_sec) > Self.compilePatience
        }
        guard let first = old.first else { return }
        let rest = old.count > 1 ? " and \(old.count - 1) more files" : ""
        add(
            .configuration, "\(visible(first))\(rest) changed long ago, and no coprocess has compiled it",
            hint: "geopipe compile, and see the log of pdns")
    }

    // MARK: - Processes

    mutating func coprocesses(
        _ coprocesses: [CoprocessStatus], others: [CoprocessStatus], unreadable: [Int], _ image: Status.Image?,
        _ store: ImageStore
    ) {
        for process in unreadable {
            add(.coprocess, "coprocess \(process) is running, but its status cannot be read", hint: "restart pdns")
        }
        if coprocesses.isEmpty, unreadable.isEmpty {
            let files = Set(others.map(\.configuration)).sorted()
            add(
                .coprocess, "no coprocess runs with \(file)",
                hint: files.isEmpty
                    ? "systemctl status pdns, and its log, say why"
                    : "others run with \(files.joined(separator: ", ")): --config")
        }
        for coprocess in coprocesses {
            let name = "coprocess \(coprocess.process)"
            if time - coprocess.told > Self.patience {
                add(
                    .coprocess,
                    "\(name): no heartbeat for \(durationWords(time - coprocess.told)): it answers as before or not at all, and no longer follows drains, health or files",
                    hint: "it is stopped, or had a fault: see the log of pdns, and restart pdns")
            } else if coprocess.loaded == nil {
                add(
                    .coprocess, "\(name) has nothing to answer from: SERVFAIL",
                    hint: "the log of pdns says why")
            } else if let image, coprocess.imageFile == nil, coprocess.image != image.id, !coprocess.follows(store) {
                add(
                    .coprocess,
                    "\(name) answers from image \(coprocess.image ?? "none"), not from \(image.id): its configuration has another path, or it has other databases, so its images and rollouts are separate",
                    hint: "write --config \(coprocess.configuration), and --database as it has it", severity: .warning)
            } else if let image, coprocess.imageFile == nil, coprocess.image != image.id,
                time - image.since > Self.patience
            {
                add(
                    .coprocess,
                    "\(name) answers from image \(coprocess.image ?? "none"), not from \(image.id), which is in force since \(dateTimeAndOffset(image.since)) (\(ago(image.since)))",
                    hint: "the log of pdns says why")
            }
            // Most are diagnostics of the last compilation, which all coprocesses have.
            for diagnostic in coprocess.diagnostics where !isSaid(diagnostic) && !diagnostic.hasPrefix("... and ") {
                add(.coprocess, "\(name): \(diagnostic)")
                said.insert(diagnostic)
            }
            if let refusal = coprocess.refusal {
                add(.coprocess, "\(name) was not upgraded: \(refusal.reason)", severity: .warning)
            }
        }
        let old = coprocesses.filter { $0.version != geopipeVersion }
        if !old.isEmpty {
            let versions = Set(old.map(\.version)).sorted().joined(separator: ", ")
            add(
                .coprocess,
                "\(old.count) of \(coprocesses.count) coprocesses run version \(versions), and this is \(geopipeVersion)",
                hint: "geopipe upgrade", severity: .warning)
        }
    }

    /// Returns whether a diagnostic of a compilation is already reported, or is about a reported zone.
    private func isSaid(_ diagnostic: String) -> Bool {
        said.contains(diagnostic) || problems.contains { $0.message == diagnostic }
            || unusableZones.contains { diagnostic.contains(": the zone \($0) has errors") }
    }

    // MARK: - Health

    mutating func health(_ health: Status.Health?) {
        guard let health else { return }
        let agent = "journalctl -u geopipe-agent says why"
        if let diagnostic = health.diagnostic {
            add(
                .healthReport,
                health.told == nil
                    ? "\(diagnostic): running coprocesses keep the health that they have read, and those that start count all addresses as up"
                    : diagnostic, hint: health.told == nil ? agent : nil)
        }
        if let standing = health.vantage { vantage(standing) }
        guard health.isOld else { return }
        if let told = health.told {
            add(
                .healthReport,
                "no report of geopipe-agent since \(dateTimeAndOffset(told)) (\(ago(told))): it is stopped or stuck; its last report counts for up to 24 h",
                hint: agent)
        } else {
            add(
                .healthReport, "geopipe-agent has never reported: no address is checked, and all count as up",
                hint: "systemctl enable --now geopipe-agent")
        }
    }

    private mutating func vantage(_ standing: VantageStanding) {
        let others = standing.others
        let silent = others.filter { $0.state == .silent }
        if standing.way == .cutOff {
            let reasons = silent.map { "\($0.name): \($0.trouble)" }.joined(separator: "; ")
            add(
                .vantage,
                "geopipe-agent is cut off: it has reports of \(others.count - silent.count) of \(others.count) other vantage points, and goes by its own checks alone (\(reasons))",
                hint:
                    "can this server reach the others, at the port of their --metrics? take it out of service while its own view may be wrong"
            )
        } else if standing.way == .quorum {
            for point in silent {
                add(
                    .vantage, "vantage point \(point.name) has no vote: \(point.trouble)",
                    hint: "see geopipe-agent there", severity: .warning)
            }
            for point in others where point.state == .fresh && point.known == 0 && point.unknown > 0 {
                add(
                    .vantage,
                    "vantage point \(point.name) checks \(point.unknown) addresses, but none that are checked here",
                    hint: "does it have the same configuration?", severity: .warning)
            }
        }
    }

    mutating func services(_ services: [Status.Service]) {
        for service in services {
            let checked = service.datacenters.filter { $0.health != nil }
            let up = checked.reduce(0) { $0 + $1.health!.up }
            if !checked.isEmpty, up == 0 {
                add(
                    .service,
                    "service \(service.name): none of its \(checked.reduce(0) { $0 + $1.health!.addresses }) checked addresses is up"
                )
            }
            for site in checked {
                guard let health = site.health, health.up < health.addresses else { continue }
                let state = health.stateWords
                let count = "\(health.up) of \(health.addresses) addresses up"
                // A drained datacenter may be down, and an operator knows that a forced one is.
                let known = site.state == .drained ? "; it is drained" : site.isForced ? "; it is forced up" : ""
                if state.isEmpty {
                    add(
                        .addresses, "service \(service.name) has \(count) in \(site.name)",
                        severity: .warning)
                } else {
                    add(
                        .datacenter,
                        "\(site.name) is \(state) for service \(service.name): \(count)\(known)",
                        severity: known.isEmpty ? .error : .warning)
                }
            }
        }
    }

    mutating func databases(_ databases: [Status.Database]) {
        for database in databases {
            guard let built = database.built, time - built > Self.databasePatience else { continue }
            add(
                .database,
                "\(visible(database.database)) was built \(dateTimeAndOffset(built)) (\(ago(built))), and addresses have moved since",
                hint: database.builtOnDisk.map { $0 > built } == true
                    ? "the one on disk is newer: geopipe compile" : "is it still being updated?", severity: .warning)
        }
    }
}
