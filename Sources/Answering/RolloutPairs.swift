import Image
import Platform
import Routing

/// A service of one side of a rollout, paired with the same service of the other side.
///
/// A view of memory that `RolloutDifferences` owns.
struct RolloutPair {
    /// The position of the same service of the same zone in the other side's `AnswerTable.services`; -1 if there is none.
    var other: Int32 = -1
    /// The other side's map.
    var otherMap: Int32 = 0
    /// The position of the service in the other side's configuration.
    var otherService: Int32 = 0
    /// Whether both services answer with all records of one datacenter, so that only the datacenter may be drawn.
    var drawsNothing = false
    /// Whether all datacenters that both sides have answer the same, and all settings are equal.
    var isSame = false
    /// The other side's number of each datacenter of this side, if it answers the same there; else -1.
    var alike: UnsafePointer<Int32>?
    /// The number that `ListNumbering` gives to each list of this side.
    var lists: UnsafePointer<UInt32>?
    /// The same for the other side.
    var otherLists: UnsafePointer<UInt32>?
}

/// The differences of two images, computed once, so that the answering thread finds each with a few loads.
package final class RolloutDifferences: Sendable {
    /// The image of the old side.
    package let old: Snapshot
    /// The image of the new side.
    package let new: Snapshot
    let names: RolloutNames
    /// The names of all datacenters of both images, the old image's first. The position is the common number of a
    /// datacenter.
    let datacenters: [String]
    /// Whether switches and health have the same effect on equal services of both images.
    let areStatesAlike: Bool
    /// The pairs, by the positions of services in the old and in the new image.
    nonisolated(unsafe) let oldPairs: UnsafePointer<RolloutPair>
    nonisolated(unsafe) let newPairs: UnsafePointer<RolloutPair>
    /// The numbers of these pairs.
    let oldCount: Int
    let newCount: Int
    /// The common number of each datacenter, by its number in its image.
    nonisolated(unsafe) let oldDatacenters: UnsafePointer<Int32>
    nonisolated(unsafe) let newDatacenters: UnsafePointer<Int32>
    /// Names of the countries of clients; the first is empty, for an unknown country.
    let countries: [String]
    /// The position in `countries` of each place of the new image.
    nonisolated(unsafe) let countryOfPlace: UnsafePointer<UInt16>
    /// The memory behind all pointers above.
    private nonisolated(unsafe) let memory: [UnsafeMutableRawPointer]

    /// Compares two images. Takes about as long as compiling the zones; never call it on the answering thread.
    package init(from old: Snapshot, to new: Snapshot) {
        (self.old, self.new) = (old, new)
        names = RolloutNames(from: old, to: new)
        var arena = Arena()
        var datacenters = old.datacenterNames
        let newNumbers = new.datacenterNames.map { name in
            if let known = datacenters.firstIndex(of: name) { return known }
            datacenters.append(name)
            return datacenters.count - 1
        }
        let oldNumbers = Array(old.datacenterNames.indices)
        self.datacenters = datacenters
        oldDatacenters = arena.keep(oldNumbers.map(Int32.init))
        newDatacenters = arena.keep(newNumbers.map(Int32.init))
        areStatesAlike =
            [.checks, .places].allSatisfy { old.hasSameSection($0, as: new) }
            && old.datacenterNames == new.datacenterNames && old.serviceNames == new.serviceNames
        var countries = [""]
        var numbers: [String: UInt16] = ["": 0]
        countryOfPlace = arena.keep(
            (0..<UInt32(new.places.count)).map { place in
                let country = new.places[place].country?.description ?? ""
                if let number = numbers[country] { return number }
                numbers[country] = UInt16(countries.count)
                countries.append(country)
                return numbers[country]!
            })
        self.countries = countries
        let pairing = Pairing(old, new, oldNumbers, newNumbers)
        (oldPairs, newPairs) = pairing.pairs(&arena)
        (oldCount, newCount) = (old.answers.services.count, new.answers.services.count)
        memory = arena.memory
    }

    /// The numbers of names that only one image has.
    package var nameCounts: (onlyOld: Int, onlyNew: Int) { (names.onlyOld, names.onlyNew) }

    /// Whether both images give the same answers, except for serials. The times at which files were read do not
    /// matter.
    package var isSame: Bool {
        let sections: [SectionKind] = [.names, .routing, .answers, .checks, .places]
        return names.isSame && sections.allSatisfy { old.hasSameSection($0, as: new) }
    }

    deinit { for part in memory { part.deallocate() } }
}

/// Allocates memory that never moves.
private struct Arena {
    var memory: [UnsafeMutableRawPointer] = []

    mutating func keep<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element> {
        let part = UnsafeMutablePointer<Element>.allocate(capacity: max(elements.count, 1))
        part.initialize(from: elements, count: elements.count)
        memory.append(UnsafeMutableRawPointer(part))
        return UnsafePointer(part)
    }
}

/// Pairs the services of two images, and finds what they have in common.
private struct Pairing {
    let old: Snapshot
    let new: Snapshot
    /// The common number of each datacenter, by its number in its image.
    let oldNumbers: [Int]
    let newNumbers: [Int]

    init(_ old: Snapshot, _ new: Snapshot, _ oldNumbers: [Int], _ newNumbers: [Int]) {
        (self.old, self.new, self.oldNumbers, self.newNumbers) = (old, new, oldNumbers, newNumbers)
    }

    func pairs(_ arena: inout Arena) -> (UnsafePointer<RolloutPair>, UnsafePointer<RolloutPair>) {
        var numbering = ListNumbering()
        let oldLists = old.maps.map { map in arena.keep(numbering.numbers(of: map.lists, oldNumbers)) }
        let newLists = new.maps.map { map in arena.keep(numbering.numbers(of: map.lists, newNumbers)) }
        var oldPairs = [RolloutPair](repeating: RolloutPair(), count: old.answers.services.count)
        var newPairs = [RolloutPair](repeating: RolloutPair(), count: new.answers.services.count)
        let newZones = Dictionary(
            (0..<new.zoneCount).map { (new.zoneName($0), $0) }, uniquingKeysWith: { first, _ in first })
        for zone in 0..<old.zoneCount {
            guard let other = newZones[old.zoneName(zone)] else { continue }
            for one in old.answers.services(ofZone: zone) {
                let service = old.answers.services[one]
                let name = old.serviceNames[Int(service.service)]
                let two = new.answers.services(ofZone: other).first {
                    new.serviceNames[Int(new.answers.services[$0].service)] == name
                }
                guard let two else { continue }
                let otherService = new.answers.services[two]
                let (alike, othersAlike) = alike(service, otherService)
                let shared = zip(old.datacenterNames, 0...).filter { new.datacenterNames.contains($0.0) }
                var pair = RolloutPair(
                    other: Int32(two), otherMap: otherService.map, otherService: otherService.service)
                pair.drawsNothing = service.drawsNothing && otherService.drawsNothing
                pair.isSame = service.hasSameSettings(as: otherService) && shared.allSatisfy { alike[$0.1] >= 0 }
                pair.alike = arena.keep(alike)
                pair.lists = oldLists[Int(service.map)]
                pair.otherLists = newLists[Int(otherService.map)]
                oldPairs[one] = pair
                (pair.other, pair.otherMap, pair.otherService) = (Int32(one), service.map, service.service)
                pair.alike = arena.keep(othersAlike)
                (pair.lists, pair.otherLists) = (pair.otherLists, pair.lists)
                newPairs[two] = pair
            }
        }
        return (arena.keep(oldPairs), arena.keep(newPairs))
    }

    /// Returns the datacenters that answer the same for a service: the number in the other image by the number in
    /// one.
    private func alike(
        _ service: AnswerTable.BoundService, _ other: AnswerTable.BoundService
    ) -> (old: [Int32], new: [Int32]) {
        var one = [Int32](repeating: -1, count: old.datacenterNames.count)
        var two = [Int32](repeating: -1, count: new.datacenterNames.count)
        for (number, name) in old.datacenterNames.enumerated() {
            guard let otherNumber = new.datacenterNames.firstIndex(of: name),
                old.answers.lines(service, number) == new.answers.lines(other, otherNumber)
            else { continue }
            one[number] = Int32(otherNumber)
            two[otherNumber] = Int32(number)
        }
        return (one, two)
    }
}

extension AnswerTable.BoundService {
    /// Whether it draws, picks and spreads like another service.
    fileprivate func hasSameSettings(as other: AnswerTable.BoundService) -> Bool {
        pick == other.pick && spread == other.spread && salt == other.salt && isSticky == other.isSticky
            && answersWhenAllDown == other.answersWhenAllDown
    }
}

extension AnswerTable {
    /// Returns the records that a datacenter has for a service, without the zone's id but with the weights of
    /// addresses.
    fileprivate func lines(_ service: BoundService, _ datacenter: Int) -> [[[UInt8]]] {
        let answers = answers(service, datacenter)
        return answers.all.map { position in
            // "\tIN\tTYPE\tTTL\tID\tCONTENT\n"
            var fields = Array(tail(records[position])).split(
                separator: UInt8(ascii: "\t"), maxSplits: 5, omittingEmptySubsequences: false
            ).map(Array.init)
            if fields.count == 6 { fields.remove(at: 4) }
            if position < answers.others {
                fields.append(Array("\(address(service, answers.number(position)).weight)".utf8))
            }
            return fields
        }
    }
}

extension Snapshot {
    /// Whether a section has the same bytes as that of another image.
    fileprivate func hasSameSection(_ kind: SectionKind, as other: Snapshot) -> Bool {
        guard let one = try? image.section(kind), let two = try? other.image.section(kind) else { return false }
        return one.hasSameBytes(as: two)
    }
}
