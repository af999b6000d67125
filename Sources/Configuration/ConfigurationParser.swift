import DNS
import Geography
import Platform
import Routing
import Zones

/// Builds a configuration from a YAML document. Sections refer only to sections that `parse` handles earlier.
struct ConfigurationParser {
    var reader: YAMLReader
    var configuration: Configuration
    /// The folder of the configuration, which relative paths start from; empty, or with a slash at its end.
    private let folder: String
    private let overridingDatabases: [String]
    /// The configuration's file, whose time zones without a serial use.
    let configurationFile: ZoneSource.ConfigurationFile
    var datacenterNumbers: [String: Datacenter] = [:]
    var regions: [String: Region] = [:]
    var mapNumbers: [String: Int] = [:]
    var serviceNumbers: [String: Int] = [:]
    /// The entry of each zone.
    var zoneEntries: [YAMLReader.Entry] = []
    /// Zones whose own SOA or NS records are invalid: what their files lack is unknown.
    var brokenZones: Set<Int> = []
    /// Sections that are missing or invalid, so that their names are unknown: using such a name is not reported again.
    var unknownSections: Set<String> = []
    /// Datacenters with an invalid location.
    var brokenLocations: Set<Datacenter> = []
    var hasComplainedOfDatabases = false
    /// Whether a database is unknown because its entry is invalid.
    var hasUnknownDatabases = false
    /// Missing sections, each with an example.
    var missingSections: [String: String] = [:]
    var positions = SourcePositions()

    init(
        _ reader: YAMLReader, _ configuration: Configuration, folder: String, databases: [String],
        configurationFile: ZoneSource.ConfigurationFile
    ) {
        self.reader = reader
        self.configuration = configuration
        self.folder = folder
        self.overridingDatabases = databases
        self.configurationFile = configurationFile
    }

    mutating func parse(_ root: YAMLNode, parsesZones: Bool) {
        let sections = reader.fields(root, "the configuration", .configuration)
        noteUnknownSections(root, sections)
        parseDatabases(sections["databases"]?.value)
        if let node = sections["state_directory"]?.value {
            let text = reader.text(node, "the state_directory")
            configuration.stateDirectory = text == "none" ? nil : text.map(path)
        }
        if let node = sections["hits_log"]?.value { parseHitsLog(node) }
        if let node = sections["wait"]?.value, let wait = reader.microseconds(node, "wait") {
            configuration.waitMicroseconds = wait
        }
        if let node = sections["notify"]?.value { parseNotify(node) }
        if let node = sections["health"]?.value { parseHealth(node) }
        if let node = sections["datacenters"]?.value { parseDatacenters(node) }
        if let node = sections["safety"]?.value { parseSafety(node) }
        if let node = sections["plan"]?.value { parsePlan(node) }
        if let node = sections["regions"]?.value { parseRegions(node) }
        if let node = sections["maps"]?.value { parseMaps(node) }
        if let node = sections["services"]?.value { parseServices(node) }
        if parsesZones, let node = sections["zones"]?.value { parseZones(node) }
    }

    /// Notes the sections whose names are unknown.
    private mutating func noteUnknownSections(_ root: YAMLNode, _ sections: YAMLReader.Fields) {
        for (section, example) in [
            ("datacenters", "{}"), ("maps", "{ default: … }"), ("services", "{ map: …, answers: … }"),
            ("regions", "[NO, SE]"),
        ] {
            if let node = sections[section]?.value {
                if reader.hasOtherShape(node) { unknownSections.insert(section) }
            } else if reader.hasUnknownKey(root, nearestOf: [section]) {
                // A misspelt section is already reported.
                unknownSections.insert(section)
            } else {
                missingSections[section] = example
            }
        }
    }

    /// Reports a name that a section does not have, unless the section itself is missing or invalid.
    func diagnoseUnknown(
        _ noun: String, _ name: String, section: String, known: [String], _ position: Diagnostic.Position?
    ) {
        guard !unknownSections.contains(section) else { return }
        if let example = missingSections[section] {
            return reader.diagnoseOnce(
                position, key: "no section \(section)",
                "unknown \(noun) '\(name)', as there is no section \(section); add \(section): { \(name): \(example) }"
            )
        }
        reader.diagnoseOnce(position, "unknown \(noun) '\(name)'\(suggestion(for: name, among: known))")
    }

    private mutating func parseDatabases(_ node: YAMLNode?) {
        for item in node.map(reader.items) ?? [] {
            var name = item
            var isOptional = false
            if case .mapping = item.value {
                let fields = reader.fields(item, "a database", .database)
                guard let path = fields["path"] else {
                    hasUnknownDatabases = true
                    continue
                }
                name = path.value
                isOptional = fields["optional"].flatMap { reader.bool($0.value, "optional of a database") } ?? false
            }
            guard let text = reader.text(name, "a database") else {
                hasUnknownDatabases = true
                continue
            }
            configuration.databases.append(
                .init(path: path(text), isOptional: isOptional, position: name.position))
        }
        if !overridingDatabases.isEmpty {
            configuration.databases = overridingDatabases.map {
                .init(path: $0, isOptional: false, position: nil)
            }
        }
        reader.files.formUnion(configuration.databases.map(\.path))
    }

    /// Resolves a path of the configuration, which is relative to the configuration's folder.
    func path(_ text: String) -> String { text.hasPrefix("/") ? text : folder + text }

    private mutating func parseHitsLog(_ node: YAMLNode) {
        let what = "the hits_log"
        let fields = reader.fields(node, what, .hitsLog)
        guard let file = fields["file"].flatMap({ reader.text($0.value, "the file of \(what)") }) else { return }
        var log = Configuration.HitsLog(file: absolutePath(path(file)))
        if let node = fields["format"]?.value, let text = reader.text(node, "the format of \(what)") {
            if let format = Configuration.HitsLog.Format(rawValue: text) {
                log.format = format
            } else {
                reader.diagnose(node.position, "the format of \(what) is '\(text)'; write tsv or json")
            }
        }
        if let node = fields["sample"]?.value, let text = reader.text(node, "the sample of \(what)") {
            if text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 {
                log.sample = percent / 100
            } else {
                reader.diagnose(
                    node.position,
                    "the sample of \(what) is '\(text)'; write a percentage above 0% up to 100%, such as 1% or 0.1%")
            }
        }
        configuration.hitsLog = log
    }

    private mutating func parseDatacenters(_ node: YAMLNode) {
        for entry in reader.entries(node, "datacenters") {
            let isWord = entry.key.utf8.allSatisfy { byte in
                Character(UnicodeScalar(byte)).isLetter && byte < 0x80 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            }
            if !isWord || entry.key.isEmpty {
                reader.diagnose(
                    entry.keyPosition,
                    "the datacenter name '\(entry.key)' may have only letters, digits, - _ .")
            } else if Self.destinationWords.contains(entry.key) {
                reader.diagnose(
                    entry.keyPosition, "'\(entry.key)' cannot name a datacenter, as it has a meaning in maps")
            }
            let what = "datacenter \(entry.key)"
            let fields = reader.fields(entry.value, what, .datacenter)
            positions.datacenters.append(entry.keyPosition)
            let number = configuration.datacenters.count
            let location = fields["location"].flatMap { self.location($0.value, what) }
            if fields["location"] != nil, location == nil { brokenLocations.insert(number) }
            datacenterNumbers[entry.key] = number
            var datacenter = Configuration.DatacenterSite(name: entry.key, location: location)
            datacenter.capacity = fields["capacity"].flatMap { capacity($0.value, what) }
            configuration.datacenters.append(datacenter)
        }
    }

    private func capacity(_ node: YAMLNode, _ what: String) -> Double? {
        guard let text = reader.text(node, "the capacity of \(what)") else { return nil }
        let number = Double(text)
        if let number, Configuration.DatacenterSite.capacities.contains(number) { return number }
        let isPositive = number.map { $0 > 0 && $0.isFinite } ?? false
        reader.diagnose(
            node.position,
            isPositive
                ? "the capacity '\(text)' of \(what) is not from 0.000001 to 1000000000000; write all capacities in another unit"
                : "the capacity '\(text)' of \(what) is not a positive number; write one, such as 100")
        return nil
    }

    private func location(_ node: YAMLNode, _ what: String) -> Coordinates? {
        let numbers = reader.items(node).compactMap { $0.scalar.flatMap { Double($0.string) } }
        if numbers.count == 2, reader.items(node).count == 2,
            let location = Coordinates(latitude: numbers[0], longitude: numbers[1])
        {
            return location
        }
        reader.diagnose(
            node.position,
            "the location of \(what) is not a place on the globe; write [LATITUDE, LONGITUDE] in degrees, such as [59.91, 10.75]"
        )
        return nil
    }

    /// Returns the index of the datacenter that `node` names.
    func datacenter(_ node: YAMLNode, _ what: String) -> Datacenter? {
        guard let name = reader.text(node, what) else { return nil }
        return datacenter(name, node.position)
    }

    func datacenter(_ name: String, _ position: Diagnostic.Position?) -> Datacenter? {
        if let number = datacenterNumbers[name] { return number }
        diagnoseUnknown(
            "datacenter", name, section: "datacenters", known: configuration.datacenters.map(\.name), position)
        return nil
    }
}
