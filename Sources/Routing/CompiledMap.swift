import Geography

/// A map that has been worked out for every address there is.
public struct CompiledMap: Sendable {
    private let table: PlaceTable
    /// Where the tiers of each list begin; one list's tiers end where those of the next begin.
    private var tierStarts: [Int32] = [0]
    /// Where the members of each tier begin.
    private var memberStarts: [Int32] = [0]
    private var members: [Int32] = []

    public init(_ rules: PlaceRules, _ atlas: Atlas) {
        var lists: [PreferenceList] = [rules.fallback]
        var numbers: [PreferenceList: UInt32] = [rules.fallback: 0]
        table = PlaceTable(atlas) { place in
            let list = rules.list(for: place)
            if let number = numbers[list] { return number }
            let number = UInt32(lists.count)
            lists.append(list)
            numbers[list] = number
            return number
        }
        for list in lists {
            for tier in list.tiers {
                members += tier.map(Int32.init)
                memberStarts.append(Int32(members.count))
            }
            tierStarts.append(Int32(memberStarts.count - 1))
        }
    }

    /// The datacenter for a client, and the length of the widest prefix around it for whose clients the same list holds,
    /// at least 1.
    ///
    /// - Parameters:
    ///   - available: whether a datacenter may be used. If none of the list may, all of them are taken to be.
    ///   - random: draws from a tier; any 32 bits.
    public func choose(
        for client: IPAddress, random: UInt32, isAvailable: (Datacenter) -> Bool
    ) -> (datacenter: Datacenter, scope: UInt8) {
        let (list, scope) = table.lookup(client)
        return (draw(from: Int(list), random, isAvailable), scope)
    }

    /// The datacenter that the default rule names first, for those who ask for a whole zone and not for themselves.
    public var defaultDatacenter: Datacenter { Int(members[0]) }

    /// The number of bytes of the table.
    public var byteCount: Int { table.byteCount }

    private func draw(from list: Int, _ random: UInt32, _ isAvailable: (Datacenter) -> Bool) -> Datacenter {
        let tiers = Int(tierStarts[list])..<Int(tierStarts[list + 1])
        for tier in tiers {
            if let datacenter = draw(fromTier: tier, random, isAvailable) { return datacenter }
        }
        return draw(fromTier: tiers.lowerBound, random, { _ in true })!
    }

    private func draw(fromTier tier: Int, _ random: UInt32, _ isAvailable: (Datacenter) -> Bool) -> Datacenter? {
        let members = members.span
        let range = Int(memberStarts[tier])..<Int(memberStarts[tier + 1])
        guard range.count > 1 else {
            let only = Int(members[range.lowerBound])
            return isAvailable(only) ? only : nil
        }
        var candidates: UInt64 = 0
        for position in range where isAvailable(Int(members[position])) { candidates += 1 }
        // A multiplication instead of a division: Lemire, "Fast random integer generation in an interval".
        var drawn = (UInt64(random) &* candidates) >> 32
        for position in range where isAvailable(Int(members[position])) {
            guard drawn > 0 else { return Int(members[position]) }
            drawn -= 1
        }
        return nil
    }
}
