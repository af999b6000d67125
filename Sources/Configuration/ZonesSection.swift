import DNS
import Zones

extension ConfigurationParser {
    mutating func parseZones(_ node: YAMLNode) {
        var apexes: Set<DomainName> = []
        for entry in reader.entries(node, "zones") {
            // An escaped colon is meant; a single slash is usual in reverse zones of small networks (RFC 2317).
            guard !entry.key.contains(":"), !entry.key.contains("//") else {
                reader.diagnose(
                    entry.keyPosition,
                    "'\(entry.key)' is not the name of a zone; write the name without scheme, port and path, such as geo.example.com"
                )
                continue
            }
            guard let apex = name(entry.key, relativeTo: .root, entry.keyPosition) else { continue }
            guard apexes.insert(apex).inserted else {
                reader.diagnose(entry.keyPosition, "the zone \(apex) is given twice; keep one")
                continue
            }
            parseZone(entry, apex)
        }
        if apexes.isEmpty, !reader.hasComplaints {
            reader.diagnose(node.position, "there is no zone; add one, such as geo.example.com:")
        }
    }

    private mutating func parseZone(_ entry: YAMLReader.Entry, _ apex: DomainName) {
        let what = "zone \(entry.key)"
        let fields = reader.fields(entry.value, what, .zone)
        var zone = ZoneSource(apex: apex)
        zone.file = fields["file"].flatMap { reader.text($0.value, "the file of \(what)") }.map(path)
        zone.filePosition = fields["file"]?.value.position
        zone.defaultTTL = fields["ttl"].flatMap { reader.seconds($0.value, "the ttl of \(what)") }
        if let node = fields["soa"]?.value, let (soa, hasSerial) = soa(node, apex, what) {
            zone.records.append(Record(owner: apex, type: .soa, ttl: nil, content: soa, position: node.position))
            if !hasSerial { zone.configurationFile = configurationFile }
        } else if fields["soa"] != nil {
            brokenZones.insert(configuration.zoneSources.count)
        }
        if let node = fields["ns"]?.value {
            if case .sequence(let sequence) = node.value, sequence.isEmpty {
                reader.diagnose(node.position, "\(what) has no name server; add one, such as ns1.example.com.")
            }
            let servers = contents(node, .ns, origin: apex, what)
            if servers.isEmpty { brokenZones.insert(configuration.zoneSources.count) }
            for content in servers {
                zone.records.append(Record(owner: apex, type: .ns, ttl: nil, content: content, position: node.position))
            }
        }
        var names: Set<DomainName> = []
        for entry in fields["records"].map({ reader.entries($0.value, "records of \(what)") }) ?? [] {
            guard let owner = name(entry.key, relativeTo: apex, entry.keyPosition) else { continue }
            guard owner.isAtOrBelow(apex) else {
                reader.diagnose(
                    entry.keyPosition,
                    "\(owner) is not in \(what); write a name without a final dot, or one below \(apex).")
                continue
            }
            warnOfRepeatedZone(entry, owner, apex)
            guard names.insert(owner).inserted else {
                reader.diagnose(entry.keyPosition, "the name \(owner) is given twice; keep one")
                continue
            }
            parseRecords(entry, owner, &zone)
        }
        configuration.zoneSources.append(zone)
        zoneEntries.append(entry)
    }

    /// Warns of an owner without a final dot that ends in the zone's name, or its parent's: it was probably meant to
    /// be absolute.
    private func warnOfRepeatedZone(_ entry: YAMLReader.Entry, _ owner: DomainName, _ apex: DomainName) {
        guard !entry.key.hasSuffix("."), entry.key != "@", let full = try? DomainName(entry.key, relativeTo: .root)
        else { return }
        if full.isAtOrBelow(apex) {
            let short = full == apex ? "@" : String(entry.key.dropLast(apex.description.count + 1))
            reader.warn(
                entry.keyPosition,
                "'\(entry.key)' has no final dot, so it means \(owner), with the zone's name twice; write '\(short)' for \(full), or '\(owner).' if that is intended"
            )
        } else if let parent = apex.parent, parent.labelCount > 1, full.isAtOrBelow(parent) {
            reader.warn(
                entry.keyPosition,
                "'\(entry.key)' has no final dot, so it means \(owner) here; write \(full) in a zone of its own, or '\(owner).' if that is intended"
            )
        }
    }

    private func parseRecords(_ entry: YAMLReader.Entry, _ owner: DomainName, _ zone: inout ZoneSource) {
        let what = owner.description
        let fields = reader.fields(entry.value, what, .record)
        if fields.isEmpty {
            reader.diagnose(entry.keyPosition, "\(what) has no record; write { service: NAME } or { A: 192.0.2.1 }")
        }
        let ttl = fields["ttl"].flatMap { reader.seconds($0.value, "the ttl of \(what)") }
        var types: Set<RecordType> = owner == zone.apex ? [.soa, .ns] : []
        var count = types.count
        var fromService: Set<RecordType> = []
        var serviceEntry: (service: Int, position: Diagnostic.Position?)?
        if let entry = fields["service"], let service = service(entry.value, what) {
            fromService = Set(configuration.services[service].answers.joined().map(\.type))
            serviceEntry = (service, entry.value.position)
            zone.services.append(
                .init(
                    owner: owner, service: service, types: fromService,
                    records: configuration.services[service].recordText, position: entry.keyPosition))
        }
        for entry in fields.others {
            guard let type = type(entry, .record) else { continue }
            if owner == zone.apex, type == .ns {
                reader.diagnose(entry.keyPosition, "NS of the apex belongs in ns: of the zone; move it there")
                continue
            }
            if !types.insert(type).inserted {
                reader.diagnose(entry.keyPosition, "\(type) of \(what) is given twice; keep one")
            }
            for content in contents(entry.value, type, origin: zone.apex, what) {
                zone.records.append(
                    Record(owner: owner, type: type, ttl: ttl, content: content, position: entry.keyPosition))
                count += 1
            }
        }
        let all = types.union(fromService.subtracting([.cname]))
        diagnoseCrowdedCNAME(all, count: max(count, all.count), entry.keyPosition, what)
        if let serviceEntry, owner == zone.apex, fromService.contains(.cname) {
            let service = configuration.services[serviceEntry.service]
            let aliases = service.answers.indices.filter { service.answers[$0].contains { $0.type == .cname } }
                .map { configuration.datacenters[$0].name }
            reader.diagnose(
                serviceEntry.position,
                "\(what) is the zone apex, which has SOA and NS, and service \(service.name) has a CNAME in \(listed(aliases, "and")); write addresses, or ALIAS instead of CNAME (RFC 1034 section 3.6.2)"
            )
        } else if fromService.contains(.cname), !types.isEmpty {
            reader.warn(
                entry.keyPosition,
                "\(what) is a CNAME in some datacenters of its service, beside other data; a CNAME must be alone (RFC 1034 section 3.6.2)"
            )
        }
        for type in types.intersection(fromService).map(\.description).sorted() {
            reader.warn(
                entry.keyPosition, "\(what) has \(type) of its own and from its service; answers have both")
        }
    }

    /// Reads the zone files, and compiles the zones.
    ///
    /// - Parameters:
    ///   - archive: zones that were compiled before.
    ///   - reusesUnchanged: whether to take unchanged zones from there.
    ///   - keepsLastGood: whether errors in a zone's files disable only that zone.
    ///   - serials: the source of the zones' serials.
    mutating func compileZones(
        archive: ZoneArchive?, reusesUnchanged: Bool, keepsLastGood: Bool, serials: (any ZoneSerials)?
    ) {
        var serials = serials
        // Zones without a file are already checked, and compiling them would add nothing.
        let isUsable = !reader.hasComplaints
        let sources = configuration.zoneSources.indices.filter {
            isUsable || configuration.zoneSources[$0].file != nil && !brokenZones.contains($0)
        }
        let library = ZoneLoader(
            archive: archive, reusesUnchanged: reusesUnchanged, keepsLastGood: keepsLastGood && isUsable)
        let outcome = library.zones(sources.map { configuration.zoneSources[$0] }, &serials) { [serviceNumbers] name in
            serviceNumbers[name]
        }
        serials?.keep()
        reader.files.formUnion(outcome.files)
        var unusable: [Int: [Diagnostic]] = [:]
        for (source, problem) in outcome.problems {
            let entry = zoneEntries[sources[source]]
            let diagnostic = Diagnostic(
                file: problem.file ?? configuration.file,
                position: problem.file == nil ? problem.position ?? entry.keyPosition : problem.position,
                message: problem.message, isWarning: problem.isWarning)
            if !diagnostic.isWarning, outcome.unusable.contains(source) {
                unusable[source, default: []].append(diagnostic)
            } else {
                reader.note(diagnostic)
            }
        }
        configuration.zones = outcome.zones
        configuration.unusableZones = unusable.sorted { $0.key < $1.key }.map { source, diagnostics in
            .init(zone: source, diagnostics: DiagnosticList(diagnostics).sorted(main: configuration.file))
        }
    }

    private func service(_ node: YAMLNode, _ what: String) -> Int? {
        guard let name = reader.text(node, "the service of \(what)") else { return nil }
        if let number = serviceNumbers[name] { return number }
        diagnoseUnknown(
            "service", name, section: "services", known: configuration.services.map(\.name), node.position)
        return nil
    }

    /// Reads the SOA record, and whether it has a serial; otherwise the compiler makes one.
    private func soa(
        _ node: YAMLNode, _ apex: DomainName, _ what: String
    ) -> (content: RecordContent, hasSerial: Bool)? {
        let what = "soa of \(what)"
        let fields = reader.fields(
            node, what, .soa)
        func time(_ key: String, _ fallback: UInt32) -> UInt32 {
            fields[key].flatMap { reader.seconds($0.value, "\(key) in \(what)") } ?? fallback
        }
        var serial: UInt32?
        if let node = fields["serial"]?.value, let text = reader.text(node, "serial in \(what)") {
            if let number = UInt32(text) {
                serial = number
            } else {
                reader.diagnose(node.position, "the serial '\(text)' is not a number; write one from 0 to 4294967295")
            }
        }
        guard let primary = fields["primary"].flatMap({ target($0.value, apex, "primary in \(what)") }),
            let contact = fields["contact"].flatMap({ contact($0.value, apex, "contact in \(what)") })
        else { return nil }
        let content = RecordContent(
            primary: primary, contact: contact, serial: serial ?? 0, refresh: time("refresh", 10_800),
            retry: time("retry", 3600), expire: time("expire", 604_800), minimum: time("minimum", 60))
        return (content, serial != nil)
    }

    /// Reads the contact of a zone: a name, or a mail address, which is written as a name (RFC 1035 section 8).
    private func contact(_ node: YAMLNode, _ apex: DomainName, _ what: String) -> DomainName? {
        guard let text = reader.text(node, what), let at = text.firstIndex(of: "@") else {
            return target(node, apex, what)
        }
        let user = text[..<at].replacing(".", with: "\\.")
        return name("\(user).\(text[text.index(after: at)...])", relativeTo: .root, node.position)
    }

    /// Reads the target name of a record.
    private func target(_ node: YAMLNode, _ apex: DomainName, _ what: String) -> DomainName? {
        guard let text = reader.text(node, what) else { return nil }
        if let url = urlComplaint(text) {
            reader.diagnose(node.position, "\(what): \(url)")
            return nil
        }
        do {
            return try DomainName(target: text, origin: apex)
        } catch {
            reader.diagnose(node.position, "\(what): \(error)")
            return nil
        }
    }

    private func name(_ text: String, relativeTo origin: DomainName, _ position: Diagnostic.Position?) -> DomainName? {
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            reader.diagnose(
                position, "'\(text)' has non-ASCII letters; write the name in its xn-- form (RFC 5890)")
            return nil
        }
        do {
            return try DomainName(text, relativeTo: origin)
        } catch {
            reader.diagnose(position, "'\(text)' is not a valid domain name: \(error)")
            return nil
        }
    }
}
