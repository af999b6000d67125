import Answering
import ArgumentParser
import Configuration
import Glibc
import Inspection
import Platform
import State

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Decide whether a change may proceed: GO or NO-GO, item by item.",
        discussion: """
            NEW is a configuration or an image. It is compared with the image in force, the current switches and health. \
            Limits come from `plan` in the configuration. An item that fails is waived by its name, with \
            a reason. The id depends only on the files of both sides (configuration, zones, databases) and on the verdict; \
            `rollout start --plan` accepts it only after GO. \
            Exits 0 for GO and 1 for NO-GO.
            """)

    @Argument(help: ArgumentHelp("OLD and NEW, or NEW alone.", valueName: "file"))
    var files: [String] = []

    @OptionGroup var trafficOptions: TrafficOptions

    @Option(
        help: ArgumentHelp("The part of the clients that may move, such as 10%.", valueName: "percent"),
        transform: percentage)
    var maxMove: Int?

    @Option(
        help: ArgumentHelp("A zone whose NS and SOA may change. May be repeated.", valueName: "zone"),
        transform: domainName)
    var apex: [String] = []

    @Option(help: ArgumentHelp("An item that may fail. May be repeated.", valueName: "item"))
    var waive: [Plan.Question] = []

    @Option(help: ArgumentHelp("The reason for waiving items.", valueName: "text"))
    var reason: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard files.count <= 2 else { throw ValidationError("name at most two files: OLD and NEW") }
        if let item = waive.first(where: { !$0.canBeWaived }) {
            throw ValidationError(
                "\(item.rawValue) cannot be waived: rollout start refuses anything with errors, whatever a plan says; correct them"
            )
        }
        guard waive.isEmpty == (reason ?? "").allSatisfy(\.isWhitespace) else {
            throw ValidationError(
                waive.isEmpty
                    ? "--reason says why items are waived; name them with --waive"
                    : "say why \(waive.map(\.rawValue).joined(separator: ", ")) may fail: --reason TEXT")
        }
    }

    func run() throws {
        let sides = try ComparedSides(files, options)
        let traffic = try trafficOptions.traffic()
        let configuration = try configuration(sides)
        var limits = configuration?.planLimits ?? Configuration.PlanLimits()
        if let maxMove { limits.move = maxMove }
        let (switches, health) = try present()
        let change = Plan.Change(
            old: sides.old.snapshot!, isInForce: files.count < 2, new: sides.new.snapshot,
            errors: sides.new.errors.map { $0.description }, configuration: configuration, switches: switches,
            health: health, time: time(nil), traffic: traffic, noWayBack: noWayBack(sides),
            namedApexes: Set(apex.map { $0.lowercased() }))
        let plan = Plan(change, limits: limits, waived: Set(waive))
        let id = plan.id(of: changeIdentity(from: sides.old.identity, to: sides.new.identity))
        noteWaivers(plan, id)
        if json {
            print(plan.json(id: id).pretty)
        } else {
            for line in plan.lines(id: id) { print(line) }
        }
        if !plan.isGo { throw ExitCode.wrong }
    }

    /// Writes the waived items and the reason to the history, if there is a state directory.
    private func noteWaivers(_ plan: Plan, _ id: String) {
        let waived = plan.items.filter { $0.result == .waived }.map(\.question.rawValue)
        guard !waived.isEmpty, files.count < 2, let state = options.state() else { return }
        do throws(StateDirectory.Failure) {
            try state.note(
                HistoryEntry(
                    time: time(nil), user: operatorName(), .planWaived, datacenter: id, overridden: waived,
                    reason: reason ?? ""))
        } catch {
            printError("\(error); the history does not record what was waived")
        }
    }

    /// Returns the source of limits and safety rules: NEW, or the configuration in force if NEW is an image; `nil` if
    /// there is none.
    private func configuration(_ sides: ComparedSides) throws(ExitCode) -> Configuration? {
        // The plan reports errors of NEW itself.
        if sides.new.configuration != nil, sides.new.snapshot == nil { return nil }
        let file = sides.new.configuration ?? options.file
        if sides.new.configuration == nil, access(file, F_OK) != 0 {
            printError("there is no configuration \(visible(file)): no safety rule, no capacity, and the usual limits")
            return nil
        }
        do {
            return try Configuration.load(file, databases: options.databases, hasZones: false, advises: false)
        } catch {
            for error in error.diagnostics { printError(visible(error.description)) }
            throw .unusable
        }
    }

    /// Returns the switches and the health in force.
    private func present() throws(ExitCode) -> ([Switch], HealthReport?) {
        guard let state = options.state() else { return ([], nil) }
        do {
            let (switches, health) = (try state.switches(), try state.health())
            for diagnostic in [switches.diagnostic, health.diagnostic] { diagnostic.map { printError($0) } }
            return (switches.value ?? [], health.value)
        } catch {
            printError("\(error); the plan cannot be judged")
            throw .unusable
        }
    }

    /// Says why the image in force could not be restored later; `nil` if it could.
    private func noWayBack(_ sides: ComparedSides) -> String? {
        guard files.count < 2, let store = options.imageStore() else { return nil }
        guard store.current().snapshot != nil else { return "there is no image in force to go back to" }
        return geteuid() == 0 || store.isWritable
            ? nil : "this user cannot write to \(store.folder); run it as the user of pdns, or as root"
    }
}

extension Plan.Question: ExpressibleByArgument {}

/// Parses a percentage from `0%` to `100%`.
@Sendable private func percentage(_ argument: String) throws -> Int {
    guard let percent = Int(argument.hasSuffix("%") ? String(argument.dropLast()) : argument), 0...100 ~= percent else {
        throw ValidationError("'\(visible(argument))' is not a percentage; write 0% to 100%, such as 10%")
    }
    return percent
}

extension Plan {
    fileprivate func lines(id: String) -> [String] {
        let terminal = Terminal.standardOutput
        func style(_ result: Result) -> Terminal.Style {
            switch result {
            case .pass: .success
            case .fail: .error
            case .waived: .warning
            }
        }
        let width = items.map { $0.question.rawValue.count }.max() ?? 0
        let lines = items.map { item in
            let padding = String(repeating: " ", count: width - item.question.rawValue.count)
            let result = item.result.rawValue + String(repeating: " ", count: 6 - item.result.rawValue.count)
            return "\(terminal.styled(result, style(item.result)))  \(item.question.rawValue)\(padding)  "
                + visible(item.detail)
        }
        let verdict = terminal.styled(isGo ? "GO" : "NO-GO", isGo ? .success : .error)
        return lines + ["", "\(verdict)  plan \(id)"]
    }

    fileprivate func json(id: String) -> JSON {
        .object([
            ("verdict", .text(isGo ? "GO" : "NO-GO")), ("id", .text(id)),
            (
                "items",
                .list(
                    items.map { item in
                        .object([
                            ("name", .text(item.question.rawValue)), ("result", .text(item.result.rawValue)),
                            ("detail", .text(item.detail)),
                        ])
                    })
            ),
        ])
    }
}
