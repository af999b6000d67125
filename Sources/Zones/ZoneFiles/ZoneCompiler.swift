import DNS
import Platform

/// A zone that was put together and looked over.
struct CompiledZone {
    /// `nil` if there are errors. The owner deallocates it.
    var image: UnsafeRawBufferPointer?
    var problems: [ZoneProblem]
    /// The files that it was made from, as they were then.
    var inputs: [ZoneInput]
    /// Files that could not be read.
    var missing: [String]
    /// That the zone was changed, but not its serial.
    var serialWarning: ZoneProblem?
}

extension ZoneSource {
    /// Reads the zone's file, lays the configuration's records over it, and compiles the zone if nothing is wrong with it.
    func compile(_ serials: SharedSerials) -> CompiledZone {
        var reader = ZoneFileReader(ZoneContents(apex: apex), defaultTTL: self.defaultTTL)
        if let file { reader.read(path: file, namedAt: filePosition) }
        let defaultTTL = self.defaultTTL ?? reader.firstDefaultTTL ?? 3600
        var contents = reader.contents
        let inputs = reader.files.map(ZoneInput.init)
        lay(over: &contents, defaultTTL: defaultTTL)
        setSerial(&contents, inputs, serials)

        // What is missing in a file that was not understood would only hide what was not understood.
        if contents.problems.allSatisfy(\.isWarning) {
            let groups = RecordGroups(contents)
            let delegations = ZoneDelegations(contents, groups)
            var checks = ZoneChecks(contents, groups, delegations)
            checks.run()
            contents = checks.contents
            if contents.problems.allSatisfy(\.isWarning) {
                var builder = ZoneImageBuilder(
                    contents, groups, delegations, negativeTTL: contents.negativeTTL ?? defaultTTL)
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

    private func lay(over contents: inout ZoneContents, defaultTTL: UInt32) {
        let owners = records.map { contents.insert(wire: $0.owner.wire.span) }
        let serviceOwners = services.map { contents.insert(wire: $0.owner.wire.span) }
        var laidOver: [Int32: Set<RecordType>] = [:]
        for (record, owner) in zip(records, owners) {
            if let owner { laidOver[owner, default: []].insert(record.type) }
        }
        for (service, owner) in zip(services, serviceOwners) {
            if let owner { laidOver[owner, default: []].formUnion(service.types) }
        }
        if !laidOver.isEmpty { removeRecords(of: &contents, below: laidOver) }
        warnOfCrowdedAliases(zip(services, serviceOwners), besides: Set(owners), &contents)
        for (record, owner) in zip(records, owners) {
            guard let owner else { continue }
            if owner == 0, record.type == .ds {
                contents.warn(.configuration(record.position), ZoneContents.dsAtApex)
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

    /// Removes the records that others are laid over.
    ///
    /// - Parameter laidOver: by names, the types of those.
    private func removeRecords(of contents: inout ZoneContents, below laidOver: [Int32: Set<RecordType>]) {
        contents.removeRecords { record in
            guard let types = laidOver[record.name] else { return false }
            // A CNAME stands alone, whichever of the two it is.
            return types.contains(record.type) || record.type == .cname
                || types == [.cname] && record.type != .soa && record.type != .ns
        }
    }

    /// Warns of services that are a CNAME for some clients, at names of which the file has other records.
    ///
    /// - Parameter owners: the names of the configuration's own records, of which it has warned itself.
    private func warnOfCrowdedAliases(
        _ services: Zip2Sequence<[ServiceName], [Int32?]>, besides owners: Set<Int32?>, _ contents: inout ZoneContents
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

    private func problems(_ contents: ZoneContents, _ files: [SourceFile]) -> [ZoneProblem] {
        contents.problems.map { located($0, files) }
    }

    private func located(_ problem: ZoneContents.Problem, _ files: [SourceFile]) -> ZoneProblem {
        switch problem.place {
        case .file(let number, let offset):
            let (line, column) = files[Int(number)].position(of: offset)
            return ZoneProblem(
                file: files[Int(number)].path, position: SourcePosition(line: line, column: column),
                message: problem.message, isWarning: problem.isWarning)
        case .configuration(let position):
            return ZoneProblem(
                file: nil, position: position, message: problem.message, isWarning: problem.isWarning)
        case nil:
            return ZoneProblem(
                file: file, position: nil, message: problem.message, isWarning: problem.isWarning)
        }
    }
}

// MARK: - Serials

/// The serial in the text of an SOA record.
func soaSerial(_ text: String) -> UInt32? {
    let words = text.split(separator: " ")
    return words.count > 2 ? UInt32(words[2]) : nil
}

extension ZoneSource {
    /// Gives the SOA record a serial, unless the operator has written one.
    private func setSerial(
        _ contents: inout ZoneContents, _ inputs: [ZoneInput], _ serials: SharedSerials
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

    /// A hash of all that the zone is made from.
    private func hash(_ configurationFile: ConfigurationFile, _ inputs: [ZoneInput]) -> UInt64 {
        let hashes = [configurationFile.hash] + inputs.map(\.state.hash)
        return hashes.withUnsafeBytes { hash64(Array($0).span) }
    }

    /// Whether a zone that was compiled from this can be served as it is.
    func accepts(_ image: ZoneImage, _ inputs: [ZoneInput], _ serials: SharedSerials) -> Bool {
        guard let configurationFile, serials.areKnown else { return true }
        guard let serial = image.serial else { return false }
        let content = hash(configurationFile, inputs)
        return serials.use { $0.accepts(serial, of: apex, content: content) } ?? true
    }

    /// A warning if the zone has a serial of its own, which is what it was although the records are others.
    private func serialWarning(
        _ contents: ZoneContents, _ serials: SharedSerials
    ) -> ZoneContents.Problem? {
        guard serials.areKnown, let soa = contents.soa,
            configurationFile == nil || contents.records[soa].place.isInFile,
            let serial = contents.serial(ofRecord: soa)
        else { return nil }
        // In any order.
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
        return ZoneContents.Problem(
            place: contents.records[soa].place,
            message: serial == before
                ? "the records of \(apex) have changed, and the serial \(serial) has not, so that no secondary transfers them; write a later one"
                : "the serial of \(apex) was \(before) and is \(serial), which is no later one (RFC 1982), so that no secondary transfers the zone; write a later one",
            isWarning: true)
    }
}

extension ZoneContents {
    /// The position of the zone's SOA record.
    fileprivate var soa: Int? { records.firstIndex { $0.type == .soa && $0.name == 0 } }

    fileprivate func serial(ofRecord soa: Int) -> UInt32? { soaSerial(string(of: records[soa])) }

    fileprivate mutating func setSerial(_ serial: UInt32, ofRecord soa: Int) {
        var words = string(of: records[soa]).split(separator: " ").map(String.init)
        guard words.count > 2 else { return }
        words[2] = "\(serial)"
        setText(Array(words.joined(separator: " ").utf8), ofRecord: soa)
    }
}

extension ZoneContents {
    /// How long resolvers may keep that something does not exist, in seconds: the last number of the SOA record, or that
    /// record's own TTL if it is smaller (RFC 2308 section 5).
    fileprivate var negativeTTL: UInt32? {
        guard let soa = records.first(where: { $0.type == .soa && $0.name == 0 }) else { return nil }
        return string(of: soa).split(separator: " ").last.flatMap { UInt32($0) }.map { min($0, soa.ttl) }
    }
}
