import ArgumentParser
import Configuration
import Platform

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the keys of the configuration, for editors.",
        discussion: """
            Prints a JSON Schema (draft 2020-12), with which an editor completes keys and shows errors while you type. \
            Use geopipe check for what a schema cannot know, such as the names of datacenters.
            """)

    @Flag(help: "Print the page of all keys in the documentation, in Markdown.")
    var markdown = false

    func run() {
        if markdown {
            print(ReferencePage.markdown, terminator: "")
        } else {
            print(ConfigurationSchema.document.pretty)
        }
    }
}
