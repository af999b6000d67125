import Geography
import Platform
import Telemetry

/// A line of a hits log or of a recording: fields separated by tabs, or a JSON object.
enum HitsLine {
    case hit(SampledHit)
    /// An event during `geopipe replay --record`: `{"time":...,"event":"switch","text":"..."}`.
    case event(LiveEvent)

    /// The maximum length of a name or text in bytes.
    private static let nameLimit = 1_024

    /// Parses a line without its end; `nil` if it is invalid or incomplete.
    init?(_ line: ArraySlice<UInt8>) {
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        guard line.first == UInt8(ascii: "{") else {
            guard let hit = Self.hit(fields: line) else { return nil }
            self = .hit(hit)
            return
        }
        guard let object = try? JSON(reading: line), let time = object["time"]?.string.flatMap({ Self.time($0.utf8) })
        else {
            return nil
        }
        if let word = object["event"]?.string {
            guard let kind = LiveEvent.Kind(rawValue: word), let text = object["text"]?.string,
                text.utf8.count <= Self.nameLimit, object["datacenter"]?.string?.utf8.count ?? 0 <= Self.nameLimit
            else { return nil }
            self = .event(
                LiveEvent(
                    time: Double(time) / 1_000, kind: kind, text: text, datacenter: object["datacenter"]?.string))
            return
        }
        guard let hit = Self.hit(object, at: time) else { return nil }
        self = .hit(hit)
    }

    /// The time of a hit or an event, in milliseconds since 1970.
    var time: Int {
        switch self {
        case .hit(let hit): hit.time
        case .event(let event): Int((event.time * 1_000).rounded())
        }
    }

    /// Parses a time within the allowed years: otherwise one line could make a replay of ages.
    private static func time(_ text: some Collection<UInt8>) -> Int? {
        Timestamp.milliseconds(text).flatMap { 0..<253_402_300_800_000 ~= $0 ? $0 : nil }
    }

    private static func hit(fields line: ArraySlice<UInt8>) -> SampledHit? {
        let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        // Later versions may add fields.
        guard fields.count >= 9, let time = time(fields[0]), let scope = Int(plain(fields[8])) else { return nil }
        let (latitude, longitude) = (Double(plain(fields[3])), Double(plain(fields[4])))
        guard (latitude != nil || fields[3].isEmpty) && (longitude != nil || fields[4].isEmpty) else { return nil }
        return hit(
            time, client: plain(fields[1]), country: plain(fields[2]), latitude, longitude,
            name: unescaped(fields[5]), datacenters: fields[6].split(separator: UInt8(ascii: ",")).map(unescaped),
            service: unescaped(fields[7]), scope: scope, side: fields.count > 9 ? plain(fields[9]) : nil, weight: 1)
    }

    private static func hit(_ object: JSON, at time: Int) -> SampledHit? {
        guard let client = object["client"]?.string, let name = object["name"]?.string,
            let service = object["service"]?.string, let scope = object["scope"]?.int,
            let datacenters = object["datacenters"]?.items
        else { return nil }
        let names = datacenters.compactMap(\.string)
        let weight = object["weight"]
        guard names.count == datacenters.count, weight == nil || weight?.int != nil else { return nil }
        return hit(
            time, client: client, country: object["country"]?.string ?? "", object["latitude"]?.double,
            object["longitude"]?.double, name: name, datacenters: names, service: service, scope: scope,
            side: object["side"]?.string, weight: weight?.int ?? 1)
    }

    private static func hit(
        _ time: Int, client: String, country: String, _ latitude: Double?, _ longitude: Double?, name: String,
        datacenters: [String], service: String, scope: Int, side: String?, weight: Int
    ) -> SampledHit? {
        guard let whole = IPPrefix(client), 0...128 ~= scope, 1...1_000_000_000 ~= weight, datacenters.count <= 256,
            ([name, service] + datacenters).allSatisfy({ $0.utf8.count <= nameLimit })
        else { return nil }
        let longest = whole.address.bitWidth == 32 ? SampledHit.longestIPv4 : SampledHit.longestIPv6
        guard let network = IPPrefix(whole.address, length: min(whole.length, longest)) else { return nil }
        var coordinates: Coordinates?
        if let latitude, let longitude { coordinates = Coordinates(latitude: latitude, longitude: longitude) }
        return SampledHit(
            time: time, network: network, country: PlaceCode(country).map { "\($0)" } ?? "", coordinates: coordinates,
            name: name, service: service, datacenters: datacenters, scope: scope,
            side: side.flatMap(SampledHit.Side.init(rawValue:)), weight: weight)
    }

    private static func plain(_ field: ArraySlice<UInt8>) -> String { String(decoding: field, as: UTF8.self) }

    /// Decodes `\t`, `\n` and `\\`.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        guard field.contains(UInt8(ascii: "\\")) else { return plain(field) }
        var bytes: [UInt8] = []
        var rest = field
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let next = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            switch next {
            case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
            default: bytes.append(next)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
