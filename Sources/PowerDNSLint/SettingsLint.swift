import Configuration
import DNS
import Platform

/// Finds the errors that occur when a pdns_server with these settings runs geopipe.
public struct SettingsLint {
    let settings: PowerDNSConfiguration
    let deployment: Deployment
    /// The backend instances, in the order in which pdns asks them.
    let instances: [BackendInstance]
    private(set) var findings: [Diagnostic]

    /// Checks `settings` against the deployment.
    ///
    /// - Returns: errors (pdns does not start, or answers wrongly), warnings and notes, in the order of the files.
    public static func diagnostics(
        about settings: PowerDNSConfiguration, serving deployment: Deployment
    ) -> [Diagnostic] {
        var lint = Self(settings, deployment)
        lint.inspectNames()
        lint.inspectLaunch()
        lint.inspectValues()
        lint.inspectCommand()
        lint.inspectRegularExpression()
        lint.inspectSigning()
        lint.inspectAliases()
        lint.inspectTransfers()
        return lint.findings.sorted(by: lint.precedes)
    }

    /// Orders findings without a line before the lines of their file, and the included files last.
    private func precedes(_ a: Diagnostic, _ b: Diagnostic) -> Bool {
        if a.file != b.file { return a.file == settings.file || b.file != settings.file && a.file < b.file }
        guard let end = b.position else { return false }
        return a.position.map { $0 < end } ?? true
    }

    /// Orders places as `precedes` orders findings.
    func precedes(_ a: SettingPosition, _ b: SettingPosition) -> Bool {
        if a.file != b.file { return a.file == settings.file || b.file != settings.file && a.file < b.file }
        return a.position < b.position
    }

    private init(_ settings: PowerDNSConfiguration, _ deployment: Deployment) {
        self.settings = settings
        self.deployment = deployment
        instances = settings["launch"].map(BackendInstance.list) ?? []
        findings = settings.diagnostics
        if let remark = settings.server.remark { diagnose(nil, remark, isWarning: true) }
    }

    /// The instance of the pipe backend that runs geopipe: the first whose program has this name, or else the first.
    var pipe: BackendInstance? {
        let pipes = instances.filter { $0.backend == "pipe" }
        return pipes.first { settings["\($0.prefix)-command"].map(isGeopipe) ?? false } ?? pipes.first
    }

    /// Returns whether a pipe-command starts a program called geopipe.
    func isGeopipe(_ command: PowerDNSConfiguration.Setting) -> Bool {
        let program = command.value.split(separator: " ").first ?? ""
        return program.split(separator: "/").last == "geopipe"
    }

    /// The number of coprocesses that pdns starts for each pipe instance: one for each thread that asks backends.
    var coprocesses: Int {
        let distributors = max(1, number("distributor-threads")) * max(1, number("receiver-threads"))
        let communicates = ["primary", "master", "secondary", "slave"].contains(where: isOn)
        return distributors + (communicates ? 3 : 2)
    }

    /// Returns whether pdns takes a setting as yes: any value except `no` and `off`, if pdns knows the setting.
    func isOn(_ name: String) -> Bool { server.settings[name] != nil && !["no", "off"].contains(value(name)) }

    /// Returns the number that pdns reads from a setting; 0 if the value is not a number.
    func number(_ name: String) -> Int { parseNumber(value(name)) ?? 0 }

    private func value(_ name: String) -> String { settings[name]?.value ?? server.settings[name] ?? "" }

    var server: KnownServer { settings.server }

    // MARK: - Findings

    mutating func diagnose(_ place: SettingPosition, _ message: String, isWarning: Bool = false) {
        findings.append(
            Diagnostic(file: place.file, position: place.position, message: message, isWarning: isWarning))
    }

    /// Adds a finding about a setting, or about the file that lacks it.
    mutating func diagnose(_ setting: PowerDNSConfiguration.Setting?, _ message: String, isWarning: Bool = false) {
        diagnose(setting, message, severity: isWarning ? .warning : .error)
    }

    mutating func diagnose(
        _ setting: PowerDNSConfiguration.Setting?, _ message: String, severity: Diagnostic.Severity
    ) {
        findings.append(
            Diagnostic(
                file: setting?.place.file ?? settings.file, position: setting?.place.position, message: message,
                severity: severity))
    }
}

/// The former name of `SettingsLint`, until the callers in other targets use the new one.

/// An item of `launch`: a backend, or `backend:name`.
struct BackendInstance {
    var backend: String
    /// The beginning of its settings' names: `pipe`, or `pipe-geo` for `pipe:geo`.
    var prefix: String
    var item: PowerDNSConfiguration.Setting.Part

    static func list(_ launch: PowerDNSConfiguration.Setting) -> [Self] {
        launch.parts(separatedBy: ", ").compactMap { item in
            let parts = item.text.split(separator: ":")
            guard let backend = parts.first else { return nil }
            return Self(
                backend: String(backend), prefix: parts.prefix(2).joined(separator: "-"), item: item)
        }
    }
}

extension PowerDNSConfiguration {
    subscript(name: String) -> Setting? { settings[name] }
}
