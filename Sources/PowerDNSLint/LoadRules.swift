import Configuration
import DNS
import Glibc
import Platform

extension SettingsLint {
    /// Checks the timeout: pdns kills a starting coprocess that does not answer within it, and starts another.
    func verdict(onTimeout timeout: Int) -> ValueRule.Verdict? {
        let start = Int(deployment.startTime / .milliseconds(1))
        let atOnce = start * max(deployment.cores, coprocesses) / max(1, deployment.cores)
        // Other processes may use half of the CPU time.
        let needed = max(500, 2 * atOnce)
        let write = max(5000, (needed + 999) / 1000 * 1000)
        switch timeout {
        case ..<1: return .risky("pdns waits forever for a coprocess that hangs", write: write)
        case ...start:
            return .wrong(
                "pdns kills each coprocess before its first answer: reading zones and databases took \(start) ms here",
                write: write)
        case ..<needed:
            return .risky(
                "pdns may kill coprocesses that are still starting: reading zones and databases took \(start) ms here, and \(coprocesses) start together on \(deployment.cores) cores",
                write: write)
        default: return nil
        }
    }

    /// Checks the number of threads that receive questions: at most one for each core, but at least two, so that one
    /// answers while the coprocess of the other starts.
    func verdict(onReceivers threads: Int) -> ValueRule.Verdict? {
        let write = max(2, deployment.cores)
        switch threads {
        case ..<1: return .wrong("pdns answers nothing over UDP", write: write)
        case 1 where number("distributor-threads") <= 1 && !isPinned:
            return .risky("no question is answered while the only coprocess starts", write: write)
        case (write + 1)... where coprocesses > max(16, 4 * deployment.cores):
            return .risky(
                "pdns starts \(coprocesses) coprocesses, each with memory of its own, for \(deployment.cores) cores",
                write: write)
        case 2... where deployment.cores > 1:
            return .fine(
                "receivers and coprocesses share all cores; many simultaneous questions are answered faster by one pdns for each core (docs/pdns.md: One pdns for each core)"
            )
        default: return nil
        }
    }

    /// Whether this is one of several pdns, each pinned to a core: the file is `pdns-0.conf`, of `pdns@0.service`.
    private var isPinned: Bool {
        let name = settings.file.split(separator: "/").last ?? ""
        return (try? /pdns-[0-9]+\.conf/.wholeMatch(in: name)) != nil
    }

    /// Checks that pdns asks geopipe for the names of all zones.
    mutating func inspectRegularExpression() {
        guard let pipe, let setting = settings["\(pipe.prefix)-regex"], !setting.value.isEmpty else { return }
        guard expandedSize(ofRegularExpression: setting.value) <= 100_000 else {
            return diagnose(
                setting,
                "pdns may run out of memory: '\(setting.value)' repeats repetitions too often; remove \(pipe.prefix)-regex"
            )
        }
        var expression = regex_t()
        guard regcomp(&expression, setting.value, REG_ICASE | REG_EXTENDED | REG_NOSUB) == 0 else {
            return diagnose(
                setting, "pdns does not start: '\(setting.value)' is not a regular expression; remove it")
        }
        defer { regfree(&expression) }
        let names = deployment.configuration.zones.map(\.apex.description)
        let unasked = names.filter { regexec(&expression, $0, 0, nil, 0) != 0 }
        if let name = unasked.first {
            diagnose(
                setting,
                "pdns refuses all questions for \(name), because its name does not match; remove \(pipe.prefix)-regex"
            )
        }
    }
}
