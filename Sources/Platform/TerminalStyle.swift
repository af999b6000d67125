/// A style of text on a terminal; the raw value is the parameter of SGR (ECMA-48, section 8.3.117).
public enum TerminalStyle: String, Sendable {
    /// Bold red.
    case error = "1;31"
    /// Bold yellow.
    case warning = "1;33"
    /// Bold cyan.
    case note = "1;36"
    /// Bold green.
    case success = "1;32"
    /// Bold: the file and the position of a message.
    case place = "1"
    /// Dim: what stands next to a quoted line.
    case margin = "2"
}

/// The number of colours of a terminal.
public enum TerminalColours: Sendable {
    /// No colours.
    case none
    /// The 16 colours of ECMA-48 and its common extension.
    case sixteen
    /// 256 colours or more.
    case many

    /// Finds the number of colours from environment variables.
    ///
    /// - Parameters:
    ///   - type: `TERM`.
    ///   - depth: `COLORTERM`.
    ///   - refusal: `NO_COLOR`, which turns colours off unless it is empty (https://no-color.org).
    public init(type: String?, depth: String?, refusal: String?) {
        guard let type, !["", "dumb"].contains(type), (refusal ?? "").isEmpty else {
            self = .none
            return
        }
        let hasMany = type.contains("256color") || type.contains("direct") || ["truecolor", "24bit"].contains(depth)
        self = hasMany ? .many : .sixteen
    }
}

/// Whether the locale of the environment uses UTF-8, as terminals usually do then.
///
/// - Parameter variables: the values of `LC_ALL`, `LC_CTYPE` and `LANG`, in this order; the first that is not empty
///   counts.
public func isUnicodeLocale(_ variables: [String?]) -> Bool {
    let locale = variables.compactMap(\.self).first { !$0.isEmpty } ?? ""
    let name = locale.lowercased()
    return name.contains("utf-8") || name.contains("utf8")
}
