/// Something that is wrong with a file, where it is, and what would be right.
public struct Complaint: Error, Hashable, CustomStringConvertible {
    /// The file as the operator named it.
    public var file: String
    /// Counted from 1; `nil` if the whole file is meant.
    public var position: Position?
    /// `what is wrong; what would be right`.
    public var message: String

    /// A place in a text, counted from 1.
    public struct Position: Sendable, Hashable, Comparable {
        public var line: Int
        public var column: Int

        public static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
    }

    public init(file: String, position: Position?, message: String) {
        self.file = file
        self.position = position
        self.message = message
    }

    /// `file:line:column: message`, as compilers write it.
    public var description: String {
        guard let position else { return "\(file): \(message)" }
        return "\(file):\(position.line):\(position.column): \(message)"
    }
}

/// A configuration that cannot be used, with all that is wrong with it.
public struct ConfigurationError: Error, CustomStringConvertible {
    /// In the order of the file; never empty.
    public let complaints: [Complaint]

    public init(_ complaints: [Complaint]) { self.complaints = complaints }

    public var description: String { complaints.map(\.description).joined(separator: "\n") }
}
