import Answering
import ArgumentParser
import Configuration
import Geography
import Glibc
import Image
import Platform
import State

/// A change of a datacenter's switches that an operator asked for.
struct SwitchChange {
    let options: ConfigurationOptions
    let datacenter: String
    /// The only service that it affects; `nil` for all.
    let service: String?
    /// Whether it ends switches.
    private let isEnd: Bool
    private(set) var areas: [Area]
    /// The name of the operator.
    let user: String
    /// Seconds since 1970.
    let now = time(nil)
    let state: StateDirectory
    /// `nil` if it has errors.
    let configuration: Configuration?
    /// The safety rules of the configuration, or of the image in force if the configuration has errors; `nil` without
    /// either.
    private(set) var safety: SafetyRules?
    /// The places in which the image in force has clients; `nil` without an image.
    private(set) var places: Set<ClientPlace>?
    var outcome = SwitchOutcome()

    /// - Parameters:
    ///   - places: the places as the operator named them; `nil` for all clients.
    ///   - isEnd: whether switches end, which needs no image that knows the places, and may concern a datacenter or
    ///     service that is no longer in the configuration.
    init(
        _ options: ConfigurationOptions, _ datacenter: String, service: String?, places: String? = nil,
        isEnd: Bool = false, by user: String
    ) throws(Refusal) {
        self.options = options
        self.datacenter = datacenter
        self.service = service
        self.user = user
        self.isEnd = isEnd
        let image = isEnd ? nil : (try? options.imageStore()?.currentSummary())?.summary
        do throws(ConfigurationError) {
            let configuration = try options.configuration()
            self.configuration = configuration
            safety = SafetyRules(configuration)
        } catch {
            // Coprocesses use the configuration loaded before, and switching must work now.
            let rules = image == nil ? "no safety rule" : "the safety rules of the image in force"
            outcome.notes.append(
                "\(options.file) has errors; assuming that there is a datacenter \(datacenter), and \(rules)")
            configuration = nil
            safety = image?.manifest.safety
        }
        self.places = image?.places
        if let configuration {
            let names = configuration.datacenters.map(\.name)
            let switches = isEnd ? (try? options.state()?.switches())?.value ?? [] : []
            let isKnown =
                names.contains(datacenter) || switches.contains { $0.datacenter == datacenter }
                || !isEnd && image?.datacenterNames.contains(datacenter) == true
            if !isKnown {
                throw Refusal(
                    message:
                        "there is no datacenter \(datacenter) in \(options.file)\(suggestion(for: datacenter, among: names))",
                    code: .wrong)
            }
            if !isEnd, !names.contains(datacenter) {
                outcome.notes.append(
                    "there is no datacenter \(datacenter) in \(options.file); the image in force has it")
            }
            let services = configuration.services.map(\.name)
            if let service, !services.contains(service), !switches.contains(where: { $0.service == service }) {
                throw Refusal(
                    message:
                        "there is no service \(service) in \(options.file)\(suggestion(for: service, among: services))",
                    code: .wrong, notes: outcome.notes)
            }
        }
        state = try options.requiredState()
        areas = []
        guard let places else { return }
        do throws(UnknownArea) {
            areas = try Configuration.areas(
                named: places, regions: configuration?.regions ?? [:],
                known: self.places?.areas)
        } catch {
            throw Refusal(message: "\(error)", code: .wrong, notes: outcome.notes)
        }
    }

    /// Changes the switches, drops those that have ended, and waits for the coprocesses.
    ///
    /// - Parameters:
    ///   - timeout: the maximum wait, in milliseconds.
    ///   - body: changes them, and returns the entry for the history; `nil` if nothing changes.
    mutating func carryOut(
        timeout: Int, _ body: (inout [Switch], inout SwitchOutcome) throws(Refusal) -> HistoryEntry?
    ) throws(Refusal) -> SwitchOutcome {
        var entry: HistoryEntry?
        var refusal: Refusal?
        do throws(StateDirectory.Failure) {
            // A corrupt file is rewritten even if nothing changes.
            let record = { (isSound: Bool) in
                refusal != nil ? nil : entry.map { [$0] } ?? (isSound ? nil : [])
            }
            let diagnostic = try state.change(recording: record) { switches in
                switches.removeAll { !$0.isInForce(at: now) }
                let before = switches
                do throws(Refusal) {
                    entry = try body(&switches, &outcome)
                } catch {
                    refusal = error
                    switches = before
                }
            }
            if let diagnostic { outcome.notes.append(diagnostic) }
        } catch {
            throw Refusal(message: "\(error)", code: .unusable, notes: outcome.notes)
        }
        if var refusal {
            refusal.notes = outcome.notes
            throw refusal
        }
        outcome.isChanged = entry != nil
        if outcome.isChanged {
            outcome.lines += RolloutContext.abortIfUnsafe(state, by: user, at: now, canBreak: !isEnd)
            outcome.followers = Followers.wait(for: options.file, state, timeout: timeout)
        }
        return outcome
    }

    /// Removes the switches of a kind, only those of the areas if there are any.
    ///
    /// - Returns: the entry for the history; `nil` if there was none.
    func end(
        _ action: Switch.Action, _ switches: inout [Switch], _ outcome: inout SwitchOutcome
    ) -> HistoryEntry? {
        let ended = switches.end(action, of: datacenter, service: service, areas: areas)
        for entry in ended {
            let reason = entry.reason.isEmpty ? "" : ": \(entry.reason)"
            outcome.lines.append(
                "ended: \(entry.extent) was \(action.participle) since \(dateAndTime(entry.since)) by \(entry.user)\(reason)"
            )
        }
        // A switch with a larger extent remains in force.
        let wider = switches.filter { $0.action == action && $0.datacenter == datacenter }.filter {
            ($0.service == nil || $0.service == service) && ($0.areas.isEmpty || $0.areas.contains(where: touches))
        }
        let asked = Switch(
            action, datacenter: datacenter, service: service, areas: areas, share: 100, until: nil, user: user,
            since: now, reason: "")
        let command = action == .drain ? "undrain \(datacenter)" : "force \(datacenter) auto"
        for entry in wider {
            let reach = service != nil && entry.service == nil ? "for all services" : "for more places than that"
            outcome.lines.append(
                "\(asked.extent) is still \(action.participle): \(entry.extent) is, \(reach); first geopipe \(command), then set again what should stay"
            )
            outcome.isAsAsked = false
        }
        if ended.isEmpty, wider.isEmpty {
            outcome.lines.append("\(asked.extent) was not \(action.participle); nothing is changed")
        }
        guard !ended.isEmpty else { return nil }
        return HistoryEntry(
            time: now, user: user, action == .drain ? .undrain : .forceAuto, datacenter: datacenter, service: service,
            areas: areas)
    }

    private func touches(_ area: Area) -> Bool { areas.isEmpty || areas.contains { $0.touches(area) } }
}

extension ConfigurationOptions {
    /// Returns the state directory, even if the configuration has errors.
    func requiredState() throws(Refusal) -> StateDirectory {
        if let state = try knownState() { return state }
        throw Refusal(
            message: "\(file) has state_directory: none; remove it to use /run/geopipe, or write --state",
            code: .unusable)
    }
}

/// The outcome of a command.
struct SwitchOutcome {
    /// Additional problems, for standard error.
    var notes: [String] = []
    /// The changes or findings, for standard output.
    var lines: [String] = []
    var isChanged = false
    /// Whether the state is as requested.
    var isAsAsked = true
    var followers: Followers?
    /// The rules whose clients have no alternative.
    var stranded: [Stranding] = []

    /// The lines for standard output, after the notes.
    var text: [String] { lines + stranded.map(\.words) + (followers.map { [$0.words] } ?? []) }

    /// Whether the state is not as requested, or in force nowhere.
    var isWrong: Bool { !isAsAsked || followers?.count == 0 }

    var json: JSON {
        .object([
            "changed": .boolean(isChanged), "followers": .integer(followers?.count ?? 0),
            "coprocesses": followers.map { .integer($0.all) }, "lines": .list(lines.map(JSON.text)),
            "notes": .list(notes.map(JSON.text)),
            "stranded": .list(
                stranded.map {
                    .object([
                        "map": .text($0.map), "rules": .list($0.rules.map(JSON.text)),
                        "datacenter": .text($0.datacenter),
                    ])
                }),
        ])
    }
}

extension SwitchOutcome {
    /// Describes a refusal: nothing was changed, and why.
    init(_ refusal: Refusal) {
        notes = refusal.notes + [refusal.message]
        isAsAsked = false
    }
}

/// The reason why a command was not carried out.
struct Refusal: Error {
    var message: String
    var code: ExitCode
    /// Additional problems, to print before the message.
    var notes: [String] = []
}
