import Foundation
import struct Support.SeededGenerator

/// Actions on the files that geopipe reads.
extension Director {
    func change(_ part: Part, _ way: Site.Way) throws {
        let old = versions[part]!
        let new =
            switch part {
            case .database: 1 - old
            case .networks where random.once(in: 5): 0
            default: old % 250 + 1
            }
        versions[part] = new
        broken.remove(part)
        rollouts.filesChange()
        try oracle.change([(part, new)]) { try site.put(part, new, broken.isEmpty ? way : .renamed) }
        oracle.filesChange(isBroken: isBroken)
        if isAgentBlind, !isBroken {
            isAgentBlind = false
            oracle.agentIs(away: false)
            rollouts.mayEnd()
        }
    }

    func changeFile() throws { try changeFile(waits: true) }

    /// - Parameter waits: whether to wait until all coprocesses have loaded.
    func changeFile(waits: Bool) throws {
        let (part, way) = (random.one(of: Part.files), random.one(of: Site.Way.allCases))
        journal.note("change", "\(part) \(way)")
        guard waits else { return try change(part, way) }
        try whileLoading(.change) { try change(part, way) }
    }

    func changeManyFiles() throws {
        journal.note("change many files")
        for _ in 0..<random.number(2...10) {
            try change(random.one(of: Part.files), random.one(of: Site.Way.allCases))
            pause(0...random.number(1...400))
        }
    }

    /// Breaks a file and repairs it, sometimes with another step in between.
    func breakFile() throws {
        let part = random.one(of: Part.files)
        let damage = random.one(of: Site.damages(of: part))
        journal.note("break", "\(part) \(damage)")
        oracle.filesChange(isBroken: true)
        broken.insert(part)
        rollouts.filesChange()
        try site.damage(part, max(1, versions[part]!), damage, isInPlace: random.once(in: 2))
        pause(0...1_500)
        if random.once(in: 3) { try random.one(of: [drain, undrain, startAnother, takeOverWhileBroken, hangUp])() }
        guard !random.once(in: 3) else { return }
        try mend(part)
    }

    func mend(_ part: Part) throws {
        journal.note("mend", "\(part)")
        try change(part, random.once(in: 2) ? .inPlace : .renamed)
    }

    func hangUp() {
        let count = random.one(of: [1, 1, 50])
        journal.note("SIGHUP", "\(count) times")
        whileLoading(.change) {
            for _ in 0..<count {
                for process in coprocesses { kill(process, SIGHUP) }
                if count > 1 { pause(0...10) }
            }
            oracle.filesChange(isBroken: isBroken)
        }
    }

    /// Causes a reload of all coprocesses, and waits until they have loaded, or a compiler has logged an error.
    func whileLoading(_ phase: Phase, _ body: () throws -> Void) rethrows {
        readLog()
        let (before, failed) = (loads, failures)
        let phaseBefore = load.phase
        load.phase = phase
        defer { load.phase = phaseBefore }
        try body()
        let deadline = now() + 10_000_000_000
        while coprocesses.contains(where: { loads[$0] == before[$0] }), failures == failed, now() < deadline {
            usleep(5_000)
            readLog()
        }
    }

    /// Overwrites a file while a compiler reads it.
    func replaceWhileCompiling() throws {
        let part = random.once(in: 2) ? .database : random.one(of: Part.files)
        journal.note("replace while compiling", "\(part)")
        oracle.filesChange(isBroken: isBroken)
        _ = startCompilers()
        pause(0...400)
        try change(part, random.once(in: 3) ? .renamed : .inPlace)
    }

    /// Changes a file, with a modification time in the future, long ago, or equal to the one before.
    func misdate() throws {
        let part = random.one(of: Part.files)
        let year = random.one(of: [1970, 2001, 2038, 2100])
        journal.note("misdate", "\(part), \(year)")
        try change(part, .renamed)
        site.date(part, (year - 1970) * 31_556_952)
        oracle.filesChange(isBroken: isBroken)
    }
}
