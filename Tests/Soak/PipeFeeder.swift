import Foundation
import Synchronization
import struct Support.SeededGenerator

/// Asks its own coprocess through pipes at a fixed rate, and judges all answers.
final class PipeFeeder: Sendable {
    private struct State {
        var process: pid_t = 0
        var isToDie = false
        var result: PipeFigures?
    }

    private static let blockSize = 1_024
    /// How often a block is asked before its clients change.
    private static let repetitions = 40
    /// The time limit for the answers to a block, in nanoseconds.
    private static let patience: UInt64 = 5_000_000_000
    /// The same after a start, which may have to compile everything.
    private static let startPatience: UInt64 = 30_000_000_000

    private let words: [String]
    private let log: String
    private let rate: Int
    private let questions: [Question]
    private let oracle: Oracle
    private let journal: Journal
    private let seed: UInt64
    private let state = Mutex(State())
    private let answeredSoFar = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)

    init(_ site: Site, rate: Int, asksChecked: Bool, oracle: Oracle, journal: Journal, seed: UInt64) {
        words = ["/usr/bin/nice", "-n", "15", site.program, "--config", site.configuration, "--state", site.state]
        log = site.folder + "/pipes.log"
        (self.rate, self.oracle, self.journal, self.seed) = (rate, oracle, journal, seed)
        questions = Question.allCases.filter { asksChecked || $0 != .checked }
            .flatMap { [Question](repeating: $0, count: $0.weight) }
    }

    var process: pid_t? { state.withLock { $0.process > 0 ? $0.process : nil } }
    var answered: Int { answeredSoFar.load(ordering: .relaxed) }

    func start() { startThread { [self] in run() } }

    /// Kills the coprocess; another one is started.
    func killCoprocess() {
        state.withLock { state in
            guard state.process > 0 else { return }
            state.isToDie = true
            kill(state.process, SIGKILL)
        }
    }

    func stop() -> PipeFigures {
        isStopped.store(true, ordering: .relaxed)
        while true {
            if let figures = state.withLock(\.result) { return figures }
            usleep(10_000)
        }
    }

    // MARK: The thread

    private func run() {
        // Questions through pdns have priority.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
        var random = SeededGenerator(seed: seed)
        var figures = PipeFigures()
        var dialogue: PipeDialogue?
        var block = newBlock(&random)
        var rounds = 0
        var due = now()
        while !isStopped.load(ordering: .relaxed) {
            if dialogue == nil {
                do { dialogue = try begin() } catch {
                    journal.violation("a coprocess on pipes does not start: \(error)")
                    sleep(1)
                    continue
                }
            }
            rounds += 1
            if rounds % Self.repetitions == 0 { block = newBlock(&random) }
            if rounds % 8 == 0, let running = dialogue {
                figures.hostile += askHostile(running, &random)
            }
            if !ask(&block, dialogue!, &figures) {
                dialogue!.end()
                dialogue = nil
                due = now()
                continue
            }
            answeredSoFar.store(figures.answered, ordering: .relaxed)
            due += UInt64(Self.blockSize) * 1_000_000_000 / UInt64(rate)
            let time = now()
            if due > time { usleep(UInt32((due - time) / 1_000)) }
            // Long delays are not made up for at once.
            due = max(due, time - min(time, 2_000_000_000))
        }
        dialogue?.end()
        state.withLock { state in
            state.process = 0
            state.result = figures
        }
    }

    private func begin() throws -> PipeDialogue {
        let dialogue = try PipeDialogue(words, log: log)
        guard dialogue.greet(patience: Self.startPatience) else {
            dialogue.end()
            throw Failure("no greeting")
        }
        state.withLock { state in
            state.process = dialogue.process
            state.isToDie = false
        }
        return dialogue
    }

    private func newBlock(_ random: inout SeededGenerator) -> PipeBlock {
        PipeBlock(
            (0..<Self.blockSize).map { _ in
                let bits = random.next()
                let client: Client =
                    random.once(in: 8)
                    ? .ipv6((0x2400 << 48 | bits >> 4) & 0x3fff_ffff_ffff_ff00 | 0x2400 << 48)
                    : .ipv4(UInt32(0x0100_0000 + bits % 0xde00_0000) & 0xffff_ff00)
                return PipeBlock.Entry(question: random.one(of: questions), client: client)
            }, zone: Site.zone)
    }

    // MARK: Questions

    /// - Returns: false if the coprocess has ended.
    private func ask(_ block: inout PipeBlock, _ dialogue: PipeDialogue, _ figures: inout PipeFigures) -> Bool {
        let asked = now()
        let isWhole = dialogue.exchange(
            block.lines, answers: block.entries.count, like: block.judged, patience: Self.patience)
        let answered = now()
        figures.longest = max(figures.longest, answered - asked)
        let validity = oracle.validity(of: asked)
        let isStillRight = validity.revision == block.validity.revision && asked <= block.validity.end
        if isWhole, dialogue.isAlike, isStillRight {
            figures.answered += block.entries.count
            return true
        }
        let ends = dialogue.isAlike ? block.ends.filter { $0 <= dialogue.received.count } : dialogue.ends
        figures.answered += min(ends.count, block.entries.count)
        let areAllRight = judge(block, ends, dialogue, isStillRight, asked, answered, &figures)
        guard isWhole else {
            let (process, isToDie) = state.withLock { state in
                defer { (state.process, state.isToDie) = (0, false) }
                return (state.process, state.isToDie)
            }
            if isToDie {
                figures.kills += 1
                figures.lostToKills += block.entries.count - min(ends.count, block.entries.count)
            } else {
                journal.violation(
                    "the coprocess \(process) on pipes \(dialogue.hasEnded ? "has ended" : "does not answer") after \(ends.count) of \(block.entries.count) answers"
                )
                kill(process, SIGKILL)
            }
            return false
        }
        if ends.count > block.entries.count {
            journal.violation("a coprocess on pipes has given more answers than it was asked for")
        }
        // Nothing changed during the judgement.
        if areAllRight, oracle.validity(of: asked) == validity {
            if !dialogue.isAlike {
                block.judged = Array(dialogue.received)
                block.ends = ends
            }
            block.validity = validity
        } else {
            block.validity.revision = -1
        }
        return true
    }

    /// Judges answers one by one, except for those that were judged and are still right.
    private func judge(
        _ block: PipeBlock, _ ends: [Int], _ dialogue: PipeDialogue, _ isStillRight: Bool, _ asked: UInt64,
        _ answered: UInt64, _ figures: inout PipeFigures
    ) -> Bool {
        dialogue.withReceived { bytes in
            var areAllRight = true
            var (start, judgedStart) = (0, 0)
            for (number, (entry, end)) in zip(block.entries, ends).enumerated() {
                let lines = bytes[start..<end]
                start = end
                if isStillRight, number < block.ends.count {
                    let judged = block.judged[judgedStart..<block.ends[number]]
                    judgedStart = block.ends[number]
                    if judged.elementsEqual(lines) { continue }
                }
                figures.judgedAlone += 1
                guard let answer = PipeReply.answer(lines, to: entry.question) else {
                    journal.violation(
                        "a coprocess on pipes says: \(String(decoding: lines, as: UTF8.self))")
                    areAllRight = false
                    continue
                }
                let complaint = oracle.complaint(
                    about: answer, to: entry.question, for: entry.client, asked: asked, answered: answered,
                    isSample: false)
                if let complaint {
                    areAllRight = false
                    journal.violation(
                        "on a pipe, \(entry.question.name) for \(entry.client): \(answer); \(complaint)")
                }
            }
            return areAllRight
        }
    }

    /// Writes lines that pdns would never write, and then a question, which must be answered.
    ///
    /// - Returns: the number of lines.
    private func askHostile(_ dialogue: PipeDialogue, _ random: inout SeededGenerator) -> Int {
        let lines = (0..<4).map { _ in HostileQuestion.line(&random, zone: Site.zone) }
        let last = "Q\tfixed.\(Site.zone)\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t0.0.0.0/0\n"
        let right = "\t192.0.2.252\nEND\n"
        let complaint = dialogue.ask(
            lines.flatMap { $0 + [UInt8(ascii: "\n")] } + Array(last.utf8), until: Array(right.utf8),
            patience: Self.patience)
        // The next block detects an ended coprocess.
        if let complaint, !dialogue.hasEnded {
            journal.violation(
                "after \(lines.map { String(decoding: $0.prefix(200), as: UTF8.self).debugDescription }.joined(separator: ", ")): \(complaint)"
            )
        }
        return lines.count
    }
}
