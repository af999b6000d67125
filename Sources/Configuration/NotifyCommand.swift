/// A program that tells people of changes of health.
public struct NotifyCommand: Hashable, Sendable {
    /// Its absolute path, and its arguments.
    public var command: [String]
    /// From the beginning of one run to that of the next at least, in seconds, from 1. Changes in the meantime are collected.
    public var every: UInt32 = 60
    /// The seconds after which it is killed, from 1.
    public var timeout: UInt32 = 30

    public init(command: [String]) { self.command = command }
}

extension ConfigurationParser {
    mutating func parseNotify(_ node: YAMLNode) {
        let what = "notify"
        let fields = reader.fields(node, what, .notify)
        guard let entry = fields["command"], let words = words(ofCommand: entry.value, "command of \(what)") else {
            return
        }
        var notify = NotifyCommand(command: words)
        if let node = fields["every"]?.value {
            notify.every = positiveSeconds(node, "every of \(what)") ?? notify.every
        }
        if let node = fields["timeout"]?.value {
            notify.timeout = positiveSeconds(node, "timeout of \(what)") ?? notify.timeout
        }
        configuration.notify = notify
    }
}
