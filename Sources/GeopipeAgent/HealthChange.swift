import Configuration
import Glibc
import Platform
import State

/// An address that went down or came up.
struct HealthChange: Sendable {
    let target: HealthTarget
    let state: HealthReport.State
    /// Whether checks of this agent alone have decided.
    var isOwn = true

    /// For people, who know services and datacenters better than addresses.
    var sentence: String {
        let sentence = "\(addresses) \(state.isUp ? "up" : "down"): \(target.identity): \(state.reason)"
        let count = target.check.fall == 1 ? "once" : "\(target.check.fall) times in a row"
        return state.isUp || !isOwn ? sentence : "\(sentence), \(count)"
    }

    private var addresses: String {
        guard !target.uses.isEmpty else { return "\(target.address) is" }
        func listed(_ noun: String, _ names: [String]) -> String {
            "\(noun)\(names.count == 1 ? "" : "s") \(names.joined(separator: ", "))"
        }
        let addresses = unique(target.uses.map(\.address))
        return listed("service", unique(target.uses.map(\.service))) + ", "
            + listed("datacenter", unique(target.uses.map(\.datacenter)))
            + ": \(addresses.joined(separator: ", ")) \(addresses.count == 1 ? "is" : "are")"
    }

    private func unique(_ names: [String]) -> [String] {
        var known: Set<String> = []
        return names.filter { known.insert($0).inserted }
    }

    /// For programs: an object of JSON for each address of a service that is answered, on a line of its own.
    var lines: [String] {
        target.uses.map { use in
            JSON.object([
                "time": .text(timestamp(state.since)), "state": .text(state.isUp ? "up" : "down"),
                "service": .text(use.service), "datacenter": .text(use.datacenter), "address": .text(use.address),
                "target": .text(target.identity), "reason": .text(state.reason),
            ]).compact
        }
    }
}

/// Formats seconds since 1970 as in RFC 3339, in UTC.
private func timestamp(_ seconds: Int) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    var text = [CChar](repeating: 0, count: 64)
    strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
