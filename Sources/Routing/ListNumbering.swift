import Geography

/// Numbers the preference lists of several tables, so that lists have the same number exactly if they send their clients to the same
/// datacenters, whatever is available.
///
/// Datacenters go by numbers that all tables have in common. Lists that spread the clients of what is not available are only taken for
/// the same if what they spread over has the same capacities.
public struct ListNumbering {
    private var numbers: [[UInt64]: UInt32] = [:]

    public init() {}

    /// The numbers of all lists of a table, by their own numbers.
    ///
    /// - Parameter common: by its number in the table, the common number of each datacenter.
    public mutating func numbers(of table: ListTable, _ common: [Int]) -> [UInt32] {
        let everything = table.everything(common)
        return (0..<UInt32(table.count)).map { list in
            let words = table.words(of: list, common, everything)
            if let number = numbers[words] { return number }
            let number = UInt32(numbers.count)
            numbers[words] = number
            return number
        }
    }
}

extension ListTable {
    /// All datacenters and their capacities, in the order of their common numbers.
    fileprivate func everything(_ common: [Int]) -> [UInt64] {
        common.indices.sorted { common[$0] < common[$1] }.flatMap { datacenter in
            [UInt64(common[datacenter]), datacenters[datacenter].capacity.bitPattern]
        }
    }

    /// All that decides where the clients of a list are sent.
    fileprivate func words(of list: UInt32, _ common: [Int], _ everything: [UInt64]) -> [UInt64] {
        var words: [UInt64] = []
        for position in range(of: list) {
            switch tiers[position].kind {
            case .datacenter(let datacenter): words += [0, UInt64(common[datacenter])]
            case .pool(let pool):
                let range = pools[pool].range
                words += [1, UInt64(range.count)]
                for member in members(range, common) {
                    words += [UInt64(common[Int(member.datacenter)]), UInt64(member.weight)]
                }
            case .distance(let number):
                let distance = distances[number]
                let range = distance.set.range
                words += [2, UInt64(distance.skipped), UInt64(distance.limit), UInt64(range.count)]
                words += distance.client.words
                // Those that are equally near stand in this order.
                for position in range {
                    let datacenter = Int(members[position].datacenter)
                    words += [UInt64(common[datacenter])] + (location(of: datacenter)?.words ?? [])
                }
            case .spread(let pool) where pool == Tier.everything: words += [3] + everything
            case .spread(let pool):
                let range = pools[pool].range
                words += [4, UInt64(range.count)]
                for member in members(range, common) {
                    let datacenter = Int(member.datacenter)
                    words += [UInt64(common[datacenter]), datacenters[datacenter].capacity.bitPattern]
                }
            }
        }
        return words
    }

    private func members(_ range: Range<Int>, _ common: [Int]) -> [Member] {
        range.map { members[$0] }.sorted { common[Int($0.datacenter)] < common[Int($1.datacenter)] }
    }
}

extension Direction {
    /// Its bits.
    fileprivate var words: [UInt64] {
        withUnsafeBytes(of: self) { bytes in Array(bytes.bindMemory(to: UInt64.self)) }
    }
}
