import DNS
import Geography
import Glibc
import Platform
import Routing
import Zones

/// A configuration file that was read and found right in itself. Its databases have not been opened.
public struct Configuration: Sendable {
    /// The file as the operator named it.
    public var file: String
    /// In the order in which they are asked.
    public var databases: [DatabaseFile] = []
    /// Where coprocesses and agent keep what they tell each other; `nil` for `state_directory: none`.
    public var stateDirectory: String? = Self.usualStateDirectory
    /// Where answers are logged; nowhere without.
    public var hitsLog: HitsLog?
    /// What the agent runs when addresses go down or come up; nothing without.
    public var notify: NotifyCommand?
    /// The agents that have a say in which addresses are up; without, each agent goes by its own checks.
    public var vantagePoints: VantagePoints?
    /// How long a coprocess stays awake for the next question, in microseconds, 0 to 10,000; with 0 it sleeps at once.
    public var waitMicroseconds = 100
    /// Everywhere else a datacenter is its position here.
    public var datacenters: [DatacenterSite] = []
    /// What must stay in use when datacenters are drained.
    public var safety = Safety()
    /// What `geopipe plan` lets a change do at most.
    public var planLimits = PlanLimits()
    /// The countries and subdivisions of each region, by its name.
    public var regions: [String: [Area]] = [:]
    public var maps: [Map] = []
    public var services: [Service] = []
    /// What was written of each zone.
    var zoneSources: [ZoneSource] = []
    /// In the order of the file.
    public var zones: [Zone] = []
    /// The zones that are served with their last good content, or with none, since their files have errors.
    public var unusableZones: [UnusableZone] = []
    /// A hash of the file's text.
    public var contentHash: UInt64 = 0
    /// The places that rules name, to be held against what the databases know.
    public var ruleSites: [RuleSite] = []
    /// The rules that want the nearest datacenters.
    public var nearestSites: [NearestSite] = []
    public var networksFiles: [NetworksFile] = []
    /// All files that it was made from, or would have been if they were there.
    public var files: Set<String> = []
    /// What works, but hardly as it was meant.
    public var warnings: [Diagnostic] = []
    /// Further warnings and notes of `geopipe check`, in the order of the file.
    public var advice: [Diagnostic] = []

    /// A database, and where it is configured.
    public struct DatabaseFile: Sendable {
        /// Relative paths of the configuration are relative to its folder; here they are joined already.
        public var path: String
        /// The file may be missing.
        public var isOptional: Bool
        /// `nil` if the command line named the file.
        public var position: Diagnostic.Position?

        public init(path: String, isOptional: Bool, position: Diagnostic.Position?) {
            self.path = path
            self.isOptional = isOptional
            self.position = position
        }
    }

    /// A zone whose files have errors.
    public struct UnusableZone: Sendable {
        /// Its position in `zones`.
        public var zone: Int
        /// What is wrong.
        public var diagnostics: [Diagnostic]
    }

    /// Where the state is unless the configuration says otherwise.
    public static let usualStateDirectory = "/run/geopipe"

    /// A log of answers.
    public struct HitsLog: Hashable, Sendable {
        public var file: String
        public var format = Format.tsv
        /// The part of the answers that are logged, from above 0 to 1.
        public var sample = 1.0

        public init(file: String) { self.file = file }

        public enum Format: String, CaseIterable, Sendable {
            /// Fields with tabs between them.
            case tsv
            /// An object a line.
            case json
        }
    }

    /// A datacenter.
    public struct DatacenterSite: Sendable {
        public var name: String
        public var location: Coordinates?
        /// How much it can serve, in any unit that is the same for all, within `capacities`. 1 without, so that all are alike.
        public var capacity: Double?

        /// The capacities that may be configured: sums and quotients of them stay numbers that people can read.
        static let capacities = 1e-6...1e12
    }

    /// A place that a rule names, and where it does.
    public struct RuleSite: Sendable {
        public var place: RulePlace
        public var position: Diagnostic.Position?
    }

    /// A rule that wants the nearest datacenters, and where it is written.
    public struct NearestSite: Sendable {
        /// Such as `the default of map world`.
        public var rule: String
        public var map: String
        public var position: Diagnostic.Position?
    }

    /// A file of networks that a map has, as it was when it was read.
    public struct NetworksFile: Sendable {
        public var path: String
        /// The path as it is written in the configuration.
        public var name: String
        /// Where it is written.
        public var position: Diagnostic.Position?
        /// How many networks are in it.
        public var count: Int
        /// Whether it may lose all its networks.
        public var mayBeEmpty: Bool
        /// Of its text.
        public var hash: UInt64
    }

    /// Rules that say where the clients of each place are sent.
    public struct Map: Sendable {
        public var name: String
        public var rules: PlaceRules
        /// All datacenters that rules name, to which some client may be sent.
        public var datacenters: Set<Datacenter>
    }

    /// What is answered once a datacenter is chosen.
    public struct Service: Sendable {
        public var name: String
        /// The position of its map.
        public var map: Int
        /// In seconds; without, each zone's own.
        public var ttl: UInt32?
        /// The records of each datacenter, by its position; empty for those that its map never chooses. Clients are spread
        /// only to those that have some.
        public var answers: [[Answer]] = []
        /// So many of a datacenter's addresses of each family are given; all without.
        public var pick: Int?
        /// From so many datacenters one address of each family is given; without, all that one has.
        public var spread: Int?
        /// The same client network gets the same choice while nothing changes.
        public var isSticky = false
        /// When no datacenter is available: answer as if all were, or give no answer.
        public var answersWhenAllDown = true
        /// How its addresses are checked. An address is up if it is by all checks; without any, all count as up.
        public var checks: [HealthCheck] = []
        /// Datacenters whose addresses are not checked though the service has a check: they always count as up.
        public var unchecked: Set<Datacenter> = []
        /// How much of a datacenter must be up for it to be available.
        public var quorum = Quorum.count(1)
        /// For how long the share of a datacenter grows after it has come back, in seconds; `nil` if it has all its clients at
        /// once.
        public var comesBack: UInt32?

        /// A record of a datacenter.
        public struct Answer: Sendable {
            public var type: RecordType
            public var content: RecordContent
            /// Its part where not all are given, from 1.
            public var weight: UInt32 = 1

            /// Whether it is an address, which can be checked.
            public var isAddress: Bool { type == .a || type == .aaaa }
        }

        /// A text that is another one if what may be answered is.
        var recordText: String {
            let records = answers.map { $0.map { "\($0.type) \($0.content.text)" }.joined(separator: "\n") }
            return "\(ttl.map(String.init) ?? "")\n\(records.joined(separator: "\n\n"))"
        }
    }
}

/// A place as a rule names it.
public enum RulePlace: Sendable {
    case system(UInt32)
    case city(PlaceRules.CityKey)
    case subdivision(SubdivisionCode)
    case country(PlaceCode)
    case continent(PlaceCode)
}

extension Configuration {
    /// Reads `file`.
    ///
    /// - Parameters:
    ///   - databases: files to use in place of the configured ones, if there are any.
    ///   - archive: zones that were compiled before.
    ///   - reusesUnchanged: whether zones that have not changed since are taken from there.
    ///   - keepsLastGood: whether errors in the files of a zone leave only that zone out: it keeps its content of the archive, or has
    ///     none. Else they are errors of the configuration.
    ///   - hasZones: whether zones are wanted; without, zone files are not read.
    ///   - parsesZones: whether to parse the section `zones`. If not, the configuration has no zones, and errors in that section go unseen.
    ///   - advises: whether all advice is wanted, for which the whole is looked over once more.
    ///   - serials: what knows the zones' serials, once it is known where the configuration keeps its state; without, each zone
    ///     has the time of its newest change.
    /// - Throws: all complaints about the file at once.
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

/// The text of a file, and when it was changed last.
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

private func readBytes(_ file: String) throws(Diagnostic) -> (bytes: [UInt8], newestChange: NewestChange) {
    func unreadable(_ reason: String = String(cString: strerror(errno))) -> Diagnostic {
        Diagnostic(file: file, position: nil, message: "cannot read it: \(reason)")
    }
    // What is no file might let its reader wait.
    let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    var status = stat()
    guard descriptor >= 0 else { throw unreadable() }
    defer { close(descriptor) }
    guard fstat(descriptor, &status) == 0 else { throw unreadable() }
    guard status.st_mode & S_IFMT == S_IFREG else { throw unreadable("it is no regular file") }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw unreadable() }
        guard count > 0 else { break }
        bytes += chunk[..<count]
    }
    var newestChange = NewestChange()
    newestChange.add(modified: status.st_mtim.tv_sec, changed: status.st_ctim.tv_sec)
    return (bytes, newestChange)
}
