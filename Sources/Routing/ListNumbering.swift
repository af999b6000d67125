import Geography

/// Numbers the preference lists of several tables, so that lists have the same number exactly if they send their clients to the same
/// datacenters, whatever is available.
///
/// Datacenters go by numbers that all tables have in common. Lists that spread the clients of what is not available are only taken for
/// the same if what they spread over has the same capacities.
public struct ListNumbering {
    /// By a digest of all that a list says, of 128 bits: the lists themselves may take hundreds of megabytes.
    private var numbers: [UInt128: UInt32] = [:]

    public init() {}

    /// The numbers of all lists of a table, by their own numbers.
    ///
    /// - Parameter common: by its number in the table, the common number of each datacenter.
    public mutating func numbers(of table: ListTable, _ common: [Int]) -> [UInt32] {
        let everything = table.everything(common)
        return (0..<UInt32(table.count)).map { list in
            let digest = table.digest(of: list, common, everything)
            if let number = numbers[digest] { return number }
            let number = UInt32(numbers.count)
            numbers[digest] = number
            return number
        }
    }
}

/// Words in their order, in 128 bits.
private struct Digest {
    private var upper: UInt64 = 1
    private var lower: UInt64 = 2

    mutating func add(_ word: UInt64) {
        upper = mixed(upper ^ word)
        lower = mixed(lower &+ word &* 0x9fb2_1c65_1e98_df25)
    }

    mutating func add(_ word: some BinaryInteger) { add(UInt64(truncatingIfNeeded: word)) }

    mutating func add(_ direction: Direction) {
        withUnsafeBytes(of: direction) { bytes in for word in bytes.bindMemory(to: UInt64.self) { add(word) } }
    }

    var value: UInt128 { UInt128(upper) << 64 | UInt128(lower) }
}

extension ListTable {
    /// All datacenters and their capacities, in the order of their common numbers.
    fileprivate func everything(_ common: [Int]) -> [UInt64] {
        common.indices.sorted { common[$0] < common[$1] }.flatMap { datacenter in
            [UInt64(common[datacenter]), datacenters[datacenter].capacity.bitPattern]
        }
    }

    /// All that decides where the clients of a list are sent.
    fileprivate func digest(of list: UInt32, _ common: [Int], _ everything: [UInt64]) -> UInt128 {
        var digest = Digest()
        for position in range(of: list) {
            switch tiers[position].kind {
            case .datacenter(let datacenter):
                digest.add(0)
                digest.add(common[datacenter])
            case .pool(let pool):
                digest.add(1)
                digest.add(pools[pool].memberCount)
                for member in members(pools[pool].range, common) {
                    digest.add(common[Int(member.datacenter)])
                    digest.add(member.weight)
                }
            case .distance(let number):
                let distance = distances[number]
                digest.add(2)
                digest.add(distance.skipped)
                digest.add(distance.limit)
                digest.add(distance.set.memberCount)
                digest.add(distance.client)
                // Those that are equally near stand in this order.
                for position in distance.set.range {
                    let datacenter = Int(members[position].datacenter)
                    digest.add(common[datacenter])
                    if let location = location(of: datacenter) { digest.add(location) }
                }
            case .spread(let pool) where pool == Tier.everything:
                digest.add(3)
                for word in everything { digest.add(word) }
            case .spread(let pool):
                digest.add(4)
                digest.add(pools[pool].memberCount)
                for member in members(pools[pool].range, common) {
                    digest.add(common[Int(member.datacenter)])
                    digest.add(datacenters[Int(member.datacenter)].capacity.bitPattern)
                }
            }
        }
        return digest.value
    }

    private func members(_ range: Range<Int>, _ common: [Int]) -> [Member] {
        range.map { members[$0] }.sorted { common[Int($0.datacenter)] < common[Int($1.datacenter)] }
    }
}
