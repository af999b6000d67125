import Configuration
import DNS
import Geography
import Glibc
import Image
import Platform
import Routing
import State
import Telemetry
import Zones

/// An image, read and validated: all data that answers are made from.
public final class Snapshot: Sendable {
    /// The image, which all other properties are views of.
    public let image: Image
    /// What the image was made from.
    public let manifest: Manifest
    /// The zones, with their names and static records.
    package let zones: ZoneTable
    /// The records of services.
    package let answers: AnswerTable
    /// The maps by number.
    package let maps: [CompiledMap]
    /// By number.
    public let datacenterNames: [String]
    /// By position in the configuration.
    public let serviceNames: [String]
    /// By position in the configuration.
    package let mapNames: [String]
    private let zoneNames: TextColumn
    /// The places of clients.
    package let places: PlaceIndex
    /// The checks of each service, by its position in the configuration; `nil` for a service without checks.
    package let checkedServices: [CheckedService?]
    /// All checked addresses.
    public let healthTargets: [HealthTarget]
    /// The command that the agent runs when addresses go down or come up.
    public let notify: NotifyCommand?
    /// The counters of the answers that come from it.
    package let tally: SnapshotCounters
    /// The counters of `tally`, as the answering thread writes them.
    let counters: SnapshotCounters.Writer

    /// Reads an image, and validates all of it.
    public init(_ image: Image) throws(MalformedColumns) {
        self.image = image
        var section = try image.section(.manifest)
        manifest = try Manifest(from: &section)
        // The answering thread may be waiting for this core.
        sched_yield()
        section = try image.section(.names)
        let datacenterNames = try section.readTexts()
        let serviceNames = try section.readTexts()
        mapNames = try section.readTexts()
        let zoneNames = try section.readTextColumn()
        sched_yield()
        section = try image.section(.routing)
        let maps = try CompiledMap.all(from: &section, datacenterCount: datacenterNames.count)
        sched_yield()
        section = try image.section(.zones)
        let zones = try ZoneTable(from: &section)
        guard zoneNames.count == zones.count, mapNames.count == maps.count else {
            throw MalformedColumns("the numbers of names, zones and maps do not match")
        }
        sched_yield()
        section = try image.section(.answers)
        answers = try AnswerTable(
            from: &section, zones: zones, mapCount: maps.count, serviceCount: serviceNames.count,
            datacenterCount: datacenterNames.count)
        sched_yield()
        section = try image.section(.checks)
        (checkedServices, healthTargets, notify) = try CheckTable.read(
            from: &section, serviceCount: serviceNames.count, datacenterCount: datacenterNames.count)
        (self.datacenterNames, self.serviceNames, self.zoneNames) = (datacenterNames, serviceNames, zoneNames)
        (self.maps, self.zones) = (maps, zones)
        sched_yield()
        section = try image.section(.places)
        places = try PlaceIndex(from: &section)
        // The names are in the image's memory, so the closure retains it.
        tally = SnapshotCounters(zoneCount: zones.count, services: serviceNames, datacenters: datacenterNames) {
            [image] zone in
            withExtendedLifetime(image) { zoneNames[zone] }
        }
        counters = tally.writer
    }

    /// Maps the image at a path.
    ///
    /// - Parameter owners: the users whose files are trusted; by default this user and root.
    public convenience init(path: String, owners: Set<uid_t>? = nil) throws(Image.Refusal) {
        let image = try Image(path: path, owners: owners ?? [geteuid(), 0])
        do {
            try self.init(image)
        } catch {
            throw Image.Refusal("\(path) is damaged: \(error)")
        }
    }

    /// Whether this version of the program compiled it, and none of its input files has changed since.
    public var isCurrent: Bool {
        manifest.program == geopipeVersion && !manifest.inputs.isEmpty
            && FileState.changed(manifest.inputs.map { ($0.path, $0.state) }).isEmpty
    }

    /// All areas in which it has places of clients.
    public var areas: Set<Area> {
        withExtendedLifetime(self) { Set((0..<places.count).map { places[UInt32($0)] }).areas }
    }

    /// The number of zones.
    public var zoneCount: Int { zones.count }

    /// Returns the name of the zone at a position.
    public func zoneName(_ zone: Int) -> String { zoneNames[zone] }

    /// Returns the zones and their sources. The next compilation reuses the zones that have not changed.
    public func zoneArchive() throws(MalformedColumns) -> ZoneArchive {
        var section = try image.section(.sources)
        return try ZoneArchive(from: &section, zones, owner: image)
    }

    /// The settings of the hits log; `nil` if hits are not logged.
    package var hitsLog: Configuration.HitsLog? {
        guard !manifest.hitsLog.isEmpty,
            let format = Configuration.HitsLog.Format(rawValue: manifest.hitsLogFormat)
        else { return nil }
        var log = Configuration.HitsLog(file: manifest.hitsLog)
        log.format = format
        log.sample = manifest.hitsLogSample
        return log
    }

    /// The databases that it was compiled from, with their build times.
    public var databaseBuilds: [DatabaseBuild] {
        manifest.databases.map { DatabaseBuild(database: $0.path, built: $0.built) }
    }
}
