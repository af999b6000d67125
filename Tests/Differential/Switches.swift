import Foundation
import Support

/// The switches of operators and the results of health checks, for the datacenters of a world.
struct Switches {
    struct Drain {
        var datacenter: Int
        /// The only service that the drain is for; `nil` for all.
        var service: String?
        /// The only areas that the drain is for, such as `NO` or `continent:EU`; empty for all.
        var areas: [String] = []
        var share = 100
    }

    var drains: [Drain] = []
    /// Datacenters that are forced up.
    var forced: [(datacenter: Int, service: String?)] = []
    /// Datacenters whose address is down.
    var down: Set<Int> = []
    /// The percentage of clients that the address of a datacenter accepts by its own signal.
    var capacitySignals: [Int: Int] = [:]

    /// Writes the state files that coprocesses read.
    func write(to folder: Folder) throws {
        let state = "\(folder.path)/state-of-coprocess"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let now = Int(Date().timeIntervalSince1970)
        func put(_ lines: [[String]], _ file: String) throws {
            let body = lines.map { $0.joined(separator: "\t") + "\n" }.joined()
            try Data("\(body)sum \(String(Self.sum(of: body), radix: 16))\n".utf8)
                .write(to: URL(filePath: "\(state)/\(file)"))
        }
        func line(
            _ datacenter: Int, _ service: String?, share: Int, _ action: String, _ areas: [String] = []
        ) -> [String] {
            [
                name(datacenter), service ?? "", "\(share)", "", "operator", "\(now)", "", action,
                areas.joined(separator: ","),
            ]
        }
        try put(
            [["geopipe switches 2"]]
                + drains.map { line($0.datacenter, $0.service, share: $0.share, "drain", $0.areas) }
                + forced.map { line($0.datacenter, $0.service, share: 100, "force") }, "switches")
        func target(_ datacenter: Int) -> String { "tcp://\(Geopipe.address(of: datacenter)):80" }
        try put(
            [["geopipe health 1"], ["report", "\(now)", "4711"]]
                + down.sorted().map { ["down", "\(now)", "\(now)", target($0), "no answer"] }
                + capacitySignals.sorted { $0.key < $1.key }.map {
                    ["up", "\(now)", "\(now)", target($0.key), "says so", "\($0.value)", "", ""]
                }, "health")
    }

    /// Returns the FNV-1a hash.
    private static func sum(of text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// The settings of a service besides its map.
struct ServiceRules {
    var name: String
    var isChecked = false
    var answersWhenAllDown = true

    var settings: String {
        let check = isChecked ? ["check: { tcp: 80 }"] : []
        return (check + (answersWhenAllDown ? [] : ["when_all_down: nothing"])).joined(separator: "\n    ")
    }
}

extension Switches {
    /// Returns the datacenters of which a client may get any one; `nil` stands for no answer.
    ///
    /// - Parameters:
    ///   - list: the preference list of the client.
    ///   - isInside: returns whether the client is in some areas; `nil` if that is unknown.
    func outcomes(
        _ service: ServiceRules, _ list: Evaluator.PreferenceList, of datacenters: Int,
        isInside: (_ areas: [String]) throws -> Bool?
    ) rethrows -> Set<Int?> {
        guard !list.isEmpty else { return [nil] }
        // A drain for some networks, or for places that may be the client's, may apply to this client or not.
        var drained: Set<Int> = []
        var open: Set<Int> = []
        for drain in drains where drain.service ?? service.name == service.name {
            let isMeant = try drain.areas.isEmpty ? true : isInside(drain.areas)
            guard isMeant != false else { continue }
            if isMeant == true, drain.share == 100 {
                drained.insert(drain.datacenter)
            } else {
                open.insert(drain.datacenter)
            }
        }
        let maybe = Array(open.subtracting(drained))
        let known = forced.filter { $0.service ?? service.name == service.name }.map(\.datacenter)
        let down = service.isChecked ? self.down.subtracting(known) : []
        var outcomes: Set<Int?> = []
        for selection in 0..<(1 << maybe.count) {
            let chosen = maybe.indices.filter { selection >> $0 & 1 == 1 }.map { maybe[$0] }
            outcomes.formUnion(
                self.outcomes(service, list, Set(0..<datacenters), drained: drained.union(chosen), down: down))
        }
        return outcomes
    }

    private func outcomes(
        _ service: ServiceRules, _ list: Evaluator.PreferenceList, _ all: Set<Int>, drained: Set<Int>, down: Set<Int>
    ) -> Set<Int?> {
        // Drained datacenters come after those that are down, unless all are drained.
        let rounds =
            down.isEmpty
            ? [all.subtracting(drained), all]
            : [all.subtracting(drained).subtracting(down), all.subtracting(drained), all.subtracting(down), all]
        var outcomes: Set<Int?> = []
        for usable in service.answersWhenAllDown ? rounds : Array(rounds.prefix(1)) {
            let (found, isEnd) = choices(list, usable)
            outcomes.formUnion(found.map(Optional.some))
            if isEnd { return outcomes }
        }
        return outcomes.union([nil])
    }

    /// Returns what a client may get while these datacenters are usable, and whether it certainly gets one.
    private func choices(_ list: Evaluator.PreferenceList, _ usable: Set<Int>) -> (found: Set<Int>, isEnd: Bool) {
        let tiers = list.filter { $0.keys.allSatisfy { $0 >= 0 } }
        let next = tiers.lazy.map { Set($0.keys).intersection(usable) }.first { !$0.isEmpty } ?? []
        guard let group = list.last.map({ Set($0.keys.map { -1 - $0 }) }), tiers.count < list.count else {
            return (next, !next.isEmpty)
        }
        var found: Set<Int> = []
        var isEnd = true
        for drawn in tiers[0].keys {
            let spread = group.intersection(usable)
            let targets = usable.contains(drawn) ? [drawn] : spread.isEmpty ? next : spread
            found.formUnion(targets)
            if targets.isEmpty { isEnd = false }
        }
        return (found, isEnd)
    }
}
