import ArgumentParser
import Configuration

/// A duration in the syntax of the configuration.
struct Seconds: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard let seconds = parseSeconds(argument), seconds > 0 else { return nil }
        value = Int(seconds)
    }
}
