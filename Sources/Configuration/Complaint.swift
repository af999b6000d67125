import Zones

/// Something that is wrong with a file, where it is, and what would be right.
public struct Complaint: Error, Hashable, CustomStringConvertible {
    /// The file as the operator named it.
    public var file: String
    /// Counted from 1; `nil` if the whole file is meant.
    public var position: Position?
    /// `what is wrong; what would be right`. The middle of a very long one is left out.
    public var message: String
    /// It works, but hardly as it was meant.
    public var isWarning: Bool

    public typealias Position = SourcePosition

    public init(file: String, position: Position?, message: String, isWarning: Bool = false) {
        self.file = file
        self.position = position
        // What a message quotes may be megabytes without a space, from a file that is something else.
        self.message = message.utf8.count > 1_000 ? "\(message.prefix(300))…\(message.suffix(300))" : message
        self.isWarning = isWarning
    }

    /// `file:line:column: message`, as compilers write it.
    public var description: String {
        let place = position.map { "\(file):\($0.line):\($0.column)" } ?? file
        return "\(place): \(isWarning ? "warning: " : "")\(message)"
    }
}

/// A configuration that cannot be used, with all that is wrong with it.
public struct ConfigurationError: Error, CustomStringConvertible {
    /// In the order of the file; never empty.
    public let complaints: [Complaint]
    /// All files that it was made from, or would have been if they could be read.
    public let files: Set<String>

    public init(_ complaints: [Complaint], files: Set<String> = []) {
        self.complaints = complaints
        self.files = files
    }

    public var description: String { complaints.map(\.description).joined(separator: "\n") }
}
