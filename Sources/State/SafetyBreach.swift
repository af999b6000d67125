import Configuration

/// A safety rule of the configuration that a switch would break.
public struct SafetyBreach: Sendable {
    public var rule: Configuration.Safety.Rule
    /// The rule and the figures, in words.
    public var words: String
}
