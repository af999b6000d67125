import DNS
import Platform

extension ZoneSource {
    /// Reads the zone's file, overlays the records of the configuration, and compiles the zone if there are no errors.
    func compile(_ serials: SharedSerials) -> CompiledZone {
        var reader = ZoneFileReader(ParsedZone(apex: apex), defaultTTL: self.defaultTTL)
        if let file { reader.read(path: file, namedAt: filePosition) }
        let defaultTTL = self.defaultTTL ?? reader.firstDefaultTTL ?? 3600
        var contents = reader.contents
        let inputs = reader.files.map(ZoneInput.init)
        overlay(&contents, defaultTTL: defaultTTL)
        setSerial(&contents, inputs, serials)

        // If the file has syntax errors, checks for missing records would only distract from these.
        if contents.problems.allSatisfy(\.isWarning) {
            let rrsets = RRsets(contents)
            let delegations = ZoneDelegations(contents, rrsets)
            var checks = ZoneChecks(contents, rrsets, delegations)
            checks.run()
            contents = checks.contents
            if contents.problems.allSatisfy(\.isWarning) {
                var builder = ZoneImageBuilder(
                    contents, rrsets, delegations, negativeTTL: contents.negativeTTL ?? defaultTTL)
                let image = builder.build(defaultTTL: defaultTTL)
                let problems = problems(contents, reader.files)
                let warning = serialWarning(contents, serials)
                return CompiledZone(
                    image: image, problems: problems, inputs: inputs, missing: reader.missing,
                    serialWarning: warning.map { located($0, reader.files) })
            }
        }
        return CompiledZone(
            image: nil, problems: problems(contents, reader.files), inputs: inputs,
            missing: reader.missing)
    }

    /// Adds the records and services of the configuration. They replace records of the file with the same name and
    /// type.
    private func overlay(_ contents: inout ParsedZone, defaultTTL: UInt32) {
        let owners = records.map { contents.insert(wire: $0.owner.wire.span) }
        let serviceOwners = services.map { contents.insert(wire: $0.owner.wire.span) }
        var overlaid: [Int32: Set<RecordType>] = [:]
        for (record, owner) in zip(records, owners) {
            if let owner { overlaid[owner, default: []].insert(record.type) }
        }
        for (service, owner) in zip(services, serviceOwners) {
            if let owner { overlaid[owner, default: []].formUnion(service.types) }
        }
        if !overlaid.isEmpty { removeRecords(of: &contents, replacedBy: overlaid) }
        warnOfCNAMEsWithOtherData(zip(services, serviceOwners), except: Set(owners), &contents)
        for (record, owner) in zip(records, owners) {
            guard let owner else { continue }
            if owner == 0, record.type == .ds {
                contents.warn(.configuration(record.position), ParsedZone.dsAtApex)
                continue
            }
            let text = Array(record.content.text.utf8)
            contents.append(
                name: owner, type: record.type, ttl: record.ttl ?? defaultTTL, text: text.span,
                place: .configuration(record.position))
        }
        let numbers = serviceNumbers
        for (service, owner) in zip(services, serviceOwners) {
            guard let owner else { continue }
            contents.setService(
                Int32(numbers[service.service]!), at: owner, place: .configuration(service.position))
        }
    }

    /// Removes the records of the file that the configuration replaces.
    ///
    /// - Parameter overlaid: for each name, the types of the configuration's records.
    private func removeRecords(of contents: inout ParsedZone, replacedBy overlaid: [Int32: Set<RecordType>]) {
        contents.removeRecords { record in
            guard let types = overlaid[record.name] else { return false }
            // A CNAME in the file gives way to any record, and a CNAME in the configuration replaces all records of
            // the name.
            return types.contains(record.type) || record.type == .cname
                || types == [.cname] && record.type != .soa && record.type != .ns
        }
    }

    /// Warns about services that are a CNAME for some clients while the file has other records of the name.
    ///
    /// - Parameter owners: the names of the configuration's own records; the configuration has warned about these
    ///   itself.
    private func warnOfCNAMEsWithOtherData(
        _ services: Zip2Sequence<[ServiceName], [Int32?]>, except owners: Set<Int32?>, _ contents: inout ParsedZone
    ) {
        let aliases = services.filter { $0.types.contains(.cname) && $1 != 0 && !owners.contains($1) }
        guard !aliases.isEmpty else { return }
        let inFile = Set(contents.records.map(\.name))
        for case (let service, let owner?) in aliases where inFile.contains(owner) {
            contents.warn(
                .configuration(service.position),
                "\(service.owner) is a CNAME in some datacenters of its service, beside other data in the zone file; a CNAME stands alone (RFC 1034 section 3.6.2)"
            )
        }
    }

    private func problems(_ contents: ParsedZone, _ files: [SourceFile]) -> [ZoneDiagnostic] {
        contents.problems.map { located($0, files) }
    }

    private func located(_ problem: ParsedZone.Diagnostic, _ files: [SourceFile]) -> ZoneDiagnostic {
        switch problem.place {
        case .file(let number, let offset):
            let (line, column) = files[Int(number)].position(of: offset)
            return ZoneDiagnostic(
                file: files[Int(number)].path, position: SourcePosition(line: line, column: column),
                message: problem.message, isWarning: problem.isWarning)
        case .configuration(let position):
            return ZoneDiagnostic(
                file: nil, position: position, message: problem.message, isWarning: problem.isWarning)
        case nil:
            return ZoneDiagnostic(
                file: file, position: nil, message: problem.message, isWarning: problem.isWarning)
        }
    }
}

// MARK: - Serials

/// Returns the serial in the text of an SOA record.
func soaSerial(_ text: String) -> UInt32? {
    let fields = text.split(separator: " ")
    return fields.count > 2 ? UInt32(fields[2]) : nil
}

extension ZoneSource {
    /// Sets the serial of the SOA record, unless the operator has written one.
    private func setSerial(
        _ contents: inout ParsedZone, _ inputs: [ZoneInput], _ serials: SharedSerials
    ) {
        guard let configurationFile, let soa = contents.soa, !contents.records[soa].place.isInFile else { return }
        var newest = configurationFile.newestChange
        for input in inputs {
            newest.add(
                modified: Int(input.state.identity.modified / 1_000_000_000),
                changed: Int(input.state.identity.changed / 1_000_000_000))
        }
        let content = hash(configurationFile, inputs)
        let time = newest.time
        let serial = serials.use { $0.serial(of: apex, content: content, newest: time) } ?? time
        contents.setSerial(serial, ofRecord: soa)
    }

    /// Returns a hash of the configuration file and the zone's files.
    private func hash(_ configurationFile: ConfigurationFile, _ inputs: [ZoneInput]) -> UInt64 {
        let hashes = [configurationFile.hash] + inputs.map(\.state.hash)
        return hashes.withUnsafeBytes { hash64(Array($0).span) }
    }

    /// Whether a zone that was compiled from this source before can be served unchanged: its serial must be acceptable.
    func accepts(_ image: ZoneImage, _ inputs: [ZoneInput], _ serials: SharedSerials) -> Bool {
        guard let configurationFile, serials.areKnown else { return true }
        guard let serial = image.serial else { return false }
        let content = hash(configurationFile, inputs)
        return serials.use { $0.accepts(serial, of: apex, content: content) } ?? true
    }

    /// Returns a warning if the operator sets the serial, and the records have changed without a later serial.
    private func serialWarning(
        _ contents: ParsedZone, _ serials: SharedSerials
    ) -> ParsedZone.Diagnostic? {
        guard serials.areKnown, let soa = contents.soa,
            configurationFile == nil || contents.records[soa].place.isInFile,
            let serial = contents.serial(ofRecord: soa)
        else { return nil }
        // A sum of hashes does not depend on the order of the records.
        var content: UInt64 = 0
        var bytes: [UInt8] = []
        for (position, record) in contents.records.enumerated() where position != soa {
            bytes.removeAll(keepingCapacity: true)
            bytes.append(contentsOf: contents.texts[record.textRange])
            withUnsafeBytes(of: (UInt64(record.type.rawValue) << 32 | UInt64(record.ttl)).littleEndian) {
                bytes.append(contentsOf: $0)
            }
            contents.names.withKey(of: Int(record.name)) { key in
                key.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            }
            content &+= hash64(bytes.span)
        }
        for service in services { content &+= hash64(service.owner.wire.span) ^ service.content }
        guard let before = serials.use({ [content] in $0.note(apex, content: content, serial: serial) }) ?? nil else {
            return nil
        }
        return ParsedZone.Diagnostic(
            place: contents.records[soa].place,
            message: serial == before
                ? "the records of \(apex) have changed, but the serial \(serial) has not, so that secondaries do not transfer them; write a later serial"
                : "the serial of \(apex) was \(before) and is \(serial), which is not later (RFC 1982), so that secondaries do not transfer the zone; write a later serial",
            isWarning: true)
    }
}

extension ParsedZone {
    /// The position of the zone's SOA record; `nil` if there is none.
    fileprivate var soa: Int? { records.firstIndex { $0.type == .soa && $0.name == 0 } }

    fileprivate func serial(ofRecord soa: Int) -> UInt32? { soaSerial(string(of: records[soa])) }

    fileprivate mutating func setSerial(_ serial: UInt32, ofRecord soa: Int) {
        var fields = string(of: records[soa]).split(separator: " ").map(String.init)
        guard fields.count > 2 else { return }
        fields[2] = "\(serial)"
        setText(Array(fields.joined(separator: " ").utf8), ofRecord: soa)
    }
}

extension ParsedZone {
    /// The TTL of negative answers in seconds: the smaller of the SOA record's MINIMUM field and its own TTL (RFC
    /// 2308 section 5).
    fileprivate var negativeTTL: UInt32? {
        guard let soa = records.first(where: { $0.type == .soa && $0.name == 0 }) else { return nil }
        return string(of: soa).split(separator: " ").last.flatMap { UInt32($0) }.map { min($0, soa.ttl) }
    }
}
