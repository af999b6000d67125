import Foundation
import struct Support.SeededGenerator

/// Actions on the switches: drains, and datacenters forced up.
extension Director {
    /// See `Rollouts`.
    func geopipe(_ arguments: [String]) throws -> (output: String, status: Int32) {
        try run(programs[0], arguments + ["--config", site.configuration, "--state", site.state])
    }

    func drain() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let service = random.once(in: 2) ? random.one(of: Service.allCases) : nil
        let share = random.once(in: 2) ? 100 : random.number(1...99)
        let seconds = random.once(in: 4) ? random.number(1...4) : nil
        var words = ["drain", "\(datacenter)", "--share", "\(share)%"]
        if let service { words += ["--service", "\(service)"] }
        if let seconds { words += ["--for", "\(seconds)s"] }
        let part = Part.drain(datacenter, service)
        var isOverridden = false
        switch breaksSafety(part, share) {
        case true?:
            isOverridden = random.once(in: 2)
            guard isOverridden else { return try refusedDrain(words) }
        case false?: break
        // The result depends on drains that end just now, or on whether the configuration can be read.
        case nil: isOverridden = true
        }
        if isOverridden { words += ["--override", "in_use", "--reason", "soak"] }
        rollouts.mayEnd()
        journal.note("drain", words.dropFirst().joined(separator: " "))
        checkShares()
        try oracle.change([(part, share)]) { try command(words, isDirect: isOverridden) }
        let end = seconds.map { now() + UInt64($0) * 1_000_000_000 }
        drains[part] = (share, end ?? .max)
        if let end { oracle.expect(part, toBe: 0, from: end) }
    }

    /// Returns whether a drain leaves no datacenter in use although one was; `nil` if that is unknown.
    private func breaksSafety(_ part: Part, _ share: Int) -> Bool? {
        guard broken.isEmpty else { return nil }
        let time = now()
        let isClose = drains.values.contains {
            $0.end > time - min(time, 3_000_000_000) && $0.end < time + 3_000_000_000
        }
        guard !isClose else { return nil }
        var after = drains.filter { $0.value.end > time }
        let before = after
        after[part] = (share, .max)
        func count(_ drains: [Part: (share: Int, end: UInt64)], _ service: Service?) -> Int {
            Datacenter.allCases.count { datacenter in
                [.drain(datacenter, nil), .drain(datacenter, service)].allSatisfy { (drains[$0]?.share ?? 0) < 100 }
            }
        }
        let named = Service.allCases.filter { service in
            Datacenter.allCases.contains { after[.drain($0, service)] != nil }
        }
        return ([nil] + named).contains { count(after, $0) == 0 && count(before, $0) > 0 }
    }

    /// Drains the last datacenter in use, which must be refused and change nothing.
    private func refusedDrain(_ words: [String]) throws {
        journal.note("refused drain", words.dropFirst().joined(separator: " "))
        let ending = try geopipe(words)
        if ending.status != 1 || !ending.output.contains("safety rule in_use: 1") {
            journal.violation(
                "'geopipe \(words.joined(separator: " "))' leaves nothing in use, and says: \(ending.output)")
        }
    }

    func undrain() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let service = random.once(in: 2) ? random.one(of: Service.allCases) : nil
        let words = ["undrain", "\(datacenter)"] + (service.map { ["--service", "\($0)"] } ?? [])
        journal.note("undrain", words.dropFirst().joined(separator: " "))
        checkShares()
        rollouts.mayEnd()
        let ended = service.map { [$0] } ?? [nil] + Service.allCases
        var changes = ended.map { (Part.drain(datacenter, $0), 0) }
        if service == nil {
            changes.append((.places(datacenter), 0))
            places[datacenter] = 0
        }
        try oracle.change(changes) { try command(words) }
        for service in ended { drains[.drain(datacenter, service)] = nil }
    }

    /// Drains a datacenter for the clients in some places.
    func drainPlaces() throws {
        let (datacenter, area) = (random.one(of: Datacenter.allCases), random.one(of: Places.allCases))
        try change(area, of: datacenter, to: places[datacenter, default: 0] | area.rawValue, "drain")
    }

    func undrainPlaces() throws {
        let (datacenter, area) = (random.one(of: Datacenter.allCases), random.one(of: Places.allCases))
        try change(area, of: datacenter, to: places[datacenter, default: 0] & ~area.rawValue, "undrain")
    }

    private func change(_ area: Places, of datacenter: Datacenter, to bits: Int, _ verb: String) throws {
        let words = [verb, "\(datacenter)", "--places", area.words]
        journal.note("\(verb) places", words.dropFirst().joined(separator: " "))
        rollouts.mayEnd()
        try oracle.change([(.places(datacenter), bits)]) { try command(words) }
        places[datacenter] = bits
    }

    /// Forces a datacenter up, or returns it to its checks.
    func force() throws {
        let datacenter = random.one(of: Datacenter.allCases)
        let isUp = random.once(in: 2)
        let words = ["force", "\(datacenter)", isUp ? "up" : "auto"]
        journal.note("force", words.dropFirst().joined(separator: " "))
        rollouts.mayEnd()
        try oracle.change([(.force(datacenter), isUp ? 1 : 0)]) { try command(words) }
    }

    /// Runs a command, on the shell or through pdnsutil.
    ///
    /// - Parameter isDirect: whether to run it on the shell.
    func command(_ words: [String], isDirect: Bool = false) throws {
        if !isDirect, random.once(in: 4), broken.isEmpty {
            try run(
                "/usr/bin/pdnsutil",
                ["--config-dir=\(site.folder)", "backend-cmd", "pipe", words.joined(separator: " ")])
        } else if case let ending = try geopipe(words), ending.status > 1 {
            // 1: no coprocess follows because it is stopped, or more is drained than the command undrains.
            journal.violation("'geopipe \(words.joined(separator: " "))' fails: \(ending.output)")
        }
    }

    func checkShares() {
        if let complaint = oracle.shareComplaint() { journal.violation(complaint) }
        if let complaint = oracle.rampComplaint() { journal.violation(complaint) }
    }

    /// Repeats drains that may have failed for lack of a resource.
    func makeSure(of words: [String], _ part: Part, _ share: Int) throws {
        try oracle.change([(part, share)]) { try command(words, isDirect: true) }
        drains[part] = (share, .max)
    }

    /// Ends all drains that would end by themselves.
    func undrainTimed() throws {
        for (part, drain) in drains where drain.end != .max {
            guard case .drain(let datacenter, let service) = part else { continue }
            // An undrain of all services ends those of each too.
            let ended = service.map { [$0] } ?? [nil] + Service.allCases
            var changes = ended.map { (Part.drain(datacenter, $0), 0) }
            if service == nil {
                changes.append((.places(datacenter), 0))
                places[datacenter] = 0
            }
            rollouts.mayEnd()
            try oracle.change(changes) {
                try command(
                    ["undrain", "\(datacenter)"] + (service.map { ["--service", "\($0)"] } ?? []), isDirect: true)
            }
            for service in ended { drains[.drain(datacenter, service)] = nil }
        }
    }
}
