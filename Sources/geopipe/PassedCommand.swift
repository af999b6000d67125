import ArgumentParser
import DNS
import Platform

extension ConfigurationOptions {
    /// Runs a command that pdns passed on from pdnsutil, for the configuration of this coprocess.
    ///
    /// - Returns: the lines of its output.
    func perform(_ command: String) -> [String] {
        var arguments = words(command)
        switch arguments.first {
        case "drain", "undrain", "force", "history", "status": break
        case "version": return ["geopipe \(geopipeVersion)"]
        case "help", nil:
            return [
                "drain DATACENTER [--service SERVICE] [--places NO,US-CA] [--share 25%] [--for 2h] [--reason WORDS] [--override RULE]",
                "undrain DATACENTER [--service SERVICE] [--places NO,US-CA]",
                "force DATACENTER up|auto [--service SERVICE] [--for 2h] [--reason WORDS]", "history [--json]",
                "status [--json]", "version", "help",
            ]
        case let other?: return ["unknown command '\(other)'; try help"]
        }
        arguments += ["--config", file] + databases.flatMap { ["--database", $0] }
        arguments += stateDirectory.map { ["--state", $0] } ?? []
        var hasJSON = false
        do {
            switch try Geopipe.parseAsRoot(arguments) {
            case let command as any SwitchCommand:
                hasJSON = command.output.json
                // pdns waits two seconds for an answer, unless pipe-timeout says otherwise.
                let outcome = try command.perform(by: "pdnsutil", timeout: 1_000)
                return hasJSON ? outcome.json.lines : outcome.notes + outcome.text
            case let history as HistoryCommand: return try history.lines()
            case let status as StatusCommand: return try status.lines()
            default: return []
            }
        } catch let refusal as Refusal {
            return hasJSON ? SwitchOutcome(refusal).json.lines : refusal.notes + [refusal.message]
        } catch {
            return Geopipe.message(for: error).split(separator: "\n").map(String.init)
        }
    }
}

/// Splits words as a shell does: at spaces, except inside quotation marks.
private func words(_ text: String) -> [String] {
    var words: [String] = []
    var word: String?
    var mark: Character?
    for character in text {
        if character == mark {
            mark = nil
        } else if mark == nil, character == "\"" || character == "'" {
            mark = character
            word = word ?? ""
        } else if mark == nil, character == " " || character == "\t" {
            if let complete = word { words.append(complete) }
            word = nil
        } else {
            word = (word ?? "") + String(character)
        }
    }
    return words + [word].compactMap(\.self)
}
