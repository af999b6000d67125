import Answering
import Compiler
import Configuration
import Glibc
import Platform
import State

/// The status of everything that serves a configuration, and the problems that need an operator.
///
/// Its cost does not depend on the number of records: it neither reads nor compiles zones.
public struct Status: Sendable {
    /// The time of the status, in seconds since 1970.
    public var time: Int
    /// The problems, the worst first.
    public var problems: [Problem] = []
    public var datacenters: [Datacenter] = []
    /// The services; if the configuration has errors, only those with checks.
    public var services: [Service] = []
    /// The health of checked addresses; absent if there are none.
    public var health: Health?
    public var coprocesses: [CoprocessStatus] = []
    /// The databases, in the order of the configuration.
    public var databases: [Database] = []
    /// The image in force; absent if there is none.
    public var image: Image?
    /// The rollout that runs, or that was aborted automatically and is not acknowledged yet; absent if there is none.
    public var rollout: RolloutReport?
    /// A rollout of another configuration with the same state directory, if it runs or is not acknowledged yet. Then
    /// this configuration has none.
    public var otherRollout: Rollout?

    public struct Image: Sendable {
        /// The content id: 16 hexadecimal digits.
        public var id: String
        /// When it was compiled, in seconds since 1970.
        public var compiled: Int
        /// When it came into force, in seconds since 1970.
        public var since: Int
        public var bytes: Int
        /// The version of the program that compiled it.
        public var program: String
        /// The zones with errors: they keep their earlier content, or fail.
        public var unusableZones: [(apex: String, keptSince: Int?)]
    }

    /// The state of a datacenter.
    public enum State: String, Sendable {
        case inUse = "in_use"
        /// An operator has drained it for a part of the client networks or of the services.
        case partlyDrained = "partly_drained"
        case drained
        /// Some checked services have less than their quorum up.
        case partlyDown = "partly_down"
        /// All checked services have less than their quorum up.
        case down
    }

    public struct Datacenter: Sendable {
        public var name: String
        public var state: State
        /// The drains in force.
        public var drains: [Switch]
        /// The switches that force it up.
        public var forced: [Switch]
        /// The health of each service's addresses here, by the service's name.
        public var health: [String: CheckedService.DatacenterHealth]
    }

    public struct Service: Sendable {
        public var name: String
        /// The datacenters that have answers for it.
        public var datacenters: [Site]
        /// Whether at least one rule of its map spreads clients of an unavailable datacenter over others.
        public var spreads: Bool

        public struct Site: Sendable {
            public var name: String
            public var state: State
            /// Absent if its addresses here are not checked.
            public var health: CheckedService.DatacenterHealth?
            /// Whether it is forced up.
            public var isForced: Bool
            /// The part of its client networks that it takes; absent if it takes all.
            public var share: Share?
        }

        /// The part of the client networks that it takes, apart from drains.
        public struct Share: Sendable {
            /// In percent, 1...99.
            public var percent: Int
            /// The average weight that its addresses reported, in percent; absent if it is 100.
            public var reported: Int?
            /// When it takes all of these clients again after it came back up, in seconds since 1970; absent if it
            /// does now.
            public var growsUntil: Int?
        }
    }

    /// The build times of a database, in seconds since 1970.
    public struct Database: Sendable {
        /// The absolute path of its file.
        public var database: String
        /// The build time of the one in use; the oldest if coprocesses differ; without coprocesses, of the one on
        /// disk. Absent if its metadata does not say.
        public var built: Int?
        /// The build time of the one on disk; absent if that is unusable.
        public var builtOnDisk: Int?
    }

    public struct Health: Sendable {
        /// When the agent reported last, in seconds since 1970; absent if it never has.
        public var reportedAt: Int?
        /// The process number of the agent.
        public var agent: Int?
        /// Whether the report is so old that the agent must have a problem.
        public var isOld: Bool
        /// Why the report cannot be read; absent if it can.
        public var diagnostic: String?
        /// The checked targets and their states.
        public var checks: [Check]
        /// The standing of the vantage points; absent if there are none, or the agent has not reported recently.
        public var vantage: VantageStanding?
        /// The last report of the agent.
        fileprivate var report: HealthReport?

        public struct Check: Sendable {
            /// The target of the check.
            public var target: String
            /// `up`, `down`, or `unknown`, which counts as up.
            public var state: String
            /// When it went up or down, in seconds since 1970.
            public var since: Int?
            public var reason: String
            /// The weight that it reported, in percent, 1...99; absent if it is 100.
            public var weight: Int?
        }

        /// The age from which a report is old, in seconds: a healthy agent reports several times in this time.
        private static let reportLimit = 30

        /// - Parameter targets: the targets; `nil` if neither a configuration nor an image is available.
        init?(_ targets: [String]?, _ state: StateDirectory, at time: Int) {
            guard targets?.isEmpty != true else { return nil }
            var isReadable = true
            do throws(StateDirectory.Failure) {
                let found = try state.health()
                report = found.value
                diagnostic = found.diagnostic
            } catch {
                diagnostic = "\(error)"
                isReadable = false
            }
            let report = report
            reportedAt = report?.time
            agent = report?.process
            isOld = report.map { abs(time - $0.time) > Self.reportLimit } ?? isReadable
            vantage = (try? state.vantageStanding())?.value.flatMap {
                abs(time - $0.time) > Self.reportLimit ? nil : $0
            }
            guard let targets = targets ?? report.map({ $0.states.keys.sorted() }), !targets.isEmpty else { return nil }
            checks = targets.map { target in
                let known = report?.states[target].flatMap { $0.isKnown(at: time) ? $0 : nil }
                return Check(
                    target: target,
                    state: known.map { $0.isUp ? "up" : "down" } ?? "unknown", since: known?.since,
                    reason: known?.reason ?? "", weight: known.flatMap { $0.isUp && $0.weight < 100 ? $0.weight : nil })
            }
        }
    }

    /// Collects the status.
    ///
    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - overrides: the databases on the command line, which replace the configured ones.
    ///   - state: the state directory of its coprocesses.
    ///   - time: the current time, in seconds since 1970.
    /// - Throws: if the state directory cannot be read.
    public init(
        of file: String, overrides: [String], in state: StateDirectory, at time: Int
    ) throws(StateDirectory.Failure) {
        self.time = time
        var finder = ProblemFinder(file: file, time: time)
        let store = ImageStore(of: file, overrides: overrides, in: state)
        let known = try state.knownCoprocesses()
        let path = realPath(file)
        coprocesses = known.statuses.filter { realPath($0.configuration) == path }
        let summary = finder.inspect(store, coprocesses)
        // Without an image in force, the summary is that of a `backend --image` file.
        let isInForce = store.currentName != nil
        let switches = finder.switches(state)
        image = summary.map {
            let manifest = $0.summary.manifest
            return Image(
                id: $0.summary.id, compiled: manifest.created, since: $0.since, bytes: $0.summary.bytes,
                program: manifest.program,
                unusableZones: manifest.unusableZones.map { ($0.apex, $0.keptSince) })
        }
        var model = Model()
        let lastReport = store.report()
        let changed = lastReport?.changedInputs ?? []
        // A report on files that have changed since is out of date.
        let report = changed.isEmpty ? lastReport : nil
        do throws(ConfigurationError) {
            // The report has the compiler's findings in the same files, including errors of zones.
            let configuration = try Configuration.load(
                file, databases: overrides, hasZones: false, parsesZones: report == nil, advises: false)
            model = Model(configuration)
            model.builds = try SnapshotPlan(configuration).databaseBuilds
        } catch {
            if let summary = summary?.summary, model.datacenters.isEmpty { model = Model(summary) }
            finder.configuration(error, report, coprocesses)
        }
        health = Health(model.targets, state, at: time)
        let down = health?.report?.down(at: time) ?? [:]
        let limited = health?.report?.limited(at: time) ?? [:]
        // Datacenters that only switches name.
        for entry in switches where !model.datacenters.contains(entry.datacenter) {
            model.datacenters.append(entry.datacenter)
        }
        services = model.services.map { service in
            let health = service.checked?.datacenters { down[$0] != nil }
            let shares = limited.isEmpty ? [] : service.checked?.shares({ down[$0] }, { limited[$0] }, at: time) ?? []
            let sites = model.datacenters.enumerated().compactMap { number, name -> Service.Site? in
                guard service.answers.map({ number < $0.count && $0[number] }) ?? false else { return nil }
                // The result of the checks, regardless of `force`.
                let health = health.flatMap { service.checked?.checks(number) == true ? $0[number] : nil }
                let own = switches.filter { $0.datacenter == name && ($0.service ?? service.name) == service.name }
                let isForced = own.contains { $0.action == .force }
                return Service.Site(
                    name: name, state: State(own, health), health: health, isForced: isForced,
                    share: isForced || !shares.indices.contains(number) ? nil : Service.Share(shares[number]))
            }
            return Service(name: service.name, datacenters: sites, spreads: service.spreads)
        }
        datacenters = model.datacenters.map { name in
            let sites = services.compactMap { service in
                service.datacenters.first { $0.name == name }.map { (service.name, $0) }
            }
            let own = switches.filter { $0.datacenter == name }
            return Datacenter(
                name: name, state: State(own, sites.map(\.1)), drains: own.filter { $0.action == .drain },
                forced: own.filter { $0.action == .force },
                health: Dictionary(
                    sites.compactMap { service, site in site.health.map { (service, $0) } },
                    uniquingKeysWith: { first, _ in first }))
        }
        databases = Self.databases(onDisk: model.builds, inUse: coprocesses.flatMap(\.databases))
        finder.origin(image, isOfNoFile: summary?.summary.manifest.inputs.isEmpty == true && isInForce, store, report)
        let rollouts = finder.rollout(store, coprocesses)
        rollout = rollouts.own
        otherRollout = rollouts.other.flatMap { $0.isRunning || $0.end?.isAutomatic == true ? $0 : nil }
        finder.report(report, summary?.summary)
        finder.changes(changed, coprocesses)
        finder.coprocesses(coprocesses, others: known.statuses, unreadable: known.unreadable, image, store)
        finder.health(health)
        finder.services(services)
        finder.databases(databases)
        problems = finder.sorted
    }

    /// The datacenters, services and targets, from the configuration on disk or else from the image in force.
    private struct Model {
        var datacenters: [String] = []
        var services: [(name: String, answers: [Bool]?, checked: CheckedService?, spreads: Bool)] = []
        /// `nil` if unknown.
        var targets: [String]?
        var builds: [DatabaseBuild] = []

        init() {}

        init(_ configuration: Configuration) {
            datacenters = configuration.datacenters.map(\.name)
            services = configuration.services.map {
                (
                    $0.name, $0.answers.map { !$0.isEmpty }, CheckedService($0),
                    configuration.maps[$0.map].rules.spreads
                )
            }
            targets = configuration.healthTargets.map(\.identity)
        }

        /// An image has the datacenters only of checked services.
        init(_ image: ImageSummary) {
            datacenters = image.datacenterNames
            services = zip(image.serviceNames, image.checkedServices).compactMap { name, checked in
                checked.map { (name, $0.datacenters { _ in false }.map { $0.addresses > 0 }, $0, false) }
            }
            targets = image.healthTargets.map(\.identity)
            builds = image.manifest.databases.map { DatabaseBuild(database: $0.path, built: $0.built) }
        }
    }

    private static func databases(onDisk: [DatabaseBuild], inUse builds: [DatabaseBuild]) -> [Database] {
        var paths: [String] = []
        for build in onDisk + builds where !paths.contains(build.database) { paths.append(build.database) }
        return paths.map { path in
            let disk = onDisk.first { $0.database == path }?.built
            let inUse = builds.filter { $0.database == path }.compactMap(\.built).min()
            return Database(database: path, built: inUse ?? disk, builtOnDisk: disk)
        }
    }
}

extension Status.State {
    /// Makes the state of a datacenter for one service.
    ///
    /// - Parameter switches: the switches for the datacenter and the service.
    fileprivate init(_ switches: [Switch], _ health: CheckedService.DatacenterHealth?) {
        let drains = switches.filter { $0.action == .drain }
        if drains.contains(where: \.isForAll) {
            self = .drained
        } else if health?.isUp == false, !switches.contains(where: { $0.action == .force }) {
            self = .down
        } else {
            self = drains.isEmpty ? .inUse : .partlyDrained
        }
    }

    /// Makes the state of a datacenter for all services.
    ///
    /// - Parameter switches: the switches for the datacenter.
    fileprivate init(_ switches: [Switch], _ sites: [Status.Service.Site]) {
        let drains = switches.filter { $0.action == .drain }
        let checked = sites.filter { $0.health != nil }
        let down = checked.count { $0.health?.isUp == false && !$0.isForced }
        if drains.contains(where: { $0.service == nil && $0.isForAll }) {
            self = .drained
        } else if down > 0 {
            self = down == checked.count ? .down : .partlyDown
        } else {
            self = drains.isEmpty ? .inUse : .partlyDrained
        }
    }
}

extension Status.Service.Share {
    /// `nil` if it takes all clients.
    fileprivate init?(_ share: CheckedService.Share) {
        guard share.percent < 100 else { return nil }
        self.init(
            percent: share.percent, reported: share.reported < 100 ? share.reported : nil, growsUntil: share.growsUntil)
    }
}

extension Switch {
    /// Whether it applies to all clients.
    fileprivate var isForAll: Bool { share == 100 && areas.isEmpty }
}
