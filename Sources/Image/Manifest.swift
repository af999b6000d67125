import Platform

/// Describes an image: what it was made from, by which program and when, and the diagnostics of its compilation.
public struct Manifest: Sendable {
    /// The version of the program that made the image.
    public var program = ""
    /// When the image was made, in seconds since 1970.
    public var created = 0
    /// The absolute path of the configuration file.
    public var configuration = ""
    /// The databases that were used instead of the configured ones.
    public var databaseOverrides: [String] = []
    /// The path of the state directory; empty for none.
    public var stateDirectory = ""
    /// A number for the form of records that only some releases of pdns accept; see `RecordDialect`.
    public var dialect = 0
    /// All files that the image was made from, and those that were missing.
    public var inputs: [Input] = []
    /// Warnings and notes, and the errors of zones that keep their earlier content or have none.
    public var diagnostics: [StoredDiagnostic] = []
    /// The zones that have errors.
    public var unusableZones: [UnusableZone] = []
    /// The databases that were read, in the order of look-ups.
    public var databases: [Database] = []
    /// The number of networks in each networks file.
    public var networks: [NetworkCount] = []
    /// The optional databases that were found.
    public var optionalDatabases: [String] = []
    /// The number of names in all zones.
    public var nameCount = 0
    /// A hash of what the address tables were made from: the same for the same rules and databases.
    public var routingKey: UInt64 = 0
    /// How long a coprocess stays awake for the next question, 0...1,000,000 microseconds.
    public var waitMicroseconds = 0
    /// The path of the hits log; empty for none.
    public var hitsLog = ""
    /// `tsv` or `json`.
    public var hitsLogFormat = ""
    /// The fraction of answers that are logged, above 0 and at most 1.
    public var hitsLogSample = 0.0
    /// What must stay in use when datacenters are drained.
    public var safety = SafetyRules()

    /// An input file, and its state when it was read.
    public struct Input: Sendable, Hashable {
        /// The absolute path.
        public var path: String
        /// The state as `FileState` writes it.
        public var state: String

        public init(path: String, state: String) {
            self.path = path
            self.state = state
        }
    }

    /// A message for the operator.
    public struct StoredDiagnostic: Sendable, Hashable {
        /// The file that the message is about.
        public var file: String
        /// The line, beginning with 1; 0 if the whole file is meant.
        public var line: Int
        /// The column, beginning with 1; of no meaning if `line` is 0.
        public var column: Int
        /// `error`, `warning` or `note`.
        public var severity: String
        /// What is wrong, and what to write instead.
        public var message: String

        public init(file: String, line: Int, column: Int, severity: String, message: String) {
            self.file = file
            self.line = line
            self.column = column
            self.severity = severity
            self.message = message
        }

        /// The diagnostic in the form of compilers: `FILE:LINE:COLUMN: SEVERITY: MESSAGE`, without the severity for
        /// an error.
        public var text: String {
            let place = line > 0 ? "\(file):\(line):\(column)" : file
            return "\(place): \(severity == "error" ? "" : "\(severity): ")\(message)"
        }
    }

    /// A zone with errors, which keeps its last good content or has none.
    public struct UnusableZone: Sendable, Hashable {
        /// The name of the zone.
        public var apex: String
        /// Since when the zone keeps its earlier content, in seconds since 1970; `nil` if it has none.
        public var keptSince: Int?
        /// The zone's errors.
        public var diagnostics: [String]

        public init(apex: String, keptSince: Int?, diagnostics: [String]) {
            self.apex = apex
            self.keptSince = keptSince
            self.diagnostics = diagnostics
        }
    }

    /// A database that was read.
    public struct Database: Sendable, Hashable {
        /// The absolute path of the file.
        public var path: String
        /// When the database was built, in seconds since 1970; `nil` if its metadata do not have that.
        public var built: Int?

        public init(path: String, built: Int?) {
            self.path = path
            self.built = built
        }
    }

    /// The number of networks in a networks file.
    public struct NetworkCount: Sendable, Hashable {
        /// The absolute path of the file.
        public var path: String
        /// The number of networks.
        public var count: Int

        public init(path: String, count: Int) {
            self.path = path
            self.count = count
        }
    }

    /// Makes an empty manifest.
    public init() {}

    /// Writes the manifest as columns of numbers and of texts.
    public func write(to columns: inout ColumnWriter) {
        columns.add([
            Int64(created), Int64(dialect), Int64(nameCount), Int64(bitPattern: routingKey),
            Int64(bitPattern: hitsLogSample.bitPattern), Int64(waitMicroseconds),
        ])
        columns.add(texts: [program, configuration, stateDirectory, hitsLog, hitsLogFormat])
        columns.add(texts: databaseOverrides)
        columns.add(texts: inputs.flatMap { [$0.path, $0.state] })
        columns.add(diagnostics.flatMap { [Int64($0.line), Int64($0.column)] })
        columns.add(texts: diagnostics.flatMap { [$0.file, $0.severity, $0.message] })
        columns.add(unusableZones.flatMap { [Int64($0.keptSince ?? -1), Int64($0.diagnostics.count)] })
        columns.add(texts: unusableZones.flatMap { [$0.apex] + $0.diagnostics })
        columns.add(databases.map { Int64($0.built ?? -1) })
        columns.add(texts: databases.map(\.path))
        columns.add(networks.map { Int64($0.count) })
        columns.add(texts: networks.map(\.path))
        columns.add(texts: optionalDatabases)
        safety.write(to: &columns)
    }

    /// Reads columns that `write` wrote.
    public init(from columns: inout ColumnReader) throws(MalformedColumns) {
        let malformed = MalformedColumns("the manifest is damaged")
        let numbers = try columns.read(Int64.self)
        let texts = try columns.readTexts()
        guard numbers.count == 6, texts.count == 5 else { throw malformed }
        (created, dialect, nameCount) = (Int(numbers[0]), Int(numbers[1]), Int(numbers[2]))
        routingKey = UInt64(bitPattern: numbers[3])
        waitMicroseconds = Int(numbers[5])
        guard 0...1_000_000 ~= waitMicroseconds, 0...(1 << 40) ~= created else { throw malformed }
        hitsLogSample = Double(bitPattern: UInt64(bitPattern: numbers[4]))
        (program, configuration, stateDirectory) = (texts[0], texts[1], texts[2])
        (hitsLog, hitsLogFormat) = (texts[3], texts[4])
        databaseOverrides = try columns.readTexts()
        let files = try columns.readTexts()
        guard files.count % 2 == 0 else { throw malformed }
        inputs = stride(from: 0, to: files.count, by: 2).map { Input(path: files[$0], state: files[$0 + 1]) }
        let places = try columns.read(Int64.self)
        let messages = try columns.readTexts()
        guard places.count % 2 == 0, messages.count == places.count / 2 * 3 else { throw malformed }
        diagnostics = (0..<(places.count / 2)).map {
            StoredDiagnostic(
                file: messages[3 * $0], line: Int(places[2 * $0]), column: Int(places[2 * $0 + 1]),
                severity: messages[3 * $0 + 1], message: messages[3 * $0 + 2])
        }
        let zones = try columns.read(Int64.self)
        var words = try columns.readTexts()[...]
        guard zones.count % 2 == 0 else { throw malformed }
        for position in stride(from: 0, to: zones.count, by: 2) {
            guard let apex = words.popFirst(), 0...words.count ~= Int(zones[position + 1]) else { throw malformed }
            let diagnostics = Array(words.prefix(Int(zones[position + 1])))
            words = words.dropFirst(diagnostics.count)
            unusableZones.append(
                UnusableZone(
                    apex: apex, keptSince: zones[position] < 0 ? nil : Int(zones[position]), diagnostics: diagnostics))
        }
        let builds = try columns.read(Int64.self)
        let paths = try columns.readTexts()
        guard builds.count == paths.count else { throw malformed }
        databases = paths.indices.map { Database(path: paths[$0], built: builds[$0] < 0 ? nil : Int(builds[$0])) }
        let counts = try columns.read(Int64.self)
        let networkFiles = try columns.readTexts()
        guard counts.count == networkFiles.count else { throw malformed }
        networks = networkFiles.indices.map { NetworkCount(path: networkFiles[$0], count: Int(counts[$0])) }
        optionalDatabases = try columns.readTexts()
        safety = try SafetyRules(from: &columns)
    }
}
