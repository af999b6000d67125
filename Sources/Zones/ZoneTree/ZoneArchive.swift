import DNS
import Platform

/// The zones of an image, with what they were made from: what has not changed since need not be compiled again, and what is no
/// longer good can stay as it was.
public final class ZoneArchive: Sendable {
    private let table: ZoneTable
    private let zones: [Entry]
    /// By what was asked for.
    private let positionsByKey: [[UInt8]: Int]
    private let positionsByApex: [String: Int]
    private let owner: any Sendable

    private struct Entry {
        var description: ZoneDescription
        var bytes: [UInt8]
        var keptSince: Int?
        var services: [String]
    }

    /// Lays out what `init` reads.
    ///
    /// - Parameter serviceNames: by the numbers that `Zone.services` has.
    public static func write(_ zones: [Zone], serviceNames: [String], to columns: inout ColumnWriter) {
        var descriptions: [UInt8] = []
        var ends: [UInt64] = []
        for zone in zones {
            descriptions += zone.description
            ends.append(UInt64(descriptions.count))
        }
        columns.add(descriptions)
        columns.add(ends)
        columns.add(zones.map { Int64($0.keptSince ?? -1) })
        columns.add(texts: zones.map(\.apex.description))
        columns.add(texts: zones.flatMap { $0.services.map { serviceNames[$0] } })
    }

    /// - Parameters:
    ///   - table: the zones.
    ///   - owner: keeps the memory of both.
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
                throw MalformedColumns("the source of a zone ends where it cannot")
            }
            let part = Array(bytes.buffer[start..<Int(ends[zone])])
            start = Int(ends[zone])
            let serviceCount = table.serviceCount(ofZone: zone)
            let services = Array(names[firstName..<(firstName + serviceCount)])
            firstName += serviceCount
            positions[apexes[zone].lowercased()] = zone
            var description = ZoneDescription(key: [], inputs: [], problems: [])
            if !table.isBroken(zone) {
                do throws(Torn) { description = try ZoneDescription(bytes: part) } catch {
                    throw MalformedColumns("the source of a zone is damaged")
                }
                if kept[zone] < 0 { keys[description.key] = zone }
            }
            zones.append(
                Entry(
                    description: description, bytes: part, keptSince: kept[zone] < 0 ? nil : Int(kept[zone]),
                    services: services))
        }
        self.table = table
        self.zones = zones
        positionsByKey = keys
        positionsByApex = positions
        self.owner = owner
    }

    /// The zone that was made of `source`, if that and its files are still what they were, and what is to be said of it.
    func unchanged(
        _ source: ZoneSource, key: [UInt8], _ serials: SharedSerials
    ) -> (zone: Zone, inputs: [ZoneInput], problems: [ZoneProblem])? {
        guard let position = positionsByKey[key], let image = table.image(position) else { return nil }
        let entry = zones[position]
        guard entry.description.inputs.allSatisfy(\.isUnchanged),
            source.accepts(image, entry.description.inputs, serials)
        else { return nil }
        let zone = Zone(source, image.bytes, description: entry.bytes, owner: owner)
        return (zone, entry.description.inputs, entry.description.problems)
    }

    /// The last good content of a zone, if there is any that can be used.
    ///
    /// - Parameters:
    ///   - time: now, in seconds since 1970.
    ///   - number: the number of a service now, by its name; `nil` if there is none any more.
    func kept(_ source: ZoneSource, at time: Int, service number: (String) -> Int?) -> Zone? {
        guard let position = positionsByApex[source.apex.description.lowercased()], let image = table.image(position)
        else { return nil }
        let entry = zones[position]
        let services = entry.services.compactMap(number)
        guard services.count == entry.services.count else { return nil }
        return Zone(
            source, services: services, image.bytes, description: entry.bytes, keptSince: entry.keptSince ?? time,
            owner: owner)
    }
}
