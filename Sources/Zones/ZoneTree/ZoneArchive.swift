import DNS
import Platform

/// The zones of an image with their provenance. Unchanged zones need not be compiled again, and zones whose files have
/// errors now can keep their content.
public final class ZoneArchive: Sendable {
    private let table: ZoneTable
    private let zones: [Entry]
    /// The position of each zone by `ZoneSource.cacheKey`.
    private let positionsByKey: [[UInt8]: Int]
    private let positionsByApex: [String: Int]
    private let owner: any Sendable

    private struct Entry {
        var provenance: ZoneProvenance
        var bytes: [UInt8]
        var keptSince: Int?
        var services: [String]
    }

    /// Writes the columns that `init` reads.
    ///
    /// - Parameter serviceNames: the names of services by the numbers in `Zone.services`.
    public static func write(_ zones: [Zone], serviceNames: [String], to columns: inout ColumnWriter) {
        var provenances: [UInt8] = []
        var ends: [UInt64] = []
        for zone in zones {
            provenances += zone.provenance
            ends.append(UInt64(provenances.count))
        }
        columns.add(provenances)
        columns.add(ends)
        columns.add(zones.map { Int64($0.keptSince ?? -1) })
        columns.add(texts: zones.map(\.apex.description))
        columns.add(texts: zones.flatMap { $0.services.map { serviceNames[$0] } })
    }

    /// Reads and checks the columns.
    ///
    /// - Parameters:
    ///   - table: the zones.
    ///   - owner: the object that owns the memory of the columns and of the table.
    public init(from columns: inout ColumnReader, _ table: ZoneTable, owner: any Sendable) throws(MalformedColumns) {
        let bytes = try columns.read(UInt8.self)
        let ends = try columns.read(UInt64.self)
        let kept = try columns.read(Int64.self)
        let apexes = try columns.readTexts()
        let names = try columns.readTexts()
        guard ends.count == table.count, kept.count == table.count, apexes.count == table.count,
            (0..<table.count).reduce(0, { $0 + table.serviceCount(ofZone: $1) }) == names.count
        else { throw MalformedColumns("the sources of zones do not fit the zones") }
        var zones: [Entry] = []
        var keys: [[UInt8]: Int] = [:]
        var positions: [String: Int] = [:]
        var (start, firstName) = (0, 0)
        for zone in 0..<table.count {
            guard ends[zone] >= UInt64(start), ends[zone] <= UInt64(bytes.count) else {
                throw MalformedColumns("the end of the source of a zone is out of range")
            }
            let part = Array(bytes.buffer[start..<Int(ends[zone])])
            start = Int(ends[zone])
            let serviceCount = table.serviceCount(ofZone: zone)
            let services = Array(names[firstName..<(firstName + serviceCount)])
            firstName += serviceCount
            positions[apexes[zone].lowercased()] = zone
            var provenance = ZoneProvenance(key: [], inputs: [], problems: [])
            if !table.isBroken(zone) {
                do throws(TruncatedBytes) { provenance = try ZoneProvenance(bytes: part) } catch {
                    throw MalformedColumns("the source of a zone is damaged")
                }
                if kept[zone] < 0 { keys[provenance.key] = zone }
            }
            zones.append(
                Entry(
                    provenance: provenance, bytes: part, keptSince: kept[zone] < 0 ? nil : Int(kept[zone]),
                    services: services))
        }
        self.table = table
        self.zones = zones
        positionsByKey = keys
        positionsByApex = positions
        self.owner = owner
    }

    /// Returns the zone that was compiled from `source`, with its diagnostics, if neither the source nor its files
    /// have changed.
    func unchanged(
        _ source: ZoneSource, key: [UInt8], _ serials: SharedSerials
    ) -> (zone: Zone, inputs: [ZoneInput], problems: [ZoneDiagnostic])? {
        guard let position = positionsByKey[key], let image = table.image(position) else { return nil }
        let entry = zones[position]
        guard entry.provenance.inputs.allSatisfy(\.isUnchanged),
            source.accepts(image, entry.provenance.inputs, serials)
        else { return nil }
        let zone = Zone(source, image.bytes, provenance: entry.bytes, owner: owner)
        return (zone, entry.provenance.inputs, entry.provenance.problems)
    }

    /// Returns the zone with its last good content; `nil` if there is none, or if one of its services no longer exists.
    ///
    /// - Parameters:
    ///   - time: the present time, in seconds since 1970.
    ///   - number: returns the present number of a service by its name; `nil` if it no longer exists.
    func kept(_ source: ZoneSource, at time: Int, service number: (String) -> Int?) -> Zone? {
        guard let position = positionsByApex[source.apex.description.lowercased()], let image = table.image(position)
        else { return nil }
        let entry = zones[position]
        let services = entry.services.compactMap(number)
        guard services.count == entry.services.count else { return nil }
        return Zone(
            source, services: services, image.bytes, provenance: entry.bytes, keptSince: entry.keptSince ?? time,
            owner: owner)
    }
}
