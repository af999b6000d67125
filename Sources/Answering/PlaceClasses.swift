import Geography
import State

/// The places of an image by what switches tell of them: places of one class are in the areas of the same switches.
struct PlaceClasses: Sendable {
    /// By the number of a place, its class; empty if there is only one.
    private let classes: [UInt16]
    /// By the number of a class, the positions of the switches in whose areas its places are.
    let members: [Set<Int>]

    init(of switches: [Switch], _ places: PlaceIndex) {
        var classes: [Int] = []
        var members: [Set<Int>] = [[]]
        for (position, entry) in switches.enumerated() where !entry.areas.isEmpty {
            if classes.isEmpty { classes = Array(repeating: 0, count: places.count) }
            // Each class falls in two, unless all of it is inside or outside.
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

    /// The number of the class of a place.
    func number(ofPlace place: UInt32) -> Int { Int(classes[Int(place)]) }
}
