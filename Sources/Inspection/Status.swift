import Answering
import Compiler
import Configuration
import Glibc
import Platform
import State

/// How things are with all that serves one configuration, and what of it needs a person.
///
/// Its cost does not depend on the number of records: it neither reads nor compiles zones.
public struct Status: Sendable {
    /// When this was so, in seconds since 1970.
    public var time: Int
    /// What needs a person, the worst first.
    public var problems: [Problem] = []
    public var datacenters: [Datacenter] = []
    /// Of a configuration with errors, only the services that are checked.
    public var services: [Service] = []
    /// What is known of the addresses that are to be checked; absent if there are none.
    public var health: Health?
    public var coprocesses: [CoprocessStatus] = []
    /// The databases, in the order of the configuration.
    public var databases: [Database] = []
    /// The image in force; absent if there is none.
    public var image: Image?
    /// The rollout that runs, or that was aborted by itself and not seen yet; absent if there is none.
    public var rollout: RolloutReport?
    /// A rollout of another configuration that has the same state directory, if that runs or was not seen yet: none of this one runs.
    public var otherRollout: Rollout?

    public struct Image: Sendable {
        /// The content id: 16 hexadecimal digits.
        public var id: String
        /// When it was compiled, in seconds since 1970.
        public var compiled: Int
        /// Since when it is in force, in seconds since 1970.
        public var since: Int
        public var bytes: Int
        /// The version of the program that compiled it.
        public var program: String
        /// The zones that have errors: they are served with the content that they had before, or fail.
        public var unusableZones: [(apex: String, keptSince: Int?)]
    }

    /// What becomes of the clients that a map sends to a datacenter.
    public enum State: String, Sendable {
        case inUse = "in_use"
        /// A part of the client networks, or of the services, is sent elsewhere by an operator.
        case partlyDrained = "partly_drained"
        case drained
        /// Some of the services that are checked have too few addresses up.
        case partlyDown = "partly_down"
        /// All of the services that are checked have too few addresses up.
        case down
    }

    public struct Datacenter: Sendable {
        public var name: String
        public var state: State
        /// The drains that count.
        public var drains: [Switch]
        /// The switches by which it counts as up, whatever the checks say.
        public var forced: [Switch]
        /// By the name of a service, how its addresses here are that are checked.
        public var health: [String: CheckedService.DatacenterHealth]
    }

    public struct Service: Sendable {
        public var name: String
        /// The datacenters in which it has answers.
        public var datacenters: [Site]
        /// Whether its map spreads clients of a datacenter that is not available over others, at least those of some rules.
        public var spreads: Bool

        public struct Site: Sendable {
            public var name: String
            public var state: State
            /// Absent if its addresses here are not checked.
            public var health: CheckedService.DatacenterHealth?
            /// Whether it counts as up, whatever the checks say.
            public var isForced: Bool
            /// The part of its client networks that it takes; absent if it takes all.
            public var share: Share?
        }

        /// A part of the client networks, beside what is drained.
        public struct Share: Sendable {
            /// In percent, 1 to 99.
            public var percent: Int
            /// What its addresses say of themselves on average, in percent; absent if they say nothing less than 100.
            public var told: Int?
            /// When it takes all that it says again, in seconds since 1970, since it has come back; absent if it does.
            public var growsUntil: Int?
        }
    }

    /// When a database was built, in seconds since 1970.
    public struct Database: Sendable {
        /// The absolute path of its file.
        public var database: String
        /// Of the one that coprocesses answer from, of several the oldest; without any, of the one on disk. Absent if it does not
        /// say.
        public var built: Int?
        /// Of the one on disk; absent if that cannot be used.
        public var builtOnDisk: Int?
    }

    public struct Health: Sendable {
        /// When the agent told last, in seconds since 1970; absent if it never has.
        public var told: Int?
        /// The process of the agent.
        public var agent: Int?
        /// Whether that is so long ago that it cannot be well.
        public var isOld: Bool
        /// Why what it told is not known, if it is not.
        public var diagnostic: String?
        /// What is checked, with what is known of it.
        public var checks: [Check]
        /// How the agent stands with the vantage points; absent if there are none, or if it has not told for long.
        public var vantage: VantageStanding?
        /// What the agent told last.
        fileprivate var report: HealthReport?

        public struct Check: Sendable {
            /// What is asked.
            public var target: String
            /// `up`, `down`, or `unknown`, which counts as up.
            public var state: String
            /// Since when, in seconds since 1970.
            public var since: Int?
            public var reason: String
            /// The clients that it takes, of 100 that it would get, 1 to 99: what it has said of itself; absent if it takes all.
            public var weight: Int?
        }

        /// Seconds after which an agent that is well has told again, several times over.
        private static let patience = 30

        /// - Parameter targets: what is to be checked; `nil` if neither a configuration nor an image says.
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
            told = report?.time
            agent = report?.process
            isOld = report.map { abs(time - $0.time) > Self.patience } ?? isReadable
            vantage = (try? state.vantageStanding())?.value.flatMap { abs(time - $0.time) > Self.patience ? nil : $0 }
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

    /// Looks at everything once.
    ///
    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - overrides: the databases that take the place of the configured ones.
    ///   - state: where its coprocesses keep their state.
    ///   - time: now, in seconds since 1970.
    /// - Throws: if it cannot be told how things are, since the state directory cannot be read.
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
        // Without an image in force it is of a file that a coprocess serves.
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
        // What it says of files that are others by now says nothing.
        let report = changed.isEmpty ? lastReport : nil
        do throws(ConfigurationError) {
            // What the compiler has found in the same files is known, errors of zones too.
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
        // Those that only switches know of any more.
        for entry in switches where !model.datacenters.contains(entry.datacenter) {
            model.datacenters.append(entry.datacenter)
        }
        services = model.services.map { service in
            let health = service.checked?.datacenters { down[$0] != nil }
            let shares = limited.isEmpty ? [] : service.checked?.shares({ down[$0] }, { limited[$0] }, at: time) ?? []
            let sites = model.datacenters.enumerated().compactMap { number, name -> Service.Site? in
                guard service.answers.map({ number < $0.count && $0[number] }) ?? false else { return nil }
                // What the checks say, whatever is forced.
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
        databases = Self.databases(onDisk: model.builds, told: coprocesses.flatMap(\.databases))
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

    /// What there is, by the configuration on disk or else by the image in force.
    private struct Model {
        var datacenters: [String] = []
        var services: [(name: String, answers: [Bool]?, checked: CheckedService?, spreads: Bool)] = []
        /// `nil` if it is not known what is checked.
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

        /// An image tells only of services that are checked where they have answers.
        init(_ image: ImageSummary) {
            datacenters = image.datacenterNames
            services = zip(image.serviceNames, image.checkedServices).compactMap { name, checked in
                checked.map { (name, $0.datacenters { _ in false }.map { $0.addresses > 0 }, $0, false) }
            }
            targets = image.healthTargets.map(\.identity)
            builds = image.manifest.databases.map { DatabaseBuild(database: $0.path, built: $0.built) }
        }
    }

    private static func databases(onDisk: [DatabaseBuild], told: [DatabaseBuild]) -> [Database] {
        var paths: [String] = []
        for build in onDisk + told where !paths.contains(build.database) { paths.append(build.database) }
        return paths.map { path in
            let disk = onDisk.first { $0.database == path }?.built
            let inUse = told.filter { $0.database == path }.compactMap(\.built).min()
            return Database(database: path, built: inUse ?? disk, builtOnDisk: disk)
        }
    }
}

extension Status.State {
    /// Of a datacenter for one service.
    ///
    /// - Parameter switches: those for that datacenter and that service.
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

    /// Of a datacenter for all services.
    ///
    /// - Parameter switches: those for that datacenter.
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
    /// `nil` if it is all.
    fileprivate init?(_ share: CheckedService.Share) {
        guard share.percent < 100 else { return nil }
        self.init(
            percent: share.percent, told: share.reported < 100 ? share.reported : nil, growsUntil: share.growsUntil)
    }
}

extension Switch {
    /// Whether it is for all clients.
    fileprivate var isForAll: Bool { share == 100 && areas.isEmpty }
}
