import State
import ArgumentParser
import Glibc
import Platform

struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Have the coprocesses that run go on with the program that is installed now.",
        discussion: """
            They do so one after another, each after its answer, in the same processes: pdns notices nothing. A program \
            that does not answer is refused. Exits 1 if a coprocess did not follow within a minute.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        do throws(Refusal) {
            let state = try options.requiredState()
            let statuses = state.coprocesses()
            let coprocesses = statuses.map { pid_t($0.process) }
            let refusalsBefore = Dictionary(uniqueKeysWithValues: statuses.map { ($0.process, $0.refusal?.count ?? 0) })
            guard !coprocesses.isEmpty else {
                throw Refusal(message: "no coprocess runs that has this state directory", code: .wrong)
            }
            let old = coprocesses.filter { !$0.runsWhatIsInstalled }
            print("\(coprocesses.count - old.count) of \(coprocesses.count) coprocesses run what is installed already")
            // One that has ended since needs no upgrade.
            for process in old where kill(process, SIGUSR2) != 0 && errno != ESRCH {
                throw Refusal(message: "cannot tell \(process): \(String(cString: strerror(errno)))", code: .unusable)
            }
            var waiting = old
            var refusals: [String] = []
            for _ in 0..<600 where !waiting.isEmpty {
                usleep(100_000)
                for process in waiting where process.runsWhatIsInstalled {
                    print("\(process) goes on with the new program")
                }
                waiting.removeAll { $0.runsWhatIsInstalled || kill($0, 0) != 0 }
                for status in state.coprocesses() {
                    guard let refusal = status.refusal, refusal.count > refusalsBefore[status.process] ?? 0,
                        let place = waiting.firstIndex(of: pid_t(status.process))
                    else { continue }
                    refusals.append("\(status.process) stays what it is: \(refusal.reason)")
                    waiting.remove(at: place)
                }
            }
            guard refusals.isEmpty else { throw Refusal(message: refusals.joined(separator: "\n"), code: .wrong) }
            guard waiting.isEmpty else {
                let processes = waiting.map { "\($0)" }.joined(separator: ", ")
                throw Refusal(message: "not yet: \(processes); their standard error says why", code: .wrong)
            }
        } catch {
            complain(error.message)
            throw error.code
        }
    }
}

extension pid_t {
    /// Whether the process runs what is now where its program was. That may be a link.
    fileprivate var runsWhatIsInstalled: Bool {
        guard
            let program = contents(ofSmallFile: "/proc/\(self)/cmdline")?.split(separator: 0).first
                .map({ String(decoding: $0, as: UTF8.self) })
        else { return false }
        let installed = FileState(program.hasPrefix("/") ? program : "/proc/\(self)/cwd/\(program)")
        return FileState("/proc/\(self)/exe") == installed
    }
}
