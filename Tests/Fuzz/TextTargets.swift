import Compiler
import Configuration
import Geography
import Glibc
import Platform
import PowerDNSLint
import Telemetry

/// A pdns.conf, for one of several releases.
final class SettingsTarget: FuzzTarget {
    private let configuration = Sample.configuration()
    private let servers = ["4.7", "5.0", "5.1"].map { KnownServer(version: ServerVersion($0)!) }
    private let file = ScratchFile("pdns.conf")

    func run(_ input: [UInt8]) {
        file.write(input)
        let server = servers[input.count % servers.count]
        guard let settings = try? PowerDNSConfiguration(contentsOf: file.path, for: server) else { return }
        let deployment = Deployment(configuration: configuration, startTime: .milliseconds(300), cores: 2) {
            [configuration] _ in configuration.file
        }
        _ = SettingsLint.diagnostics(about: settings, serving: deployment)
    }
}

/// A datagram of counts or hits. A valid one is equal after writing and reading it again.
struct DatagramTarget: FuzzTarget {
    func run(_ input: [UInt8]) {
        if let report = Report(input) {
            let parts = report.datagrams.map { Report($0)! }
            require(parts.flatMap(\.counts) == report.counts, "counts are not the same")
            require(parts.first?.condition == report.condition, "the condition is not the same")
            var totals = AggregatedMetrics()
            for datagram in [input] + report.datagrams { totals.take(datagram, at: 1_000) }
            var text = PrometheusText()
            totals.write(to: &text)
        }
        if let report = HitReport(input) {
            require(report.datagrams.flatMap { HitReport($0)!.hits } == report.hits, "hits are not the same")
        }
    }
}

/// A JSON text. A valid one is equal after writing and reading it again.
struct JSONTarget: FuzzTarget {
    func run(_ input: [UInt8]) {
        guard let value = try? JSON(reading: input) else { return }
        for text in [value.compact, value.pretty] {
            guard let again = try? JSON(reading: text.utf8) else { fatalError("cannot read \(text)") }
            require(again.compact == value.compact, "\(again.compact) is not \(value.compact)")
        }
    }
}

/// A hits log: its lines, and for some inputs the log as a whole.
struct HitsLogTarget: FuzzTarget {
    private let log = ScratchFile("hits")

    func run(_ input: [UInt8]) {
        for line in input.split(separator: 0x0a) { _ = HitsLine(line)?.time }
        guard input.isChosen(oneIn: 32) else { return }
        log.write(input)
        guard let file = try? HitsFile(log.path) else { return }
        require(file.first <= file.last, "the log ends before it begins")
        for time in [file.first, file.first + (file.last - file.first) / 2, file.last] {
            var reader = file.lines(from: time)
            while let (line, _) = reader.next() { _ = line.time }
        }
    }
}

/// Parts of a request to the agent, and the file of a file check: one on each line.
struct RequestTarget: FuzzTarget {
    private let token = LiveToken("0123456789abcdef")

    func run(_ input: [UInt8]) {
        let contents = FileContents(input)
        for address in ["192.0.2.1", "2001:db8::1"] { _ = contents.outcome(address) }
        let lines = input.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
        for line in lines {
            if let target = LiveTarget(line) { for name in target.names { _ = target[name] } }
            if let authority = WebAuthority(line) {
                let text = authority.host.contains(":") ? "[\(authority.host)]" : authority.host
                require(WebAuthority(text)?.host == authority.host, "\(line) is another host when it is read again")
                for other in lines { _ = authority.isOrigin(other) }
            }
            _ = parseWeight(line)
        }
        // Hashing takes longer than all of the above.
        for line in lines.prefix(2) {
            require(!token.isToken(line) || line == "0123456789abcdef", "a wrong token is taken")
            require(!token.isCookie(line) || line == token.cookie, "a wrong cookie is taken")
        }
    }
}
