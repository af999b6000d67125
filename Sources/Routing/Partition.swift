import Addresses
import Geography

/// The address space in classes of addresses that have the same place, and the same of all that places were divided by.
struct Partition {
    /// The class of each address.
    private(set) var layer: AddressLayer
    private var classCount: Int
    private var divisions: [Division] = []

    /// One layer that divided the classes before.
    private struct Division {
        /// For each class the one before that it is a part of.
        var parents: [UInt32] = []
        /// For each class the value of the layer.
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
        // Places without a value stay as they are, at the positions of the classes before.
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

    /// For each class its place, and the value of each layer that divided it.
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
