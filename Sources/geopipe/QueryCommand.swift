import Answering
import ArgumentParser
import Geography
import Inspection
import Platform

struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Print the records that a client gets, as lines of a zone file.",
        discussion: "Exits 1 if the client gets no records, and 2 if geopipe cannot tell.")

    @Argument(help: "The name to ask for.", transform: domainName)
    var name: String

    @Argument(help: "The record type, such as A, or ANY.")
    var type: String

    @Argument(help: "The client's address, or its subnet such as 192.0.2.0/24.")
    var client: ClientArgument

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var inquiry: LocalQueryOptions

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        if inquiry.image == nil { options.noteRollout(client.prefix, resolver: inquiry.resolver?.address) }
        let serving = try options.serving(image: inquiry.image).serving
        do throws(LocalQuery.Refusal) {
            let reply = try ask(serving, type)
            if json {
                print(reply.json.pretty)
            } else {
                for record in reply.records { print(record.zoneFileLine) }
            }
            guard reply.records.isEmpty else { return }
            // A query for one type does not show whether the name exists.
            let exists = reply.exists ? true : try ask(serving, "ANY").exists
            printError(
                exists
                    ? "\(name) has no record of type \(type) for \(client.prefix)" : "there is no name \(name)")
        } catch {
            printError(error.description)
            throw ExitCode.unusable
        }
        throw ExitCode.wrong
    }

    private func ask(_ serving: Serving, _ type: String) throws(LocalQuery.Refusal) -> LocalQuery.Reply {
        try LocalQuery(serving).ask(
            name, type: type, client: client.prefix, resolver: inquiry.resolver?.address)
    }
}

/// A client as the command line names it.
struct ClientArgument: ExpressibleByArgument {
    let prefix: IPPrefix

    init?(argument: String) {
        guard let prefix = IPPrefix(argument) else { return nil }
        self.prefix = prefix
    }
}
