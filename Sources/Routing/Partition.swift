import Addresses
import Geography

/// A partition of the address space into classes: addresses with the same place, and the same values in all layers
/// that divided it.
struct Partition {
    /// The class of each address.
    private(set) var layer: AddressLayer
    private var classCount: Int
    private var divisions: [Division] = []

    /// The division of classes by one layer.
    private struct Division {
        /// For each class, the class before the division that it is a part of.
        var parents: [UInt32] = []
        /// For each class, the value of the layer.
        var values: [UInt32] = []
    }

    init(_ places: AddressLayer, placeCount: Int) {
        layer = places
        classCount = placeCount
    }

    /// Divides the classes by the values of another layer.
    ///
    /// - Returns: the position of these values in `classes().divisions`.
    mutating func divide(by other: AddressLayer) -> Int {
        var division = Division()
        var numbers: [UInt64: UInt32] = [:]
        // Addresses with the value 0 keep their class, so the first classes are those from before the division.
        division.parents = Array(0..<UInt32(classCount))
        division.values = Array(repeating: 0, count: classCount)
        layer = layer.replaced(where: other) { parent, value in
            let key = UInt64(parent) << 32 | UInt64(value)
            if let number = numbers[key] { return number }
            let number = UInt32(division.parents.count)
            numbers[key] = number
            division.parents.append(parent)
            division.values.append(value)
            return number
        }
        classCount = division.parents.count
        divisions.append(division)
        return divisions.count - 1
    }

    /// Returns for each class its place, and the value of each layer that divided it.
    func classes() -> (places: [UInt32], divisions: [[UInt32]]) {
        var ancestors = Array(0..<UInt32(classCount))
        var values: [[UInt32]] = []
        for division in divisions.reversed() {
            values.append(ancestors.map { division.values[Int($0)] })
            ancestors = ancestors.map { division.parents[Int($0)] }
        }
        return (ancestors, values.reversed())
    }
}
