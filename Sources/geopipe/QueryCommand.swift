import Answering
import ArgumentParser
import Geography
import Inspection
import Platform

struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Print the records that a client gets, as lines of a zone file.",
        discussion: "Exits 1 if there are none.")

    @Argument(help: "The name to ask for.")
    var name: String

    @Argument(help: "The record type, such as A, or ANY.")
    var type: String

    @Argument(help: "The client's address, or its subnet such as 192.0.2.0/24.")
    var client: ClientArgument

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let serving = try options.serving()
        do throws(Inquiry.Refusal) {
            let reply = try Inquiry(serving).ask(name, type: type, client: client.prefix)
            for record in reply.records { print(record.zoneFileLine) }
            guard reply.records.isEmpty else { return }
            complain(
                try exists(serving, reply)
                    ? "\(name) has no record of type \(type) for \(client.prefix)" : "there is no name \(name)")
        } catch {
            complain(error.description)
        }
        throw ExitCode.wrong
    }

    /// Whether the name exists, which a question for one type does not tell.
    private func exists(_ serving: Serving, _ reply: Inquiry.Reply) throws(Inquiry.Refusal) -> Bool {
        if reply.exists { return true }
        return try Inquiry(serving).ask(name, type: "ANY", client: client.prefix).exists
    }
}

/// A client as it is named on the command line.
struct ClientArgument: ExpressibleByArgument {
    let prefix: IPPrefix

    init?(argument: String) {
        guard let prefix = IPPrefix(argument) else { return nil }
        self.prefix = prefix
    }
}
