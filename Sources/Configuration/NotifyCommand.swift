/// A program that notifies people of health changes.
public struct NotifyCommand: Hashable, Sendable {
    public var command: [String]
    /// Seconds from the start of one run to the start of the next, from 1. Changes in between are collected.
    public var every: UInt32 = 60
    /// Seconds after which the program is killed, from 1.
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
