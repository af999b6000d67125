import Geography

/// Numbers the preference lists of several tables: lists have the same number exactly if they send clients to the same
/// datacenters in any state of availability.
///
/// Datacenters are identified by numbers that are common to all tables. Lists that spread clients are the same only if
/// the datacenters that they spread over have the same capacities.
public struct ListNumbering {
    /// The numbers by a digest of 128 bits: the lists themselves might take hundreds of megabytes.
    private var numbers: [UInt128: UInt32] = [:]

    /// Makes a numbering without lists.
    public init() {}

    /// Returns the common number of each list of a table.
    ///
    /// - Parameter common: the common number of each datacenter of the table.
    public mutating func numbers(of table: PreferenceListTable, _ common: [Int]) -> [UInt32] {
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

/// A digest of a sequence of 64-bit words, in 128 bits.
private struct Digest {
    private var upper: UInt64 = 1
    private var lower: UInt64 = 2

    mutating func add(_ word: UInt64) {
        upper = splitMix64(upper ^ word)
        lower = splitMix64(lower &+ word &* 0x9fb2_1c65_1e98_df25)
    }

    mutating func add(_ word: some BinaryInteger) { add(UInt64(truncatingIfNeeded: word)) }

    mutating func add(_ vector: UnitVector) {
        withUnsafeBytes(of: vector) { bytes in for word in bytes.bindMemory(to: UInt64.self) { add(word) } }
    }

    var value: UInt128 { UInt128(upper) << 64 | UInt128(lower) }
}

extension PreferenceListTable {
    /// Returns all datacenters and their capacities in the order of common numbers.
    fileprivate func everything(_ common: [Int]) -> [UInt64] {
        common.indices.sorted { common[$0] < common[$1] }.flatMap { datacenter in
            [UInt64(common[datacenter]), datacenters[datacenter].capacity.bitPattern]
        }
    }

    /// Returns a digest of all that decides where a list sends its clients.
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
                // This order decides between equally near datacenters.
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
