import Geography

/// Networks, and where their clients go. A destination that many networks have is kept once: a file may have a million lines.
public struct NetworkRules: RandomAccessCollection, ExpressibleByArrayLiteral, Sendable {
    public typealias Element = (prefix: IPPrefix, destination: Destination)

    private var prefixes: [IPPrefix] = []
    /// By the position of a network, the position of its destination.
    private var numbers: [UInt32] = []
    /// All destinations, each once.
    public private(set) var destinations: [Destination] = []
    private var known: [Destination: UInt32] = [:]

    /// No networks.
    public init() {}

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

    /// Adds a network that goes where `number` says, which is one of `number(of:)`.
    public mutating func append(_ prefix: IPPrefix, number: UInt32) {
        prefixes.append(prefix)
        numbers.append(number)
    }

    /// The position of a destination in `destinations`.
    public mutating func number(of destination: Destination) -> UInt32 {
        if let number = known[destination] { return number }
        let number = UInt32(destinations.count)
        destinations.append(destination)
        known[destination] = number
        return number
    }

    /// The number of networks that go to a destination.
    public func count(of destination: Destination) -> Int {
        guard let number = known[destination] else { return 0 }
        return numbers.count { $0 == number }
    }

    /// All networks, each with the value of its destination.
    ///
    /// - Parameter values: by the position in `destinations`.
    func prefixes(with values: [UInt32]) -> [(prefix: IPPrefix, value: UInt32)] {
        var result: [(prefix: IPPrefix, value: UInt32)] = []
        result.reserveCapacity(prefixes.count)
        for (prefix, number) in zip(prefixes, numbers) { result.append((prefix, values[Int(number)])) }
        return result
    }
}
