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

/// All that answers are made from: an image, and what it says.
public final class Snapshot: Sendable {
    public let image: Image
    public let manifest: Manifest
    package let zones: ZoneTable
    package let answers: AnswerTable
    package let maps: [CompiledMap]
    /// By number.
    public let datacenterNames: [String]
    /// By position in the configuration.
    public let serviceNames: [String]
    /// By position in the configuration.
    package let mapNames: [String]
    private let zoneNames: TextColumn
    /// Where clients are.
    package let places: PlaceIndex
    /// By position in the configuration, what of a service is checked.
    package let checkedServices: [CheckedService?]
    /// All addresses that are checked.
    public let healthTargets: [HealthTarget]
    /// What the agent runs when addresses go down or come up.
    public let notify: NotifyCommand?
    /// Counts what is answered from it.
    package let tally: SnapshotCounters
    /// The counters of `tally`, as the answering thread uses them.
    let counters: SnapshotCounters.Writer

    /// Reads an image, and checks all of it.
    public init(_ image: Image) throws(MalformedColumns) {
        self.image = image
        var section = try image.section(.manifest)
        manifest = try Manifest(from: &section)
        // The thread that answers may wait for this core.
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
            throw MalformedColumns("there are more names than zones and maps, or less")
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
        // The names are in the image, which must not go before them.
        tally = SnapshotCounters(zoneCount: zones.count, services: serviceNames, datacenters: datacenterNames) {
            [image] zone in
            withExtendedLifetime(image) { zoneNames[zone] }
        }
        counters = tally.writer
    }

    /// Maps the image at a path.
    ///
    /// - Parameter owners: the users whose files are trusted; without, this user and root.
    public convenience init(path: String, owners: Set<uid_t>? = nil) throws(Image.Refusal) {
        let image = try Image(path: path, owners: owners ?? [geteuid(), 0])
        do {
            try self.init(image)
        } catch {
            throw Image.Refusal("\(path) is damaged: \(error)")
        }
    }

    /// Whether it was made by this version of the program, of files that are still what they were.
    public var isCurrent: Bool {
        manifest.program == geopipeVersion && !manifest.inputs.isEmpty
            && FileState.changed(manifest.inputs.map { ($0.path, $0.state) }).isEmpty
    }

    /// All areas that it has places of clients in.
    public var areas: Set<Area> {
        withExtendedLifetime(self) { Set((0..<places.count).map { places[UInt32($0)] }).areas }
    }

    /// The number of zones.
    public var zoneCount: Int { zones.count }

    /// The name of the zone at a position.
    public func zoneName(_ zone: Int) -> String { zoneNames[zone] }

    /// Returns the zones and their sources: the next compilation reuses what has not changed.
    public func zoneArchive() throws(MalformedColumns) -> ZoneArchive {
        var section = try image.section(.sources)
        return try ZoneArchive(from: &section, zones, owner: image)
    }

    /// Where hits are logged; `nil` for nowhere.
    package var hitsLog: Configuration.HitsLog? {
        guard !manifest.hitsLog.isEmpty,
            let format = Configuration.HitsLog.Format(rawValue: manifest.hitsLogFormat)
        else { return nil }
        var log = Configuration.HitsLog(file: manifest.hitsLog)
        log.format = format
        log.sample = manifest.hitsLogSample
        return log
    }

    /// When the databases that it was made from were built.
    public var databaseBuilds: [DatabaseBuild] {
        manifest.databases.map { DatabaseBuild(database: $0.path, built: $0.built) }
    }
}
