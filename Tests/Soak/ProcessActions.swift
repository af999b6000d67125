import Foundation
import struct Support.SeededGenerator

/// Actions on coprocesses and compilers.
extension Director {
    /// Kills or stops the compiler while it works: answers must not change.
    func disturbCompiler() throws {
        let isKilled = random.once(in: 2)
        journal.note(isKilled ? "kill the compiler" : "stop the compiler")
        oracle.filesChange(isBroken: true)
        let compilers = startCompilers()
        pause(0...400)
        for compiler in compilers { kill(compiler, isKilled ? SIGKILL : SIGSTOP) }
        pause(0...1_500)
        if random.once(in: 2) { try random.one(of: [startAnother, drain, takeOverWhileBroken])() }
        for compiler in compilers where !isKilled { kill(compiler, SIGCONT) }
        if compilers.isEmpty {
            obstacle = "no compiler was found"
            journal.note("no compiler was found")
        }
        hangUp()
    }

    /// Causes a reload, and waits up to three seconds for a compiler.
    func startCompilers() -> [pid_t] {
        for process in coprocesses { kill(process, SIGHUP) }
        let deadline = now() + 3_000_000_000
        var compilers: [pid_t] = []
        while compilers.isEmpty, now() < deadline {
            usleep(1_000)
            compilers = (coprocesses + pipes.compactMap(\.process)).flatMap(children(of:)).filter {
                state(of: $0) != "Z"
            }
        }
        return compilers
    }

    /// Kills a coprocess of pdns, which starts another. Only the pending questions of its thread in pdns are lost.
    func killCoprocess() throws {
        guard !isBroken, hasImage else { return }
        waitUntilSettled()
        journal.note("kill a coprocess of pdns")
        readLog()
        let victim = random.one(of: coprocesses)
        kills += 1
        isKilling = true
        defer { isKilling = false }
        load.coprocessIsKilled()
        kill(victim, SIGKILL)
        // pdns reads from the next one before asking it anything, and replaces it after pipe-timeout.
        let deadline = now() + 20_000_000_000
        var (seen, since, asked) = (server.coprocesses, now(), now())
        while seen.contains(victim) || seen.count < coprocesses.count || now() < since + 6_500_000_000 {
            guard now() < deadline else {
                return journal.violation("pdns has not started another coprocess in the place of \(victim)")
            }
            usleep(20_000)
            if now() > asked + 1_000_000_000 {
                asked = now()
                server.askOverTCP(Message.question(1, "www.\(Site.zone)", type: 1, client: .ipv4(0x0a00_0000)))
            }
            if case let found = server.coprocesses, found != seen { (seen, since) = (found, now()) }
        }
        load.coprocessIsReplaced()
        coprocesses = server.coprocesses
        readLog()
        hangUp()
    }

    func killCoprocessOnPipe() throws {
        guard !isBroken, hasImage, !pipes.isEmpty else { return }
        waitUntilSettled()
        journal.note("kill a coprocess on pipes")
        random.one(of: pipes).killCoprocess()
        hangUp()
    }

    /// It starts from the files on disk, which must be in force.
    private func waitUntilSettled() {
        while case let settled = oracle.settled, settled != .max, settled > now(), !Interruption.isThere {
            usleep(50_000)
        }
    }

    /// Stops a coprocess so briefly that the kernel can buffer all waiting questions.
    func stopCoprocess() {
        let process = random.one(of: all)
        let isOfServer = coprocesses.contains(process)
        journal.note("stop a coprocess \(isOfServer ? "of pdns" : "on pipes")")
        kill(process, SIGSTOP)
        pause(isOfServer ? 20...150 : 20...2_000)
        kill(process, SIGCONT)
    }
}
