import Geography
import Platform

/// What clients have asked, from a log of hits.
public struct Traffic: Sendable {
    /// Answers of a service to the clients of one network.
    public struct Hit: Sendable {
        public var client: IPPrefix
        public var count: Double
    }

    /// The hits of each service.
    public private(set) var byService: [String: [Hit]] = [:]
    /// The number of all hits.
    public private(set) var count = 0
    /// The number of lines that are no hits.
    public private(set) var ignoredLines = 0

    /// Reads a log of hits: lines of tab-separated fields or of JSON objects, as geopipe writes them (`hits` in the configuration).
    public init(log: some Sequence<UInt8>) {
        var counts: [String: [IPPrefix: Int]] = [:]
        for line in Array(log).split(separator: UInt8(ascii: "\n")) {
            guard let (client, service) = Self.hit(line) else {
                ignoredLines += 1
                continue
            }
            counts[service, default: [:]][client, default: 0] += 1
            count += 1
        }
        byService = counts.mapValues { $0.map { Hit(client: $0, count: Double($1)) } }
    }

    private static func hit(_ line: ArraySlice<UInt8>) -> (IPPrefix, service: String)? {
        if line.first == UInt8(ascii: "{") {
            guard let client = member("client", of: line), let service = member("service", of: line),
                let prefix = IPPrefix(client)
            else { return nil }
            return (prefix, service)
        }
        let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        guard 9...10 ~= fields.count, let prefix = IPPrefix(String(decoding: fields[1], as: UTF8.self)) else {
            return nil
        }
        return (prefix, String(decoding: fields[7], as: UTF8.self))
    }

    /// The text of a member of a flat JSON object; `nil` if there is none, or it has characters that are written as escapes, which
    /// networks and the names of services have not.
    private static func member(_ name: String, of object: ArraySlice<UInt8>) -> String? {
        let name = Array(name.utf8)
        var rest = object.dropFirst()
        /// The next string; `nil` if there is none.
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
