import ArgumentParser
import Logging

/// How much goes to the log.
public struct LogOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp("The least level that is logged; debug has each step and its time.", valueName: "level"))
    public var level = Logger.Level.info

    public init() {}
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
