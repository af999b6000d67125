import Geography

/// The rules for networks. Each destination is stored once, because a networks file may have a million lines.
public struct NetworkRules: RandomAccessCollection, ExpressibleByArrayLiteral, Sendable {
    /// A network, and where its clients go.
    public typealias Element = (prefix: IPPrefix, destination: Destination)

    private var prefixes: [IPPrefix] = []
    /// The position of each network's destination.
    private var numbers: [UInt32] = []
    /// All destinations without duplicates.
    public private(set) var destinations: [Destination] = []
    private var known: [Destination: UInt32] = [:]

    /// Makes an empty set of rules.
    public init() {}

    /// Makes rules from a literal; if a network occurs twice, both are kept.
    public init(arrayLiteral elements: Element...) {
        for element in elements { append(element) }
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { prefixes.count }
    public subscript(position: Int) -> Element { (prefixes[position], destinations[Int(numbers[position])]) }

    /// Adds a network.
    public mutating func append(_ element: Element) {
        append(element.prefix, number: number(of: element.destination))
    }

    /// Adds a network with a destination by its number, which `number(of:)` returned.
    public mutating func append(_ prefix: IPPrefix, number: UInt32) {
        prefixes.append(prefix)
        numbers.append(number)
    }

    /// Returns the position of a destination in `destinations`, and adds it if it is new.
    public mutating func number(of destination: Destination) -> UInt32 {
        if let number = known[destination] { return number }
        let number = UInt32(destinations.count)
        destinations.append(destination)
        known[destination] = number
        return number
    }

    /// Returns the number of networks with a destination.
    public func count(of destination: Destination) -> Int {
        guard let number = known[destination] else { return 0 }
        return numbers.count { $0 == number }
    }

    /// Returns all networks, each with the value of its destination.
    ///
    /// - Parameter values: the value of each destination.
    func prefixes(with values: [UInt32]) -> [(prefix: IPPrefix, value: UInt32)] {
        var result: [(prefix: IPPrefix, value: UInt32)] = []
        result.reserveCapacity(prefixes.count)
        for (prefix, number) in zip(prefixes, numbers) { result.append((prefix, values[Int(number)])) }
        return result
    }
}
