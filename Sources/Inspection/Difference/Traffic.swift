import Geography
import Platform

/// The traffic of clients, from a hits log or from the agent's counters.
public struct Traffic: Sendable {
    /// Answers of a service to the clients of one network.
    public struct Hit: Sendable {
        public var client: IPPrefix
        public var count: Double
    }

    /// The traffic of one service.
    enum Service {
        case log([Hit])
        /// The answers of all services by country (`nil` for unknown), and the number of this service's answers.
        case counters(countries: [String?: Double], count: Double)
    }

    /// The hits in the log, by service, name as asked and network.
    private var log: [String: [String: [IPPrefix: Int]]] = [:]
    /// The incomplete last line of the log so far.
    private var rest: [UInt8] = []
    /// The answers by country, from counters.
    private var byCountry: [String?: Double] = [:]
    /// The answers by service, from counters.
    private var answers: [String: Double] = [:]
    /// Whether it comes from counters, which do not distinguish the clients of a country.
    public private(set) var isByCountry = false
    /// The number of all hits.
    public private(set) var count = 0.0
    /// The limit of a counter's value, so that sums stay finite.
    private static let greatestCount = 0x1p60
    /// The number of lines that are not hits.
    public private(set) var ignoredLines = 0

    /// Makes the traffic of a log that is read later with `add(log:)`.
    public init() {}

    /// Reads the next piece of a log of hits: lines of tab-separated fields or of JSON objects, as geopipe writes them.
    public mutating func add(log piece: some Collection<UInt8>) {
        rest += piece
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return }
        let lines = rest[...end]
        rest = Array(rest[(end + 1)...])
        add(lines: lines)
    }

    /// Reads the last line, if it has no newline.
    public mutating func finishLog() {
        add(lines: rest[...])
        rest = []
    }

    private mutating func add(lines: ArraySlice<UInt8>) {
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            guard let (client, service, name) = Self.hit(line) else {
                // A recording also contains events.
                if Self.member("event", of: line) == nil { ignoredLines += 1 }
                continue
            }
            log[service, default: [:]][name, default: [:]][client, default: 0] += 1
            count += 1
        }
    }

    /// Reads the metrics of geopipe-agent, in the text form of Prometheus: `geopipe_clients_total` by country and
    /// `geopipe_answers_total` by service.
    public init(counters text: String) {
        isByCountry = true
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let isClients = line.hasPrefix("geopipe_clients_total{")
            guard isClients || line.hasPrefix("geopipe_answers_total{"),
                let value = line.split(separator: " ").last.flatMap({ Double($0) }), value >= 0
            else { continue }
            let count = min(value, Self.greatestCount)
            if isClients {
                let country = Self.label("country", of: line) ?? ""
                byCountry[country.isEmpty ? nil : country, default: 0] += count
                self.count += count
            } else if let service = Self.label("service", of: line) {
                answers[service, default: 0] += count
            }
        }
    }

    private static func label(_ name: String, of line: Substring) -> String? {
        guard let start = line.firstRange(of: "\(name)=\"")?.upperBound, let end = line[start...].firstIndex(of: "\"")
        else { return nil }
        return String(line[start..<end])
    }

    /// Returns the traffic of a service.
    ///
    /// - Parameters:
    ///   - only: the names to count, also `*.NAME` for all names below; `nil` for all.
    ///   - except: the names not to count.
    func service(_ name: String, only: [String]? = nil, except: [String] = []) -> Service {
        if isByCountry { return .counters(countries: byCountry, count: answers[name] ?? 0) }
        var hits: [IPPrefix: Int] = [:]
        for (asked, clients) in log[name] ?? [:] {
            let asked = asked.lowercased()
            func isMeant(_ names: [String]) -> Bool {
                names.contains { $0 == asked || $0.hasPrefix("*.") && asked.hasSuffix($0.dropFirst()) }
            }
            guard only.map(isMeant) ?? true, !isMeant(except) else { continue }
            for (client, count) in clients { hits[client, default: 0] += count }
        }
        return .log(hits.map { Hit(client: $0, count: Double($1)) })
    }

    private static func hit(_ line: ArraySlice<UInt8>) -> (IPPrefix, service: String, name: String)? {
        if line.first == UInt8(ascii: "{") {
            guard let client = member("client", of: line), let service = member("service", of: line),
                let prefix = IPPrefix(client)
            else { return nil }
            return (prefix, service, member("name", of: line) ?? "")
        }
        let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        // Later versions may add fields.
        guard fields.count >= 9, let prefix = IPPrefix(String(decoding: fields[1], as: UTF8.self)) else { return nil }
        return (prefix, String(decoding: fields[7], as: UTF8.self), String(decoding: fields[5], as: UTF8.self))
    }

    /// Returns the text of a member of a flat JSON object; `nil` if there is none, or it contains escapes. Networks
    /// and service names never need escapes.
    private static func member(_ name: String, of object: ArraySlice<UInt8>) -> String? {
        let name = Array(name.utf8)
        var rest = object.dropFirst()
        /// Returns the next string; `nil` if there is none.
        func string() -> ArraySlice<UInt8>? {
            guard let start = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
            var end = start + 1
            while end < rest.endIndex, rest[end] != UInt8(ascii: "\"") {
                end += rest[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard end < rest.endIndex else { return nil }
            defer { rest = rest[(end + 1)...] }
            return rest[(start + 1)..<end]
        }
        func skipSpaces() {
            rest = rest.drop { $0 == UInt8(ascii: " ") }
        }
        while let text = string() {
            skipSpaces()
            guard rest.first == UInt8(ascii: ":"), text.elementsEqual(name) else { continue }
            rest = rest.dropFirst()
            skipSpaces()
            guard rest.first == UInt8(ascii: "\""), let value = string(), !value.contains(UInt8(ascii: "\\")) else {
                return nil
            }
            return String(decoding: value, as: UTF8.self)
        }
        return nil
    }
}
