import Geography

/// Sampled answers that a coprocess sends to the agent. Each datagram can be read without the others.
///
/// The text has a line for each hit, with fields separated by tabs; `\t`, `\n` and `\\` are escapes. A lost datagram is
/// not sent again, because the counts of a `Report` do not depend on it.
public struct HitReport: Equatable, Sendable {
    public var sender: Report.Sender
    public var hits: [SampledHit] = []

    public init(sender: Report.Sender) { self.sender = sender }

    /// The largest number of datacenters of a hit in a datagram.
    static let datacenterLimit = 16
    /// The largest weight of a hit.
    static let weightLimit = 1_000_000_000
    /// The end of the year 9999, in milliseconds since 1970.
    static let timeLimit = 253_402_300_799_999

    private static let title = "geopipe-hits 1"
    private static let ending = "end\n"

    /// The datagrams that hold all hits, each of at most `Report.sizeLimit` bytes. A hit that does not fit into one
    /// datagram is left out.
    public var datagrams: [[UInt8]] {
        let head = Array("\(Self.title)\t\(sender.process)\t\(sender.start)\n".utf8)
        let room = Report.sizeLimit - Self.ending.utf8.count
        var datagrams: [[UInt8]] = []
        var bytes = head
        for hit in hits {
            let line = hit.line.utf8
            guard head.count + line.count <= room else { continue }
            if bytes.count + line.count > room {
                datagrams.append(bytes + Array(Self.ending.utf8))
                bytes = head
            }
            bytes += line
        }
        if bytes.count > head.count { datagrams.append(bytes + Array(Self.ending.utf8)) }
        return datagrams
    }

    /// Whether a datagram begins as one of hits.
    public static func isTitled(_ datagram: some Collection<UInt8>) -> Bool {
        datagram.starts(with: "geopipe-hits".utf8)
    }

    /// Reads a datagram; `nil` if it is of another kind or damaged.
    public init?(_ datagram: some Collection<UInt8>) {
        guard let (sender, lines) = datagramLines(datagram, title: Self.title) else { return nil }
        self.sender = sender
        for line in lines {
            guard line[0] == "hit", let hit = SampledHit(fields: line.dropFirst()) else { return nil }
            hits.append(hit)
        }
    }
}

extension SampledHit {
    /// The hit as a line, including the line feed.
    fileprivate var line: String {
        let fields =
            [
                "hit", "\(time)", "\(weight)", "\(network)", escapedField(country),
                coordinates.map { "\($0.latitude)" } ?? "", coordinates.map { "\($0.longitude)" } ?? "", "\(scope)",
                side?.rawValue ?? "", isByDefault.map { $0 ? "default" : "rule" } ?? "", escapedField(service),
                escapedField(name),
            ] + datacenters.prefix(HitReport.datacenterLimit).map(escapedField)
        return fields.joined(separator: "\t") + "\n"
    }

    /// Reads the fields of a line after the first one; `nil` if they are invalid.
    fileprivate init?(fields: ArraySlice<Substring>) {
        let fields = Array(fields)
        guard 11...(11 + HitReport.datacenterLimit) ~= fields.count,
            let time = fieldNumber(fields[0]), time <= HitReport.timeLimit,
            let weight = fieldNumber(fields[1]), 1...HitReport.weightLimit ~= weight,
            let network = IPPrefix(fields[2]), network.length <= Self.longest(of: network),
            fields[3].isEmpty || PlaceCode(fields[3])?.description == String(fields[3]),
            let scope = fieldNumber(fields[6]), scope <= network.address.bitWidth,
            let service = fieldName(fields[9]), let name = fieldName(fields[10])
        else { return nil }
        var coordinates: Coordinates?
        if !(fields[4].isEmpty && fields[5].isEmpty) {
            guard let latitude = fieldDecimal(fields[4]), let longitude = fieldDecimal(fields[5]),
                let point = Coordinates(latitude: latitude, longitude: longitude)
            else { return nil }
            coordinates = point
        }
        var side: Side?
        if !fields[7].isEmpty {
            guard let known = Side(rawValue: String(fields[7])) else { return nil }
            side = known
        }
        let isByDefault: Bool?
        switch fields[8] {
        case "": isByDefault = nil
        case "default": isByDefault = true
        case "rule": isByDefault = false
        default: return nil
        }
        let datacenters = fields[11...].compactMap(fieldName)
        guard datacenters.count == fields.count - 11 else { return nil }
        self.init(
            time: time, network: network, country: String(fields[3]), coordinates: coordinates, name: name,
            service: service, datacenters: datacenters, scope: scope, side: side, isByDefault: isByDefault,
            weight: weight)
    }

    /// Returns the length of the longest prefix that may be reported for a client's network.
    public static func longest(of network: IPPrefix) -> Int {
        network.address.bitWidth == 32 ? longestIPv4 : longestIPv6
    }
}
