import ArgumentParser
import Configuration
import Glibc
import Platform
import State

/// A command that changes a switch of a datacenter.
protocol SwitchCommand: ParsableCommand {
    var output: SwitchOutput { get }

    /// - Parameters:
    ///   - user: the operator.
    ///   - timeout: the maximum wait for coprocesses, in milliseconds.
    func perform(by user: String, timeout: Int) throws(Refusal) -> SwitchOutcome
}

/// The output options of commands that change a switch.
struct SwitchOutput: ParsableArguments {
    @Flag(help: "Print JSON, for programs.")
    var json = false
}

extension SwitchCommand {
    func run() throws {
        do throws(Refusal) {
            let outcome = try perform(by: operatorName(), timeout: 2_000)
            for note in outcome.notes { printError(note) }
            if output.json { print(outcome.json.pretty) } else { for line in outcome.text { print(line) } }
            guard outcome.isWrong else { return }
        } catch {
            for line in error.notes + [error.message] { printError(line) }
            if output.json { print(SwitchOutcome(error).json.pretty) }
            throw error.code
        }
        throw ExitCode.wrong
    }
}

/// Returns the words for the end of a switch; empty if it has none.
///
/// - Parameter until: seconds since 1970.
func untilWords(_ until: Int?) -> String { until.map { ", until \(dateAndTime($0))" } ?? "" }

/// Returns the operator's name.
func operatorName() -> String {
    if let user = getenv("SUDO_USER") { return String(cString: user) }
    return getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
}
