import Answering
import Configuration
import Glibc
import Platform
import State

/// Finds problems, part by part.
struct ProblemFinder {
    let file: String
    let time: Int
    var problems: [Status.Problem] = []
    /// The diagnostics of compilations that are covered by the problems.
    var reported: Set<String> = []
    /// The zones reported with errors.
    var unusableZones: [String] = []

    /// The age from which a status is old, in seconds: a healthy coprocess has written several, and adopted a new
    /// image.
    static let heartbeatLimit = 10
    /// The time in which a changed file must have been compiled, in seconds: a compiler may take 120 s.
    static let compileLimit = 180
    /// The age from which a database is old, in seconds: vendors publish new ones weekly or monthly.
    static let databaseAge = 45 * 86_400
    /// The maximum number of problems of one part.
    static let limit = 20
    /// The maximum number of errors of one zone.
    static let zoneLimit = 5

    init(file: String, time: Int) {
        self.file = file
        self.time = time
    }

    /// The problems, errors first, otherwise in the order of detection.
    var sorted: [Status.Problem] {
        problems.filter { $0.severity == .error } + problems.filter { $0.severity == .warning }
    }

    mutating func add(
        _ kind: Status.Problem.Kind, _ message: String, hint: String? = nil,
        severity: Status.Problem.Severity = .error
    ) {
        guard !problems.contains(where: { $0.message == message }) else { return }
        problems.append(Status.Problem(severity: severity, kind: kind, message: message, hint: hint))
    }

    mutating func add(_ kind: Status.Problem.Kind, _ messages: [String]) {
        for message in messages.prefix(Self.limit) { add(kind, message) }
        if messages.count > Self.limit {
            add(kind, "... and \(messages.count - Self.limit) more errors", hint: "geopipe check has all")
        }
    }

    func ago(_ seconds: Int) -> String { "\(durationWords(time - seconds)) ago" }

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
                .image,
                "the image in force cannot be used; coprocesses that start use the one before it, or compile: \(error)",
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

    mutating func ownRollout(
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
        reported = Set(zones.flatMap(\.diagnostics).map(visible))
        unusableZones = zones.map(\.apex)
        add(.configuration, report?.diagnostics.filter { !isReported($0) } ?? [])
        reported.formUnion(report?.diagnostics ?? [])
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
            return time - max(status.st_mtim.tv_sec, status.st_ctim.tv_sec) > Self.compileLimit
        }
        guard let first = old.first else { return }
        let rest = old.count > 1 ? " and \(old.count - 1) more files" : ""
        add(
            .configuration, "\(visible(first))\(rest) changed long ago, and no coprocess has compiled it",
            hint: "geopipe compile, and see the log of pdns")
    }
}
