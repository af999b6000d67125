import Answering
import DNS
import Geography
import Glibc
import Platform
import Routing

@testable import State

/// A file of the state directory without its checksum; the first byte selects the file. A valid one is used, written
/// and read again.
final class StateTarget: FuzzTarget {
    private let snapshot = Sample.snapshot()
    private let new = Sample.snapshot(norway: "ashburn")
    private let serials = ScratchFile(named: "serials-\(String(identity(of: configuration), radix: 16))")
    private static let configuration = "/fuzz.yaml"

    func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let body = String(decoding: input.dropFirst(), as: UTF8.self)
        let text = "\(body)\nsum \(String(identity(of: body + "\n"), radix: 16))\n"
        switch first % 7 {
        case 0:
            guard let switches = try? SwitchFile.switches(text) else { return }
            require((try? SwitchFile.switches(SwitchFile.text(switches))) != nil, "switches that cannot be written")
            _ = (Serving(snapshot, switches: switches, at: 1_000), switches.map(\.words))
        case 1:
            guard let health = try? HealthReport(text) else { return }
            require((try? HealthReport(HealthReport(health.text).text)) != nil, "health that cannot be written")
            _ = Serving(snapshot, switches: [], health: health, at: health.time)
        case 2:
            guard let rollout = try? RolloutFile.rollout(text) else { return }
            require((try? RolloutFile.rollout(RolloutFile.text(rollout))) != nil, "a rollout that cannot be written")
            let differences = RolloutDifferences(from: snapshot, to: new)
            let serving = Serving(new, switches: [], at: 1_000)
            _ = (Candidate(rollout, serving, differences, RolloutCounts(differences)), rollout.partWords)
        case 3:
            let lines = body.split(separator: "\n").map { "\(String(identity(of: $0), radix: 16))\t\($0)" }
            let entries = lines.compactMap { HistoryEntry(line: $0[...]) }
            for entry in entries { require(HistoryEntry(line: entry.line.dropLast()) != nil, "a line is lost") }
            _ = (entries.withEnds(until: 1 << 40), entries.switches(at: 1_000), entries.map(\.extent))
        case 4:
            guard let status = CoprocessStatus(body + "\nend\n", reportedAt: 1_000) else { return }
            require(CoprocessStatus(status.text, reportedAt: 1_000) != nil, "a status that cannot be written")
        case 5:
            guard let report = try? CompileReport(text) else { return }
            require((try? CompileReport(report.text)) != nil, "a report that cannot be written")
            for (path, state) in report.states { _ = (state.words, FileState.isChanged(path, since: report.start)) }
            _ = report.changedInputs
        default:
            serials.write(Array(text.utf8))
            let ledger = SerialStore(
                of: Self.configuration, in: StateDirectory(path: serials.folder), keepsChanges: false)
            guard let apex = try? DomainName("example.com") else { return }
            let serial = ledger.serial(of: apex, content: 1, newest: 7)
            require(ledger.serial(of: apex, content: 1, newest: 7) == serial, "a serial changes by itself")
        }
    }
}
