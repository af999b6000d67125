import Foundation
import struct Support.SeededGenerator

/// Faults of the machine.
extension Director {
    // MARK: Lack of resources

    /// Fills the state directory's disk for a while.
    func fillDisk() throws {
        guard let disk = site.disk else { return }
        let room = random.one(of: [0, 0, 20_000, 1_000_000])
        try inNeed("fill the disk", "to \(room) bytes") {
            guard disk.fill(leaving: room) else { return nil }
            return { try disk.makeRoom() }
        }
    }

    /// Makes the state directory read-only for a while.
    func makeDiskReadOnly() throws {
        guard let disk = site.disk else { return }
        try inNeed("make the state directory read-only") { [self] in
            guard disk.makeReadOnly() else {
                obstacle = String(cString: strerror(errno))
                return nil
            }
            return { try disk.makeWritable() }
        }
    }

    /// Prevents coprocesses from opening files for a while.
    func exhaustDescriptors() throws {
        try inNeed("exhaust descriptors") { [self] in lift(all.compactMap(ProcessLimit.descriptors)) }
    }

    /// Limits the memory of coprocesses for a while.
    func exhaustMemory() throws {
        let more = random.number(4...64) << 20
        try inNeed("exhaust memory", "but for \(more >> 20) MiB") { [self] in
            lift(all.compactMap { ProcessLimit.memory(of: $0, more: more) })
        }
    }

    var all: [pid_t] { coprocesses + pipes.compactMap(\.process) }

    private func lift(_ limits: [ProcessLimit]) -> (() -> Void)? {
        limits.isEmpty ? nil : { for limit in limits { limit.lift() } }
    }

    /// Changes, loads and drains while a resource is lacking: each step either works or changes nothing, and all work
    /// afterwards.
    ///
    /// - Parameter begin: starts the lack, and returns a function that ends it; `nil` if that is not possible.
    private func inNeed(_ kind: String, _ detail: String = "", _ begin: () -> (() throws -> Void)?) throws {
        // The steps of a rollout need all resources.
        try rollouts.end()
        journal.note(kind, detail)
        isInNeed = true
        oracle.filesChange(isBroken: true)
        oracle.agentIs(away: true)
        var inDoubt: [(words: [String], part: Part, share: Int)] = []
        if let end = begin() {
            for _ in 0..<random.number(1...4) {
                pause(0...600)
                switch random.number(0...3) {
                case 0: try changeFile(waits: false)
                case 1: hangUp()
                default: inDoubt.append(try drainInDoubt())
                }
            }
            pause(0...1_500)
            try end()
        } else {
            obstacle = obstacle ?? "the kernel refuses it"
            journal.note("\(kind): not possible: \(obstacle!)")
        }
        journal.note("\(kind): over")
        isInNeed = false
        for (words, part, share) in inDoubt { try makeSure(of: words, part, share) }
        if !isAgentBlind { oracle.agentIs(away: false) }
        hangUp()
    }

    /// Drains a datacenter; whether it works is unknown until it is repeated.
    private func drainInDoubt() throws -> (words: [String], part: Part, share: Int) {
        let (datacenter, service) = (random.one(of: Datacenter.allCases), random.one(of: Service.allCases))
        let share = random.once(in: 2) ? 100 : random.number(1...99)
        let words = [
            "drain", "\(datacenter)", "--share", "\(share)%", "--service", "\(service)", "--override", "in_use",
            "--reason", "soak",
        ]
        let part = Part.drain(datacenter, service)
        journal.note("drain in need", words.dropFirst().joined(separator: " "))
        rollouts.mayEnd()
        checkShares()
        oracle.mayBe(part, share)
        let ending = try geopipe(words)
        // 1 or 2: the command reports what failed; 2 if it cannot use the state directory.
        if !(0...2).contains(ending.status) {
            journal.violation("'geopipe \(words.joined(separator: " "))' in need fails: \(ending.output)")
        }
        return (words, part, share)
    }

    // MARK: Time

    /// Sets the clock of all programs, once or several times, and sometimes finally back to this machine's.
    func stepClock() throws {
        guard let clock else { return }
        try undrainTimed()
        for _ in 0..<random.number(1...3) {
            let offset = random.once(in: 3) ? 0 : random.one(of: Self.offsets)
            journal.note("set the clock", "by \(offset - clock.offset) s, to this machine's and \(offset) s")
            rollouts.mayEnd()
            guard clock.set(to: offset) else { return journal.note("set the clock: no room") }
            oracle.clockSteps()
            pause(0...2_500)
        }
    }

    /// In seconds: some seconds, minutes, an hour, a day and years.
    private static let offsets = [3, -3, 90, -90, 3_600, -3_600, 90_000, -90_000, 400_000_000, -400_000_000]
}
