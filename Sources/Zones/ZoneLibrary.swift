import Glibc

/// Makes zones of what a configuration says. Zones that have files are shared with the other processes that serve the same
/// configuration.
public struct ZoneLibrary {
    /// What tells the zones of this configuration from those of others.
    private let name: String
    private let publishes: Bool

    /// - Parameters:
    ///   - configuration: the configuration's file.
    ///   - publishes: whether other processes are to find what is compiled here.
    public init(configuration: String, publishes: Bool) {
        let path = Array((realPath(of: configuration) ?? configuration).utf8)
        name = "geopipe-zones-" + String(hash64(path.span), radix: 16)
        self.publishes = publishes
    }

    /// Makes all zones, each with the time of its newest change as its serial.
    public func zones(
        _ sources: [ZoneSource]
    ) -> (zones: [Zone], problems: [(source: Int, ZoneProblem)], files: Set<String>) {
        var serials: (any ZoneSerials)?
        return zones(sources, &serials)
    }

    /// Makes all zones. What is in shared memory, from another process or from this, is not made again as long as its files
    /// are what they were.
    ///
    /// - Parameter serials: knows the zones' serials; without, each has the time of its newest change.
    /// - Returns: the zones without errors; what is wrong with the others or worth a warning, each with the position of
    ///   its source; and all files that were read, or would have been if they were there.
    public func zones(
        _ sources: [ZoneSource], _ serials: inout (any ZoneSerials)?
    ) -> (zones: [Zone], problems: [(source: Int, ZoneProblem)], files: Set<String>) {
        let hasFiles = sources.contains { $0.file != nil }
        // Of those that start together the first compiles, and the others wait; but not for one that is stuck.
        let lock = hasFiles && publishes ? FileLock("/dev/shm/\(name)-\(geteuid())", patience: 4) : nil
        defer { lock?.release() }
        let shared = hasFiles ? SharedZones.found(name: name) : []

        var problems: [(Int, ZoneProblem)] = []
        var zones: [Zone?] = []
        var sharable: [(position: Int, key: [UInt8], entry: SharedZones.Entry)] = []
        var hasNews = false
        var files = Set(sources.compactMap(\.file))
        for (position, source) in sources.enumerated() {
            let key = source.file == nil ? nil : source.key
            let known = key.flatMap { found($0, in: shared) }
            if let key, let known, source.accepts(known.entry, &serials) {
                zones.append(Zone(source, known.entry.image, owner: known.owner))
                sharable.append((position, key, known.entry))
                files.formUnion(known.entry.inputs.flatMap { [$0.path, $0.name] })
                problems += known.entry.problems.map { (position, $0) }
            } else {
                let compiled = source.compile(&serials)
                let image = compiled.image.map(PrivateImage.init)
                zones.append(image.map { Zone(source, $0.image, owner: $0) })
                problems += compiled.problems.map { (position, $0) }
                if let warning = compiled.serialWarning { problems.append((position, warning)) }
                files.formUnion(compiled.inputs.flatMap { [$0.path, $0.name] })
                files.formUnion(compiled.missing)
                if let key, let image {
                    hasNews = true
                    sharable.append(
                        (
                            position, key,
                            SharedZones.Entry(image: image.image, inputs: compiled.inputs, problems: compiled.problems)
                        ))
                }
            }
        }
        if publishes, hasNews, let memory = SharedZones(sharable.map { ($0.key, $0.entry) }, name: name) {
            for (position, key, _) in sharable {
                guard let entry = memory.entries[key] else { continue }
                zones[position] = Zone(sources[position], entry.image, owner: memory)
            }
        }
        return (zones.compactMap(\.self), problems, files)
    }
}

/// The zone that was made of `key`, and the memory that it is in. Each is asked once: a file may change at any time.
private func found(_ key: [UInt8], in shared: [SharedZones]) -> (entry: SharedZones.Entry, owner: SharedZones)? {
    for memory in shared {
        if let entry = memory.entry(key) { return (entry, memory) }
    }
    return nil
}

/// A lock on a file that is there for this alone and for one user, so that nobody else can hold it. It ends with its holder.
private struct FileLock {
    private let descriptor: CInt

    /// Waits until nobody else has the lock.
    ///
    /// - Parameter patience: for so many seconds at most.
    /// - Returns: `nil` if the lock cannot be had.
    init?(_ path: String, patience: Double) {
        descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            close(descriptor)
            return nil
        }
        var waited = 0.0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, waited < patience else {
                close(descriptor)
                return nil
            }
            usleep(5_000)
            waited += 0.005
        }
    }

    func release() { close(descriptor) }
}
