import Answering
import DNS
import Platform
import State

/// Problems of coprocesses, health, services and databases.
extension ProblemFinder {
    mutating func coprocesses(
        _ coprocesses: [CoprocessStatus], others: [CoprocessStatus], unreadable: [Int], _ image: Status.Image?,
        _ store: ImageStore
    ) {
        for process in unreadable {
            add(.coprocess, "coprocess \(process) is running, but its status cannot be read", hint: "restart pdns")
        }
        if coprocesses.isEmpty, unreadable.isEmpty {
            let files = Set(others.map(\.configuration)).sorted()
            add(
                .coprocess, "no coprocess runs with \(file)",
                hint: files.isEmpty
                    ? "systemctl status pdns, and its log, say why"
                    : "others run with \(files.joined(separator: ", ")): --config")
        }
        for coprocess in coprocesses {
            let name = "coprocess \(coprocess.process)"
            if time - coprocess.reportedAt > Self.heartbeatLimit {
                add(
                    .coprocess,
                    "\(name): no heartbeat for \(durationWords(time - coprocess.reportedAt)): it answers as before or not at all, and no longer follows drains, health or files",
                    hint: "it is stopped, or had a fault: see the log of pdns, and restart pdns")
            } else if coprocess.loaded == nil {
                add(
                    .coprocess, "\(name) has nothing to answer from: SERVFAIL",
                    hint: "the log of pdns says why")
            } else if let image, coprocess.imageFile == nil, coprocess.image != image.id, !coprocess.follows(store) {
                add(
                    .coprocess,
                    "\(name) answers from image \(coprocess.image ?? "none"), not from \(image.id): its configuration has another path, or it has other databases, so its images and rollouts are separate",
                    hint: "write --config \(coprocess.configuration), and --database as it has it", severity: .warning)
            } else if let image, coprocess.imageFile == nil, coprocess.image != image.id,
                time - image.since > Self.heartbeatLimit
            {
                add(
                    .coprocess,
                    "\(name) answers from image \(coprocess.image ?? "none"), not from \(image.id), which is in force since \(dateTimeAndOffset(image.since)) (\(ago(image.since)))",
                    hint: "the log of pdns says why")
            }
            // Most are diagnostics of the last compilation, which all coprocesses have.
            for diagnostic in coprocess.diagnostics where !isReported(diagnostic) && !diagnostic.hasPrefix("... and ") {
                add(.coprocess, "\(name): \(diagnostic)")
                reported.insert(diagnostic)
            }
            if let refusal = coprocess.refusal {
                add(.coprocess, "\(name) was not upgraded: \(refusal.reason)", severity: .warning)
            }
        }
        let old = coprocesses.filter { $0.version != geopipeVersion }
        if !old.isEmpty {
            let versions = Set(old.map(\.version)).sorted().joined(separator: ", ")
            add(
                .coprocess,
                "\(old.count) of \(coprocesses.count) coprocesses run version \(versions), and this is \(geopipeVersion)",
                hint: "geopipe upgrade", severity: .warning)
        }
    }

    /// Returns whether a diagnostic of a compilation is already reported, or is about a reported zone.
    func isReported(_ diagnostic: String) -> Bool {
        reported.contains(diagnostic) || problems.contains { $0.message == diagnostic }
            || unusableZones.contains { diagnostic.contains(": the zone \($0) has errors") }
    }

    mutating func health(_ health: Status.Health?) {
        guard let health else { return }
        let agent = "journalctl -u geopipe-agent says why"
        if let diagnostic = health.diagnostic {
            add(
                .healthReport,
                health.reportedAt == nil
                    ? "\(diagnostic): running coprocesses keep the health that they have read, and those that start count all addresses as up"
                    : diagnostic, hint: health.reportedAt == nil ? agent : nil)
        }
        if let standing = health.vantage { vantage(standing) }
        guard health.isOld else { return }
        if let reportedAt = health.reportedAt {
            add(
                .healthReport,
                "no report of geopipe-agent since \(dateTimeAndOffset(reportedAt)) (\(ago(reportedAt))): it is stopped or stuck; its last report counts for up to 24 h",
                hint: agent)
        } else {
            add(
                .healthReport, "geopipe-agent has never reported: no address is checked, and all count as up",
                hint: "systemctl enable --now geopipe-agent")
        }
    }

    mutating func vantage(_ standing: VantageStanding) {
        let others = standing.others
        let silent = others.filter { $0.state == .silent }
        if standing.way == .cutOff {
            let reasons = silent.map { "\($0.name): \($0.trouble)" }.joined(separator: "; ")
            add(
                .vantage,
                "geopipe-agent is cut off: it has reports of \(others.count - silent.count) of \(others.count) other vantage points, and uses only its own checks (\(reasons))",
                hint:
                    "can this server reach the others, at the port of their --metrics? take it out of service while its own view may be wrong"
            )
        } else if standing.way == .quorum {
            for point in silent {
                add(
                    .vantage, "vantage point \(point.name) has no vote: \(point.trouble)",
                    hint: "see geopipe-agent there", severity: .warning)
            }
            for point in others where point.state == .fresh && point.known == 0 && point.unknown > 0 {
                add(
                    .vantage,
                    "vantage point \(point.name) checks \(point.unknown) addresses, but none that are checked here",
                    hint: "does it have the same configuration?", severity: .warning)
            }
        }
    }

    mutating func services(_ services: [Status.Service]) {
        for service in services {
            let checked = service.datacenters.filter { $0.health != nil }
            let up = checked.reduce(0) { $0 + $1.health!.up }
            if !checked.isEmpty, up == 0 {
                add(
                    .service,
                    "service \(service.name): none of its \(checked.reduce(0) { $0 + $1.health!.addresses }) checked addresses is up"
                )
            }
            for site in checked {
                guard let health = site.health, health.up < health.addresses else { continue }
                let state = health.stateWords
                let count = "\(health.up) of \(health.addresses) addresses up"
                // A drained datacenter may be down, and an operator knows that a forced one is.
                let known = site.state == .drained ? "; it is drained" : site.isForced ? "; it is forced up" : ""
                if state.isEmpty {
                    add(
                        .addresses, "service \(service.name) has \(count) in \(site.name)",
                        severity: .warning)
                } else {
                    add(
                        .datacenter,
                        "\(site.name) is \(state) for service \(service.name): \(count)\(known)",
                        severity: known.isEmpty ? .error : .warning)
                }
            }
        }
    }

    mutating func databases(_ databases: [Status.Database]) {
        for database in databases {
            guard let built = database.built, time - built > Self.databaseAge else { continue }
            add(
                .database,
                "\(visible(database.database)) was built \(dateTimeAndOffset(built)) (\(ago(built))), and addresses have moved since",
                hint: database.builtOnDisk.map { $0 > built } == true
                    ? "the one on disk is newer: geopipe compile" : "is it still being updated?", severity: .warning)
        }
    }
}
