import ArgumentParser
import Glibc
import Inspection
import Platform
import State

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show live traffic: which clients ask, where they are sent, and what changes.",
        discussion: """
            Shows geopipe-agent's view of all coprocesses on this machine, once a second. Keys: 1 to 5 or Tab for other \
            views, m for the map, p to pause, ? for help, q to quit.

            With --once it exits 2 if the agent does not respond.
            """)

    @Flag(help: "Print one picture and exit. In a pipe its size is 80 by 24, or from COLUMNS and LINES.")
    var once = false

    @Flag(help: "With --once: print the state as JSON, for programs.")
    var json = false

    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func run() throws {
        do throws(Refusal) {
            if json, !once {
                throw Refusal(
                    message: "--json needs --once; write geopipe top --once --json",
                    code: .unusable)
            }
            let socket = try options.requiredState().liveSocket
            if once { try printOnce(socket) } else { try showTop(at: socket) }
        } catch {
            printError(visible(error.message))
            throw error.code
        }
    }

    private func printOnce(_ socket: String) throws(Refusal) {
        let state: JSON
        var model = TopModel()
        do throws(LiveSource.Failure) {
            state = try LiveSource.state(at: socket)
        } catch {
            throw Refusal(message: "\(error.reason); \(error.advice)", code: .unusable)
        }
        guard model.take(state: state) else {
            throw Refusal(
                message: "the program on \(socket) reports no state; geopipe-agent may be of another version",
                code: .unusable)
        }
        if json { return print(state.pretty) }
        var picture = TopPicture()
        picture.hasKeys = false
        let size = Terminal.printedSize
        let canvas = picture.draw(model, lines: size.lines, columns: size.columns, isUnicode: Terminal.isUnicode)
        let lines = canvas.text(Terminal.colours)
        print(lines[..<((lines.lastIndex { !$0.isEmpty } ?? -1) + 1)].joined(separator: "\n"))
    }
}

/// Shows the live view on the terminal until `q` is typed or a signal ends it.
///
/// - Parameter socket: the socket of the agent or of a replay.
func showTop(at socket: String) throws(Refusal) {
    try checkTerminal()
    TopSession(socket: socket).run()
}

/// Throws unless the terminal supports full-screen output.
func checkTerminal() throws(Refusal) {
    guard isatty(STDOUT_FILENO) == 1 else {
        throw Refusal(
            message: "top needs a terminal; in a pipe write geopipe top --once, or geopipe top --once --json",
            code: .unusable)
    }
    guard Terminal.standardOutput.canBeDrawn else {
        throw Refusal(
            message: "top cannot draw on a terminal whose TERM is dumb or not set; write geopipe top --once",
            code: .unusable)
    }
}
