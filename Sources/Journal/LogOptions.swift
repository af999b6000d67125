import ArgumentParser
import Logging

/// The options of a program's log.
public struct LogOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp(
            "Log messages of this level and above; debug logs each step and its time.", valueName: "level"))
    public var level = Logger.Level.info

    public init() {}
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
