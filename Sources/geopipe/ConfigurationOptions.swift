import ArgumentParser

/// Where the configuration is, for all commands alike.
struct ConfigurationOptions: ParsableArguments {
    /// Where the configuration is if nobody says.
    static let defaultFile = "/etc/geopipe/geopipe.yaml"

    @Option(name: .customLong("config"), help: "The configuration file.")
    var file = Self.defaultFile

    @Option(
        name: .customLong("database"),
        help: "A MaxMind database to use in place of the configured ones. May be given several times.")
    var databases: [String] = []
}
