import Geography
import Glibc
import Routing
import Zones

/// A configuration file that was read and found right in itself. Its databases have not been opened.
public struct Configuration: Sendable {
    /// The file as the operator named it.
    public var file: String
    /// In the order in which they are asked.
    public var databases: [DatabaseFile] = []
    /// Their names; everywhere else a datacenter is its position here.
    public var datacenters: [String] = []
    public var maps: [Map] = []
    public var services: [Service] = []
    public var zones: [Zone] = []

    /// A database, and where it is configured.
    public struct DatabaseFile: Sendable {
        /// Relative paths of the configuration are relative to its folder; here they are joined already.
        public var path: String
        /// `nil` if the command line named the file.
        public var position: Complaint.Position?

        public init(path: String, position: Complaint.Position?) {
            self.path = path
            self.position = position
        }
    }

    /// Rules that say where the clients of each place are sent.
    public struct Map: Sendable {
        public var name: String
        public var rules: PlaceRules
    }

    /// What is answered once a datacenter is chosen.
    public struct Service: Sendable {
        public var name: String
        /// The position of its map.
        public var map: Int
        /// In seconds; without, each zone's own.
        public var ttl: UInt32?
        /// The records of each datacenter, by its position; empty for those that its map never chooses.
        public var answers: [[Answer]]

        public struct Answer: Sendable {
            public var type: RecordType
            public var content: RecordContent
        }
    }
}

extension Configuration {
    /// Reads `file`.
    ///
    /// - Parameter databases: files to use in place of the configured ones, if there are any.
    /// - Throws: all complaints about the file at once.
    public static func load(_ file: String, databases: [String] = []) throws(ConfigurationError) -> Configuration {
        let reader = YAMLReader(file: file)
        do {
            let (text, modified) = try readText(file)
            let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
            var parser = ConfigurationParser(
                reader, Configuration(file: file), folder: folder, databases: databases, defaultSerial: modified)
            if let root = reader.document(text) { parser.parse(root) }
            if reader.complaints.isEmpty { return parser.configuration }
        } catch {
            reader.complain(error.position, error.message)
        }
        throw ConfigurationError(reader.complaints.sorted { ($0.position ?? .start) < ($1.position ?? .start) })
    }
}

extension Complaint.Position {
    fileprivate static let start = Self(line: 0, column: 0)
}

/// The text of a file, and when it was changed last, in seconds since 1970 as far as they fit.
private func readText(_ file: String) throws(Complaint) -> (text: String, modified: UInt32) {
    func unreadable() -> Complaint {
        Complaint(
            file: file, position: nil, message: "cannot read the configuration: \(String(cString: strerror(errno)))")
    }
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    var status = stat()
    guard descriptor >= 0 else { throw unreadable() }
    defer { close(descriptor) }
    guard fstat(descriptor, &status) == 0 else { throw unreadable() }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw unreadable() }
        guard count > 0 else { break }
        bytes += chunk[..<count]
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        let before = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{FFFD}" }
        let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
        let position = Complaint.Position(line: lines.count, column: (lines.last?.count ?? 0) + 1)
        throw Complaint(file: file, position: position, message: "a byte that is not UTF-8; save the file in UTF-8")
    }
    return (text, UInt32(truncatingIfNeeded: status.st_mtim.tv_sec))
}
