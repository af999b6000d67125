import Answering
import ArgumentParser
import Configuration
import Geography
import Glibc
import Image
import Platform
import State

/// A change of the switches of a datacenter that an operator has asked for.
struct SwitchChange {
    let options: ConfigurationOptions
    let datacenter: String
    /// For this service alone; `nil` for all.
    let service: String?
    /// Whether switches are to end.
    private let isEnd: Bool
    private(set) var areas: [Area]
    /// Who asks for it.
    let who: String
    /// In seconds since 1970.
    let now = time(nil)
    let state: StateDirectory
    /// `nil` if it has errors.
    let configuration: Configuration?
    /// The safety rules of the configuration; of the image in force if that has errors, and `nil` if there is neither.
    private(set) var safety: SafetyRules?
    /// Where the image in force has clients; `nil` if there is none.
    private(set) var places: Set<ClientPlace>?
    var outcome = SwitchOutcome()

    /// - Parameters:
    ///   - places: as the operator names them; `nil` for all clients.
    ///   - isEnd: whether switches are to end, which needs no image that knows the places, and may be those of a datacenter or
    ///     service that is not in the configuration any more.
    init(
        _ options: ConfigurationOptions, _ datacenter: String, service: String?, places: String? = nil,
        isEnd: Bool = false, by who: String
    ) throws(Refusal) {
        self.options = options
        self.datacenter = datacenter
        self.service = service
        self.who = who
        self.isEnd = isEnd
        let image = isEnd ? nil : (try? options.imageStore()?.currentSummary())?.summary
        do throws(ConfigurationError) {
            let configuration = try options.configuration()
            self.configuration = configuration
            safety = SafetyRules(configuration)
        } catch {
            // What is in use is what was loaded before, and that has to be switched now.
            let rules = image == nil ? "no safety rule" : "the safety rules of the image in force"
            outcome.notes.append(
                "\(options.file) has errors; taking it that there is a datacenter \(datacenter), and \(rules)")
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

    /// Changes the switches, those that have ended left out, and waits for the coprocesses.
    ///
    /// - Parameters:
    ///   - patience: milliseconds to wait for them at most.
    ///   - body: changes them, and returns what the history is to have of that; `nil` if it changes nothing.
    mutating func carryOut(
        patience: Int, _ body: (inout [Switch], inout SwitchOutcome) throws(Refusal) -> HistoryEntry?
    ) throws(Refusal) -> SwitchOutcome {
        var entry: HistoryEntry?
        var refusal: Refusal?
        do throws(StateDirectory.Failure) {
            // A file that cannot be trusted is written again even if nothing changes.
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
            outcome.lines += RolloutContext.abortIfUnsafe(state, by: who, at: now, canBreak: !isEnd)
            outcome.followers = Followers.wait(for: options.file, state, patience: patience)
        }
        return outcome
    }

    /// Takes out the switches of a kind, those of the areas alone if there are any.
    ///
    /// - Returns: what the history is to have; `nil` if there was none.
    func end(
        _ action: Switch.Action, _ switches: inout [Switch], _ outcome: inout SwitchOutcome
    ) -> HistoryEntry? {
        let ended = switches.end(action, of: datacenter, service: service, areas: areas)
        for entry in ended {
            let reason = entry.reason.isEmpty ? "" : ": \(entry.reason)"
            outcome.lines.append(
                "ended: \(entry.extent) was \(action.participle) since \(dateAndTime(entry.since)) by \(entry.who)\(reason)"
            )
        }
        // What reaches further than what was to be ended still counts.
        let wider = switches.filter { $0.action == action && $0.datacenter == datacenter }.filter {
            ($0.service == nil || $0.service == service) && ($0.areas.isEmpty || $0.areas.contains(where: touches))
        }
        let asked = Switch(
            action, datacenter: datacenter, service: service, areas: areas, share: 100, until: nil, who: who,
            since: now, reason: "")
        let command = action == .drain ? "undrain \(datacenter)" : "force \(datacenter) auto"
        for entry in wider {
            let reach = service != nil && entry.service == nil ? "for all services" : "for more places than that"
            outcome.lines.append(
                "\(asked.extent) is still \(action.participle): \(entry.extent) is, \(reach); first geopipe \(command), then set again what is to stay"
            )
            outcome.isAsAsked = false
        }
        if ended.isEmpty, wider.isEmpty {
            outcome.lines.append("\(asked.extent) was not \(action.participle); nothing is changed")
        }
        guard !ended.isEmpty else { return nil }
        return HistoryEntry(
            time: now, who: who, action == .drain ? .undrain : .forceAuto, datacenter: datacenter, service: service,
            areas: areas)
    }

    private func touches(_ area: Area) -> Bool { areas.isEmpty || areas.contains { $0.touches(area) } }
}

extension ConfigurationOptions {
    /// Where the state is, even if the configuration has errors.
    func requiredState() throws(Refusal) -> StateDirectory {
        if let state = try knownState() { return state }
        throw Refusal(
            message: "\(file) has state_directory: none; take that out for /run/geopipe, or use --state",
            code: .unusable)
    }
}

/// What came of a command.
struct SwitchOutcome {
    /// What is wrong beside, for standard error.
    var notes: [String] = []
    /// What was changed or found, for standard output.
    var lines: [String] = []
    var isChanged = false
    /// Whether things are as they were asked to be.
    var isAsAsked = true
    var followers: Followers?
    /// Whose clients have nowhere else to go.
    var stranded: [Stranding] = []

    /// For standard output, after the notes.
    var text: [String] { lines + stranded.map(\.words) + (followers.map { [$0.words] } ?? []) }

    /// Whether anything is not as it was asked to be, or in force nowhere.
    var isWrong: Bool { !isAsAsked || followers?.count == 0 }

    var json: JSON {
        .object([
            "changed": .truth(isChanged), "followers": .integer(followers?.count ?? 0),
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
    /// That nothing was changed, and why.
    init(_ refusal: Refusal) {
        notes = refusal.notes + [refusal.message]
        isAsAsked = false
    }
}

/// Why a command was not carried out.
struct Refusal: Error {
    var message: String
    var code: ExitCode
    /// What is wrong beside, to print before the message.
    var notes: [String] = []
}
