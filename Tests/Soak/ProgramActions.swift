import Foundation
import struct Support.SeededGenerator

/// Actions on the program: upgrades, and further coprocesses.
extension Director {
    /// Installs the other copy of the program, and upgrades the coprocesses.
    func takeOver() throws {
        guard broken.isEmpty else { return }
        let next = file(site.program) == file(programs[0]) ? programs[1] : programs[0]
        let isLink = random.once(in: 2)
        journal.note("take over", isLink ? "by a link" : "by a file")
        load.phase = .takeover
        defer { load.phase = .disturbance }
        if isLink {
            try site.link("geopipe", to: next)
        } else {
            try FileManager.default.copyItem(atPath: next, toPath: site.program + ".new")
            guard rename(site.program + ".new", site.program) == 0 else { throw Failure("cannot replace geopipe") }
        }
        let ending = try geopipe(["upgrade"])
        if ending.status != 0 { journal.violation("'geopipe upgrade' fails: \(ending.output)") }
        for process in coprocesses where program(of: process) != file(site.program) {
            journal.violation(
                "\(process) does not run what is installed, after 'geopipe upgrade' said: \(ending.output)")
        }
        // The new program answers when it has loaded.
        usleep(1_000_000)
        oracle.filesChange(isBroken: false)
    }

    func takeOverBadProgram() throws {
        let path = site.folder + "/bad"
        remove(path)
        let kind = random.one(of: [
            "script that fails", "script that crashes", "torn", "text", "missing", "not executable",
        ])
        switch kind {
        case "script that fails": try place(Data("#!/bin/sh\nexit 1\n".utf8), at: path, isInPlace: true)
        case "script that crashes": try place(Data("#!/bin/sh\nkill -SEGV $$\n".utf8), at: path, isInPlace: true)
        case "torn":
            let whole = try Data(contentsOf: URL(filePath: programs[0]), options: .alwaysMapped)
            try place(whole.prefix(whole.count / 3), at: path, isInPlace: true)
        case "text", "not executable": try place(Data("no program\n".utf8), at: path, isInPlace: true)
        default: break
        }
        if kind != "not executable" { chmod(path, 0o755) }
        journal.note("take over a bad program", kind)
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: try linked())
        try site.link("geopipe", to: path)
        try expectRefusals()
        try site.link("geopipe", to: target)
    }

    /// Makes the program that pdns starts a link, if it is not one, and returns its path.
    private func linked() throws -> String {
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: site.program)) == nil {
            try site.link("geopipe", to: programs[0])
        }
        return site.program
    }

    /// The program is good, and continues with the last good data: its answers are judged like all others.
    func takeOverWhileBroken() throws {
        guard hasImage else { return }
        journal.note("take over while something is broken")
        for process in coprocesses { kill(process, SIGUSR2) }
        sleep(2)
    }

    private func expectRefusals() throws {
        readLog()
        refusals = 0
        let before = coprocesses.map(program(of:))
        for process in coprocesses { kill(process, SIGUSR2) }
        let deadline = now() + 20_000_000_000
        while refusals < coprocesses.count, now() < deadline {
            usleep(20_000)
            readLog()
        }
        if refusals < coprocesses.count || coprocesses.map(program(of:)) != before {
            journal.violation(
                "a takeover that cannot succeed is refused by \(refusals) of \(coprocesses.count) coprocesses")
        }
    }

    /// Starts another coprocess, which has only the files on disk.
    func startAnother() throws {
        guard broken.isEmpty || hasImage else { return }
        journal.note("start another coprocess", broken.isEmpty ? "" : "while something is broken")
        let start = now()
        let ending = try askAnother("api", after: 0)
        let addresses = ending.output.split(separator: "\n").compactMap { line -> [UInt8]? in
            let fields = line.split(separator: "\t")
            guard fields.first == "DATA", fields.contains("A") else { return nil }
            return fields.last?.split(separator: ".").compactMap { UInt8($0) }
        }
        let complaint = oracle.complaint(
            about: Answer(responseCode: 0, records: addresses, scope: 1), to: .list, for: .ipv4(0xc612_0000),
            asked: start,
            answered: now())
        if let complaint { journal.violation("another coprocess says \(ending.output); \(complaint)") }
    }

    /// Starts another coprocess, which must answer from the files on disk after a while, whatever image it starts
    /// with.
    func startAnotherForLong() throws {
        guard broken.isEmpty else { return }
        journal.note("start another coprocess", "and ask it later")
        let ending = try askAnother("www", after: 5)
        // The client may get the new side of a rollout.
        let zones = [versions[.zone]!] + (rollouts.zone.map { [$0] } ?? [])
        if !zones.contains(where: { ending.output.contains("\tMX\t60\t1\t\($0)\t") }) {
            journal.violation("another coprocess says \(ending.output) after 5 s; the zone has \(zones)")
        }
    }

    /// Starts another coprocess and asks it one question, some seconds later.
    private func askAnother(_ name: String, after seconds: Int) throws -> (output: String, status: Int32) {
        let question = "Q\t\(name).\(Site.zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t198.18.0.0/24\n"
        let script =
            "(printf 'HELO\\t5\\n'; sleep \(seconds); printf '\(question.replacing("\t", with: "\\t").replacing("\n", with: "\\n"))') | \"$@\""
        return try run(
            "/bin/sh",
            [
                "-c", script, "sh", "/usr/bin/timeout", "20", programs[0], "--config", site.configuration, "--state",
                site.state,
            ])
    }
}
