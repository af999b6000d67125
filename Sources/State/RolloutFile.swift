import Geography

/// The format of the rollout file: a line for each field.
enum RolloutFile {
    private static let heading = "geopipe rollout 1"

    static func text(_ rollout: Rollout) -> String {
        var lines = [
            ["id", rollout.id], ["progress", rollout.progress.rawValue], ["owner", rollout.owner],
            ["since", "\(rollout.since)"], ["reason", rollout.reason], ["images", rollout.images],
            ["old", rollout.old], ["new", rollout.new], ["source", rollout.source],
            ["kind", rollout.isConfiguration ? "configuration" : "image"], ["configuration", rollout.configuration],
            ["found", rollout.configurationState], ["plan", rollout.plan],
            ["refusals", "\(rollout.refusalLimit)"],
        ]
        switch rollout.part {
        case .dark: lines.append(["part", "dark"])
        case .share(let percent): lines.append(["part", "share", "\(percent)"])
        case .places(let areas): lines.append(["part", "places", areaField(areas)])
        }
        lines += rollout.down.map { ["down", $0] }
        if let commit = rollout.commit { lines.append(["commit", commit.content, commit.image]) }
        if let end = rollout.end {
            lines.append([
                "end", "\(end.time)", end.user, end.isAutomatic ? "automatic" : "by hand", end.backup, end.reason,
            ])
        }
        return StateFile.text(heading, lines)
    }

    /// Reads what `text` wrote. A field that this version does not know makes the file invalid.
    static func rollout(_ text: String) throws(StateFile.Untrusted) -> Rollout {
        var fields: [String: [String]] = [:]
        var down: [String] = []
        for line in try StateFile.lines(text, heading) {
            if line.count == 2, line[0] == "down" { down.append(line[1]) } else { fields[line[0]] = line }
        }
        func untrusted(_ name: String) -> StateFile.Untrusted {
            StateFile.Untrusted(description: "its field '\(name)' is missing or invalid")
        }
        func field(_ name: String) throws(StateFile.Untrusted) -> String {
            guard let line = fields.removeValue(forKey: name), line.count == 2 else { throw untrusted(name) }
            return line[1]
        }
        func number(_ name: String) throws(StateFile.Untrusted) -> Int {
            guard let number = State.number(ofField: try field(name)) else { throw untrusted(name) }
            return number
        }
        let kind = try field("kind")
        guard ["configuration", "image"].contains(kind) else { throw untrusted("kind") }
        var rollout = Rollout(
            id: try field("id"), owner: try field("owner"), since: try number("since"), images: try field("images"),
            old: try field("old"), new: try field("new"), source: try field("source"),
            isConfiguration: kind == "configuration", configuration: try field("configuration"),
            configurationState: try field("found"))
        rollout.reason = try field("reason")
        rollout.plan = try field("plan")
        rollout.refusalLimit = try number("refusals")
        rollout.down = down
        guard let progress = Rollout.Progress(rawValue: try field("progress")) else { throw untrusted("progress") }
        rollout.progress = progress
        guard let part = fields.removeValue(forKey: "part").flatMap(part) else { throw untrusted("part") }
        rollout.part = part
        if let commit = fields.removeValue(forKey: "commit") {
            guard commit.count == 3 else { throw untrusted("commit") }
            rollout.commit = Rollout.Commit(content: commit[1], image: commit[2])
        }
        if let end = fields.removeValue(forKey: "end") {
            guard end.count == 6, let time = State.number(ofField: end[1]) else { throw untrusted("end") }
            rollout.end = Rollout.End(
                user: end[2], time: time, reason: end[5], isAutomatic: end[3] == "automatic", backup: end[4])
        }
        // The id becomes part of file names.
        guard !rollout.id.isEmpty, rollout.id.utf8.allSatisfy(isPlain) else { throw untrusted("id") }
        if let name = fields.keys.first { throw untrusted(name) }
        return rollout
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
    }

    private static func part(_ line: [String]) -> Rollout.Part? {
        switch (line.dropFirst().first, line.count) {
        case ("dark", 2): return .dark
        case ("share", 3): return Int(line[2]).flatMap { 1...100 ~= $0 ? .share($0) : nil }
        case ("places", 3): return areas(ofField: line[2]).flatMap { $0.isEmpty ? nil : .places($0) }
        default: return nil
        }
    }
}
