import Geography
import State

/// The places of an image, grouped: places of one class are in the areas of the same switches.
struct PlaceClasses: Sendable {
    /// The class of each place, by its number; empty if there is only one class.
    private let classes: [UInt16]
    /// The positions of the switches whose areas contain the places of a class, by the number of the class.
    let members: [Set<Int>]

    init(of switches: [Switch], _ places: PlaceIndex) {
        var classes: [Int] = []
        var members: [Set<Int>] = [[]]
        for (position, entry) in switches.enumerated() where !entry.areas.isEmpty {
            if classes.isEmpty { classes = Array(repeating: 0, count: places.count) }
            // Each class is split in two, unless all of its places are inside the areas, or all outside.
            var inside: [Int: Int] = [:]
            var last = members
            for (place, isInside) in places.isInside(entry.areas).enumerated() where isInside {
                let old = classes[place]
                if inside[old] == nil {
                    inside[old] = last.count
                    last.append(members[old].union([position]))
                }
                classes[place] = inside[old]!
            }
            members = last
        }
        // Classes that have lost all their places are left out.
        let used = Set(classes).union([0]).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: zip(used, UInt16(0)...))
        self.classes = classes.map { numbers[$0]! }
        self.members = used.map { members[$0] }
    }

    /// Returns the number of a place's class.
    func number(ofPlace place: UInt32) -> Int { Int(classes[Int(place)]) }
}
