import ArgumentParser

extension ParsableCommand {
    /// Returns the first words of a command line that name no command, as in `drian oslo` and `help rollout strat`;
    /// `nil` if there are none.
    ///
    /// A command with subcommands must take no positional arguments, so that its first word names a subcommand.
    ///
    /// - Parameter arguments: without the name of the program.
    /// - Returns: the unknown word, the same with the commands before it, and the names that are known in its place.
    package static func unknownCommand(
        in arguments: [String]
    ) -> (word: String, command: String, known: [String])? {
        var command: any ParsableCommand.Type = self
        var names: [String] = []
        for word in arguments.first == "help" ? arguments.dropFirst() : arguments[...] {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty, !word.hasPrefix("-") else { return nil }
            names.append(word)
            guard let next = subcommands.first(where: { $0._commandName == word }) else {
                let known = subcommands.map { $0._commandName } + (names.count == 1 ? ["help"] : [])
                return known.contains(word) ? nil : (word, names.joined(separator: " "), known)
            }
            command = next
        }
        return nil
    }
}
