import Platform

/// The rules of the configuration for what must stay in use when datacenters are drained, and the data that they are
/// evaluated with.
public struct SafetyRules: Hashable, Sendable {
    /// The minimum number of datacenters that are not completely drained; `nil` for no such rule.
    public var inUse: Int?
    /// The minimum part of the capacity that is not drained, 1...100 percent; `nil` for no such rule.
    public var capacity: Int?
    /// The datacenters by number. This and the following properties are empty if there are no rules.
    public var datacenters: [Datacenter] = []
    /// The numbers, ascending, of the datacenters that some map sends clients to.
    public var reached: [Int] = []
    /// For each service name, the numbers, ascending, of the datacenters that its clients may be sent to.
    public var reachedByService: [String: [Int]] = [:]

    /// A datacenter as the rules see it.
    public struct Datacenter: Hashable, Sendable {
        /// The name in the configuration.
        public var name: String
        /// The capacity in the unit of the configuration, at least 0; 1 if the configuration has none.
        public var capacity: Double

        public init(name: String, capacity: Double) {
            self.name = name
            self.capacity = capacity
        }
    }

    /// Makes a value without rules.
    public init() {}

    /// Whether there is any rule.
    public var isEmpty: Bool { inUse == nil && capacity == nil }

    /// Writes the rules as columns.
    func write(to columns: inout ColumnWriter) {
        columns.add([Int64(inUse ?? -1), Int64(capacity ?? -1)])
        columns.add(texts: datacenters.map(\.name))
        columns.add(datacenters.map(\.capacity))
        let services = reachedByService.sorted { $0.key < $1.key }
        columns.add(texts: services.map(\.key))
        let lists = [reached] + services.map(\.value)
        columns.add(lists.map { UInt32($0.count) })
        columns.add(lists.joined().map { UInt32($0) })
    }

    /// Reads columns that `write` wrote.
    init(from columns: inout ColumnReader) throws(MalformedColumns) {
        let malformed = MalformedColumns("the safety rules are damaged")
        let limits = Array(try columns.read(Int64.self).buffer)
        let names = try columns.readTexts()
        let capacities = Array(try columns.read(Double.self).buffer)
        let services = try columns.readTexts()
        let counts = Array(try columns.read(UInt32.self).buffer)
        let numbers = Array(try columns.read(UInt32.self).buffer)
        guard limits.count == 2, limits.allSatisfy({ -1...1_000_000 ~= $0 }), names.count == capacities.count,
            capacities.allSatisfy({ $0.isFinite && $0 >= 0 }), counts.count == services.count + 1,
            counts.reduce(0, { $0 + Int($1) }) == numbers.count, numbers.allSatisfy({ $0 < names.count })
        else { throw malformed }
        inUse = limits[0] < 0 ? nil : Int(limits[0])
        capacity = limits[1] < 0 ? nil : Int(limits[1])
        datacenters = names.indices.map { Datacenter(name: names[$0], capacity: capacities[$0]) }
        var rest = numbers.map { Int($0) }[...]
        func take(_ count: UInt32) -> [Int] {
            defer { rest = rest.dropFirst(Int(count)) }
            return Array(rest.prefix(Int(count)))
        }
        reached = take(counts[0])
        for (position, service) in services.enumerated() { reachedByService[service] = take(counts[position + 1]) }
    }
}
