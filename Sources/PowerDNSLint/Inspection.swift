import Configuration
import DNS
import Platform

/// Looks for what will go wrong when a pdns_server with these settings serves with geopipe.
public struct Inspection {
    let settings: PowerDNSConfiguration
    let deployment: Deployment
    /// The backend instances, in the order in which pdns asks them.
    let instances: [BackendInstance]
    private(set) var findings: [Complaint]

    /// Holds `settings` against what they are to serve.
    ///
    /// - Returns: errors, with which pdns does not start or answers wrong, warnings and notes, in the order of the files.
    public static func complaints(
        about settings: PowerDNSConfiguration, serving deployment: Deployment
    ) -> [Complaint] {
        var inspection = Self(settings, deployment)
        inspection.inspectNames()
        inspection.inspectLaunch()
        inspection.inspectValues()
        inspection.inspectCommand()
        inspection.inspectRegularExpression()
        inspection.inspectSigning()
        inspection.inspectAliases()
        inspection.inspectTransfers()
        return inspection.findings.sorted(by: inspection.precedes)
    }

    /// What is in no line comes before the lines of its file, and the included files come behind.
    private func precedes(_ a: Complaint, _ b: Complaint) -> Bool {
        if a.file != b.file { return a.file == settings.file || b.file != settings.file && a.file < b.file }
        guard let end = b.position else { return false }
        return a.position.map { $0 < end } ?? true
    }

    private init(_ settings: PowerDNSConfiguration, _ deployment: Deployment) {
        self.settings = settings
        self.deployment = deployment
        instances = settings["launch"].map(BackendInstance.list) ?? []
        findings = settings.complaints
        if let remark = settings.server.remark { complain(nil, remark, isWarning: true) }
    }

    /// The instance of the pipe backend that is taken to be geopipe's: the first that starts a program of this name.
    var pipe: BackendInstance? {
        let pipes = instances.filter { $0.backend == "pipe" }
        return pipes.first { settings["\($0.prefix)-command"].map(isGeopipe) ?? false } ?? pipes.first
    }

    /// Whether a pipe-command starts a program called geopipe.
    func isGeopipe(_ command: PowerDNSConfiguration.Setting) -> Bool {
        let program = command.value.split(separator: " ").first ?? ""
        return program.split(separator: "/").last == "geopipe"
    }

    /// How many coprocesses of each pipe instance pdns starts: one for each thread that asks backends.
    var coprocesses: Int {
        let distributors = max(1, number("distributor-threads")) * max(1, number("receiver-threads"))
        let communicates = ["primary", "master", "secondary", "slave"].contains(where: isOn)
        return distributors + (communicates ? 3 : 2)
    }

    /// Whether pdns takes a setting for yes: that is every word but two, for one that it knows.
    func isOn(_ name: String) -> Bool { server.settings[name] != nil && !["no", "off"].contains(value(name)) }

    /// A number as pdns reads it; 0 for what is none.
    func number(_ name: String) -> Int { parseNumber(value(name)) ?? 0 }

    private func value(_ name: String) -> String { settings[name]?.value ?? server.settings[name] ?? "" }

    var server: KnownServer { settings.server }

    // MARK: - Complaining

    mutating func complain(_ place: Place, _ message: String, isWarning: Bool = false) {
        findings.append(
            Complaint(file: place.file, position: place.position, message: message, isWarning: isWarning))
    }

    /// Complains of a setting, or of the file that lacks it.
    mutating func complain(_ setting: PowerDNSConfiguration.Setting?, _ message: String, isWarning: Bool = false) {
        complain(setting, message, severity: isWarning ? .warning : .error)
    }

    mutating func complain(
        _ setting: PowerDNSConfiguration.Setting?, _ message: String, severity: Complaint.Severity
    ) {
        findings.append(
            Complaint(
                file: setting?.place.file ?? settings.file, position: setting?.place.position, message: message,
                severity: severity))
    }
}

/// An item of `launch`: a backend, or `backend:name`.
struct BackendInstance {
    var backend: String
    /// What the names of its settings begin with: `pipe`, or `pipe-geo` of `pipe:geo`.
    var prefix: String
    var word: PowerDNSConfiguration.Setting.Word

    static func list(_ launch: PowerDNSConfiguration.Setting) -> [Self] {
        launch.words(separatedBy: ", ").compactMap { word in
            let parts = word.text.split(separator: ":")
            guard let backend = parts.first else { return nil }
            return Self(
                backend: String(backend), prefix: parts.prefix(2).joined(separator: "-"), word: word)
        }
    }
}

extension PowerDNSConfiguration {
    subscript(name: String) -> Setting? { settings[name] }
}
