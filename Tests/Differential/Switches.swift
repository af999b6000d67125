import Foundation
import Support

/// What operators and checks have said of the datacenters of a world.
struct Switches {
    struct Drain {
        var datacenter: Int
        /// For this service alone.
        var service: String?
        /// In these areas alone, such as `NO` or `continent:EU`.
        var areas: [String] = []
        var share = 100
    }

    var drains: [Drain] = []
    /// Datacenters that count as up.
    var forced: [(datacenter: Int, service: String?)] = []
    /// Datacenters whose address is down.
    var down: Set<Int> = []
    /// The clients that the address of a datacenter takes, of 100: what it has said of itself.
    var told: [Int: Int] = [:]

    /// Writes the files that coprocesses follow.
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
                + told.sorted { $0.key < $1.key }.map {
                    ["up", "\(now)", "\(now)", target($0.key), "says so", "\($0.value)", "", ""]
                }, "health")
    }

    /// FNV-1a.
    private static func sum(of text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// What a service has beside its map.
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
    /// The datacenters that a client may get, one of them; nothing stands for no answer.
    ///
    /// - Parameters:
    ///   - list: the client's.
    ///   - isInside: whether the client is in some areas; nothing if that cannot be told.
    func outcomes(
        _ service: ServiceRules, _ list: Evaluator.PreferenceList, of datacenters: Int,
        isInside: (_ areas: [String]) throws -> Bool?
    ) rethrows -> Set<Int?> {
        guard !list.isEmpty else { return [nil] }
        // What is drained for some networks, or for places that may be the client's, may be drained for this client or not.
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
        // What is drained comes after what is down, unless all is drained.
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

    /// What a client may get while these datacenters are usable, and whether it gets something for sure.
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
