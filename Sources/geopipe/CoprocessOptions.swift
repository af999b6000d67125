import ArgumentParser

/// The options of commands that act on running coprocesses or their state, and read no database.
struct CoprocessOptions: ParsableArguments {
    @Option(name: .customLong("config"), help: ArgumentHelp("The configuration.", valueName: "file"))
    var file = ConfigurationOptions.defaultFile

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "The --database of pipe-command, if it has one: it tells which images belong to these coprocesses. May be repeated.",
            valueName: "file"))
    var databases: [String] = []

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "The state directory, instead of the configuration's state_directory.", valueName: "folder"))
    var stateDirectory: String?

    /// The configuration and the state directory that these options name.
    var options: ConfigurationOptions {
        var options = ConfigurationOptions()
        (options.file, options.databases, options.stateDirectory) = (file, databases, stateDirectory)
        return options
    }
}
