import Answering
import Configuration
import Geography
import Platform
import Routing
import State

/// A go/no-go plan for a change: the questions that an experienced operator would ask before it.
public struct Plan: Sendable {
    /// The questions, with the names by which items are waived.
    public enum Question: String, CaseIterable, Sendable {
        case errors, coverage, capacity, moves, names, apex, destinations, safety, ttl
        case wayBack = "way_back"

        /// Whether a change may proceed although the answer is no. A configuration with errors is never rolled out.
        public var canBeWaived: Bool { self != .errors }
    }

    public enum Result: String, Sendable { case pass, fail, waived }

    public struct Item: Sendable {
        public var question: Question
        public var result: Result
        /// The reason, in words.
        public var detail: String
    }

    /// The change to judge.
    public struct Change: Sendable {
        /// The image to compare with, usually the one in force.
        public var old: Snapshot
        /// Whether `old` is in force.
        public var isInForce: Bool
        /// The new image; `nil` if the configuration has errors.
        public var new: Snapshot?
        /// The errors of the new configuration. An image may exist nevertheless, without a zone that has errors.
        public var errors: [String]
        /// The configuration with the limits and the safety rules; `nil` if there is none.
        public var configuration: Configuration?
        /// The switches and the health in force now.
        public var switches: [Switch]
        public var health: HealthReport?
        /// The current time, in seconds since 1970.
        public var time: Int
        public var traffic: Traffic?
        /// Why the current image could not be put in force again later; `nil` if it could.
        public var noWayBack: String?
        /// The zones whose NS and SOA records may change.
        public var namedApexes: Set<String> = []

        public init(
            old: Snapshot, isInForce: Bool, new: Snapshot?, errors: [String], configuration: Configuration?,
            switches: [Switch],
            health: HealthReport?, time: Int, traffic: Traffic?, noWayBack: String?, namedApexes: Set<String>
        ) {
            self.old = old
            self.isInForce = isInForce
            self.new = new
            self.errors = errors
            self.configuration = configuration
            self.switches = switches
            self.health = health
            self.time = time
            self.traffic = traffic
            self.noWayBack = noWayBack
            self.namedApexes = namedApexes
        }
    }

    /// The items, in the order of the questions.
    public var items: [Item] = []

    /// Whether every item passes or is waived.
    public var isGo: Bool { items.allSatisfy { $0.result != .fail } }

    /// Judges a change.
    ///
    /// - Parameters:
    ///   - limits: the limits of the change.
    ///   - waived: the questions whose failure is accepted.
    public init(_ change: Change, limits: Configuration.PlanLimits, waived: Set<Question>) {
        func add(_ question: Question, _ failures: [String], otherwise detail: String) {
            let mayFail = waived.contains(question) && question.canBeWaived
            let result: Result = failures.isEmpty ? .pass : mayFail ? .waived : .fail
            items.append(
                Item(question: question, result: result, detail: failures.isEmpty ? detail : Self.joined(failures)))
        }
        add(.errors, change.errors, otherwise: "none")
        guard let new = change.new else { return }
        let judge = ChangeJudge(change, new, limits)
        let coverage = judge.coverage
        add(.coverage, coverage.failures, otherwise: coverage.detail)
        let capacity = judge.capacity
        add(.capacity, capacity.failures, otherwise: capacity.detail)
        let moves = judge.moves
        add(.moves, moves.failures, otherwise: moves.detail)
        let names = judge.names
        add(.names, names.failures, otherwise: names.detail)
        add(.apex, judge.apexes, otherwise: "NS and SOA of all zones stay, except for those that were named")
        let destinations = judge.destinations
        add(.destinations, destinations.failures, otherwise: destinations.detail)
        let safety = judge.safety
        add(.safety, safety.failures, otherwise: safety.detail)
        let ttl = judge.ttl
        add(.ttl, ttl.failures, otherwise: ttl.detail)
        let wayBack =
            change.isInForce
            ? "image \(change.old.image.id) can be put in force again" : "not asked, because OLD is not in force"
        add(.wayBack, change.noWayBack.map { [$0] } ?? [], otherwise: wayBack)
    }

    /// Returns the first few failures and the number of the others.
    private static func joined(_ failures: [String]) -> String {
        failures.prefix(5).joined(separator: "; ") + (failures.count > 5 ? "; and \(failures.count - 5) more" : "")
    }
}
