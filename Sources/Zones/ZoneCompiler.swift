/// A zone that was put together and looked over.
struct CompiledZone {
    /// `nil` if there are errors. The owner deallocates it.
    var image: UnsafeRawBufferPointer?
    var problems: [ZoneProblem]
    /// The files that it was made from, as they were then.
    var inputs: [ZoneInput]
    /// Files that could not be read.
    var missing: [String]
}

extension ZoneSource {
    /// Reads the zone's file, lays the configuration's records over it, and compiles the zone if nothing is wrong with it.
    func compile() -> CompiledZone {
        var reader = ZoneFileReader(ZoneContents(apex: apex), defaultTTL: self.defaultTTL)
        if let file { reader.read(path: file, namedAt: filePosition) }
        let defaultTTL = self.defaultTTL ?? reader.firstDefaultTTL ?? 3600
        var contents = reader.contents
        let inputs = reader.files.map(ZoneInput.init)
        lay(over: &contents, defaultTTL: defaultTTL)

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
                return CompiledZone(
                    image: builder.build(defaultTTL: defaultTTL), problems: problems(contents, reader.files),
                    inputs: inputs, missing: reader.missing)
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
        contents.removeRecords { record in
            guard let types = laidOver[record.name] else { return false }
            // A CNAME stands alone, whichever of the two it is.
            return types.contains(record.type) || record.type == .cname
                || types == [.cname] && record.type != .soa && record.type != .ns
        }
        warnOfCrowdedAliases(zip(services, serviceOwners), besides: Set(owners), &contents)
        for (record, owner) in zip(records, owners) {
            guard let owner else { continue }
            let text = Array(record.content.text.utf8)
            contents.append(
                name: owner, type: record.type, ttl: record.ttl ?? defaultTTL, text: text.span,
                place: .configuration(record.position))
        }
        let numbers = distinctServices
        for (service, owner) in zip(services, serviceOwners) {
            guard let owner else { continue }
            contents.setService(
                Int32(numbers.firstIndex(of: service.service)!), at: owner, place: .configuration(service.position))
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
        contents.problems.map { problem in
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
}

extension ZoneContents {
    /// How long resolvers may keep that something does not exist, in seconds: the last number of the SOA record (RFC 2308).
    fileprivate var negativeTTL: UInt32? {
        guard let soa = records.first(where: { $0.type == .soa && $0.name == 0 }) else { return nil }
        return string(of: soa).split(separator: " ").last.flatMap { UInt32($0) }
    }
}
