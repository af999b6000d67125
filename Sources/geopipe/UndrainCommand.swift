import ArgumentParser

struct UndrainCommand: SwitchCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Send clients to a datacenter again.",
        discussion: "Exits 1 if it is still drained by a drain with a larger extent.")

    @Argument(help: "The datacenter.")
    var datacenter: String

    @Option(help: "Only for this service; without it, for all services.")
    var service: String?

    @Option(help: "Only in these places; without it, everywhere.")
    var places: String?

    @OptionGroup var output: SwitchOutput
    @OptionGroup var coprocesses: CoprocessOptions
    var options: ConfigurationOptions { coprocesses.options }

    func perform(by user: String, timeout: Int) throws(Refusal) -> SwitchOutcome {
        var change = try SwitchChange(options, datacenter, service: service, places: places, isEnd: true, by: user)
        let plan = change
        return try change.carryOut(timeout: timeout) { switches, outcome throws(Refusal) in
            plan.end(.drain, &switches, &outcome)
        }
    }
}
