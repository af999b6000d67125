import ArgumentParser
import Configuration
import Platform

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the keys of the configuration, for editors.",
        discussion: """
            Prints a JSON Schema (draft 2020-12), with which an editor completes keys and shows what is wrong while you write. What only
            geopipe itself can know, such as whether a name is that of a datacenter, geopipe check says.
            """)

    @Flag(help: "Print the page of the documentation that lists all keys, in Markdown.")
    var markdown = false

    func run() {
        if markdown {
            print(ReferencePage.markdown, terminator: "")
        } else {
            print(ConfigurationSchema.document.pretty)
        }
    }
}
