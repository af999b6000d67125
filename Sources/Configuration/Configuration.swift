import DNS
import Geography
import Glibc
import Platform
import Routing
import Zones

/// A configuration file that was read and is valid in itself. Its databases have not been opened.
public struct Configuration: Sendable {
    /// The file as the operator named it.
    public var file: String
    /// In lookup order.
    public var databases: [DatabaseFile] = []
    /// The folder in which coprocesses and agent share their state; `nil` for `state_directory: none`.
    public var stateDirectory: String? = Self.usualStateDirectory
    /// The log of answers; `nil` for none.
    public var hitsLog: HitsLog?
    /// The program that the agent runs when addresses go down or come up; `nil` for none.
    public var notify: NotifyCommand?
    /// The agents that vote on which addresses are up; `nil` if each agent uses only its own checks.
    public var vantagePoints: VantagePoints?
    /// How long a coprocess spins for the next question before it sleeps, in microseconds, 0 to 10,000.
    public var waitMicroseconds = 100
    /// The datacenters. Everywhere else a datacenter is its index in this array.
    public var datacenters: [DatacenterSite] = []
    /// The limits on what may be drained.
    public var safety = Safety()
    /// The limits of `geopipe plan`.
    public var planLimits = PlanLimits()
    /// The countries and subdivisions of each region, by its name.
    public var regions: [String: [Area]] = [:]
    public var maps: [Map] = []
    public var services: [Service] = []
    /// The zones as written in the configuration.
    var zoneSources: [ZoneSource] = []
    /// In the order of the file.
    public var zones: [Zone] = []
    /// The zones whose files have errors: they are served with their last good content, or not at all.
    public var unusableZones: [UnusableZone] = []
    /// A hash of the file's text.
    public var contentHash: UInt64 = 0
    /// The places that rules name, to be compared with what the databases know.
    public var rulePositions: [RulePosition] = []
    /// The rules that use `nearest`.
    public var nearestPositions: [NearestPosition] = []
    public var networksFiles: [NetworksFile] = []
    /// All files that this configuration was made from, and those that it would use if they existed.
    public var files: Set<String> = []
    /// Problems that do not prevent loading.
    public var warnings: [Diagnostic] = []
    /// Further warnings and notes of `geopipe check`, in the order of the file.
    public var advice: [Diagnostic] = []

    /// A database, and where it is configured.
    public struct DatabaseFile: Sendable {
        /// The path; relative paths of the configuration are already joined with its folder.
        public var path: String
        /// Whether the file may be missing.
        public var isOptional: Bool
        /// The place in the configuration; `nil` if the command line named the file.
        public var position: Diagnostic.Position?

        public init(path: String, isOptional: Bool, position: Diagnostic.Position?) {
            self.path = path
            self.isOptional = isOptional
            self.position = position
        }
    }

    /// A zone whose files have errors.
    public struct UnusableZone: Sendable {
        /// Its index in `zones`.
        public var zone: Int
        public var diagnostics: [Diagnostic]
    }

    /// The state directory if the configuration has no other.
    public static let usualStateDirectory = "/run/geopipe"

    public struct HitsLog: Hashable, Sendable {
        public var file: String
        public var format = Format.tsv
        /// The fraction of answers that are logged, above 0, at most 1.
        public var sample = 1.0

        public init(file: String) { self.file = file }

        public enum Format: String, CaseIterable, Sendable {
            /// Fields separated by tabs.
            case tsv
            /// One JSON object a line.
            case json
        }
    }

    public struct DatacenterSite: Sendable {
        public var name: String
        public var location: Coordinates?
        /// How much it can serve, in any unit that is the same for all, within `capacities`; `nil` counts as 1.
        public var capacity: Double?

        /// The range of capacities: sums and quotients of them stay readable.
        static let capacities = 1e-6...1e12
    }

    /// A place that a rule names, and where the rule is written.
    public struct RulePosition: Sendable {
        public var place: RulePlace
        public var position: Diagnostic.Position?
    }

    /// A rule that uses `nearest`, and where it is written.
    public struct NearestPosition: Sendable {
        /// Such as `the default of map world`.
        public var rule: String
        public var map: String
        public var position: Diagnostic.Position?
    }

    /// A networks file of a map, as it was when it was read.
    public struct NetworksFile: Sendable {
        public var path: String
        /// The path as written in the configuration.
        public var name: String
        public var position: Diagnostic.Position?
        /// The number of networks in it.
        public var count: Int
        /// Whether it may lose all its networks.
        public var mayBeEmpty: Bool
        /// A hash of its text.
        public var hash: UInt64
    }

    public struct Map: Sendable {
        public var name: String
        public var rules: PlaceRules
        /// All datacenters that a rule can send a client to.
        public var datacenters: Set<Datacenter>
    }

    /// A named set of answers for each datacenter, and how one is chosen.
    public struct Service: Sendable {
        public var name: String
        /// The index of its map.
        public var map: Int
        /// In seconds; `nil` for the zone's TTL.
        public var ttl: UInt32?
        /// The records of each datacenter, by its index; empty for those that its map never chooses. Clients are spread
        /// only over datacenters that have records.
        public var answers: [[Answer]] = []
        /// The number of a datacenter's addresses of each family in an answer, 1 to `mostPicked`; `nil` for all.
        public var pick: Int?
        /// The number of datacenters that give one address of each family, 1 to `widestSpread`; `nil` for all addresses
        /// of one.
        public var spread: Int?
        /// Whether a client network gets the same choice as long as nothing changes.
        public var isSticky = false
        /// Whether it answers as if all were up when no datacenter is available; otherwise with no record.
        public var answersWhenAllDown = true
        /// How its addresses are checked. An address is up if all checks say so; without checks, all count as up.
        public var checks: [HealthCheck] = []
        /// Datacenters whose addresses are not checked although the service has a check: they always count as up.
        public var unchecked: Set<Datacenter> = []
        /// How much of a datacenter must be up for the datacenter to be available.
        public var quorum = Quorum.count(1)
        /// How long the share of a recovered datacenter grows, in seconds; `nil` if it gets all its clients at once.
        public var comesBack: UInt32?

        public struct Answer: Sendable {
            public var type: RecordType
            public var content: RecordContent
            /// Its weight where not all addresses are given, from 1.
            public var weight: UInt32 = 1

            /// Whether it is an address (A or AAAA), which can be checked.
            public var isAddress: Bool { type == .a || type == .aaaa }
        }

        /// Returns a text that changes whenever the possible answers change.
        var recordText: String {
            let records = answers.map { $0.map { "\($0.type) \($0.content.text)" }.joined(separator: "\n") }
            return "\(ttl.map(String.init) ?? "")\n\(records.joined(separator: "\n\n"))"
        }
    }
}

/// A place that a rule names.
public enum RulePlace: Sendable {
    case asn(UInt32)
    case city(PlaceRules.CityKey)
    case subdivision(SubdivisionCode)
    case country(PlaceCode)
    case continent(PlaceCode)
}

extension Configuration {
    /// Reads `file`.
    ///
    /// - Parameters:
    ///   - databases: files to use instead of the configured ones, if there are any.
    ///   - archive: zones that were compiled before.
    ///   - reusesUnchanged: whether to take unchanged zones from there.
    ///   - keepsLastGood: whether errors in a zone's files disable only that zone, which keeps its content of the
    ///     archive or has none; otherwise they are errors of the configuration.
    ///     none. Else they are errors of the configuration.
    ///   - hasZones: whether to read zone files.
    ///   - parsesZones: whether to parse the section `zones`; if not, the configuration has no zones, and errors there
    ///     go unseen.
    ///   - advises: whether to look for all advice, which takes another pass.
    ///   - serials: makes the source of serials, from the state directory; `nil` gives each zone the time of its newest
    ///     change.
    ///     has the time of its newest change.
    /// - Throws: all errors of the file at once.
    public static func load(
        _ file: String, databases: [String] = [], archive: ZoneArchive? = nil, reusesUnchanged: Bool = true,
        keepsLastGood: Bool = false,
        hasZones: Bool = true, parsesZones: Bool = true, advises: Bool = true,
        serials: ((_ stateDirectory: String?) -> any ZoneSerials)? = nil
    ) throws(ConfigurationError) -> Configuration {
        let reader = YAMLReader(file: file)
        reader.files.insert(file)
        do {
            let (text, newestChange) = try readText(file)
            let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
            var parser = ConfigurationParser(
                reader, Configuration(file: file), folder: folder, databases: databases,
                configurationFile: .init(content: Array(text.utf8).span, newestChange: newestChange))
            parser.configuration.contentHash = parser.configurationFile.hash
            if let root = reader.document(text) {
                parser.parse(root, parsesZones: parsesZones)
                if hasZones, parsesZones {
                    parser.compileZones(
                        archive: archive, reusesUnchanged: reusesUnchanged, keepsLastGood: keepsLastGood,
                        serials: serials?(parser.configuration.stateDirectory))
                }
                if advises { parser.advise() }
            }
            if !reader.hasComplaints {
                parser.configuration.warnings = reader.warnings
                parser.configuration.advice = reader.advice
                parser.configuration.files = reader.files
                return parser.configuration
            }
        } catch {
            reader.diagnose(error.position, error.message)
        }
        throw ConfigurationError(
            reader.diagnostics, warnings: DiagnosticList(reader.warnings + reader.advice).sorted(main: file),
            files: reader.files)
    }
}

/// Returns the text of a file, and the time of its last change.
func readText(_ file: String) throws(Diagnostic) -> (text: String, newestChange: NewestChange) {
    var (bytes, newestChange) = try readBytes(file)
    // YAML 1.2 section 5.2, and what editors write.
    if hasByteOrderMark(bytes) { bytes.removeFirst(byteOrderMark.count) }
    if let encoding = wideEncoding(bytes) {
        throw Diagnostic(file: file, position: nil, message: "the file is in \(encoding); save it in UTF-8")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        let before = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\u{FFFD}" }
        let lines = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let position = Diagnostic.Position(line: lines.count, column: (lines.last?.count ?? 0) + 1)
        throw Diagnostic(file: file, position: position, message: "a byte that is not UTF-8; save the file in UTF-8")
    }
    return (text, newestChange)
}

/// Bytes of a configuration or a networks file. A million networks have some 30 MB; a sparse file can claim any size.
private let largestFile = 1 << 28

private func readBytes(_ file: String) throws(Diagnostic) -> (bytes: [UInt8], newestChange: NewestChange) {
    func unreadable(_ reason: String = String(cString: strerror(errno))) -> Diagnostic {
        Diagnostic(file: file, position: nil, message: "cannot read it: \(reason)")
    }
    // A FIFO or device could block its reader.
    let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    var status = stat()
    guard descriptor >= 0 else { throw unreadable() }
    defer { close(descriptor) }
    guard fstat(descriptor, &status) == 0 else { throw unreadable() }
    guard status.st_mode & S_IFMT == S_IFREG else { throw unreadable("it is not a regular file") }
    guard status.st_size <= largestFile else { throw unreadable("it has more than 256 MiB") }
    var bytes: [UInt8] = []
    // One byte more than the file has, to notice its end.
    var chunk = [UInt8](repeating: 0, count: min(max(Int(status.st_size) + 1, 1 << 12), 1 << 16))
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw unreadable() }
        guard count > 0 else { break }
        // The file may grow meanwhile.
        guard bytes.count + count <= largestFile else { throw unreadable("it has more than 256 MiB") }
        bytes += chunk[..<count]
        // A sparse file has nothing else. Text in UTF-16 has them, too, and its error says so.
        if let place = chunk[..<count].firstIndex(of: 0), wideEncoding(bytes.prefix(chunk.count)) == nil {
            let line = bytes[..<(bytes.count - count + place)]
            let start = line.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            throw Diagnostic(
                file: file,
                position: .init(
                    line: line.count { $0 == UInt8(ascii: "\n") } + 1,
                    column: String(decoding: line[start...], as: UTF8.self).count + 1),
                message: "a NUL character; remove it")
        }
    }
    var newestChange = NewestChange()
    newestChange.add(modified: status.st_mtim.tv_sec, changed: status.st_ctim.tv_sec)
    return (bytes, newestChange)
}
