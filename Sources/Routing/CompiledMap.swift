import Geography

/// A map that has been worked out for every address there is.
public final class CompiledMap: Sendable {
    private let table: PlaceTable
    /// 1 for addresses of which a database knows something that the map's rules look at, or that a network rule sends where the
    /// unknown go.
    private let known: PlaceTable
    /// The list of those of whom nothing is known.
    private let fallback: UInt32
    /// The preference lists that `locate` speaks of.
    public let lists: ListTable

    init(table: PlaceTable, known: PlaceTable, fallback: UInt32, lists: ListTable) {
        self.table = table
        self.known = known
        self.fallback = fallback
        self.lists = lists
    }

    /// The number of the preference list for a client, and the length of the widest prefix around it for whose clients
    /// the same list holds, at least 1.
    ///
    /// - Parameters:
    ///   - client: the first address of the client's subnet, or the resolver where there is none.
    ///   - length: the length of the subnet's prefix; more for a whole address.
    ///   - resolver: stands in for a client of whom nothing is known, if it is known itself.
    public func locate(
        _ client: IPAddress, length: Int = .max, resolver: IPAddress
    ) -> (list: UInt32, scope: UInt8) {
        let found = table.lookup(client, length: length)
        guard found.list == fallback, client != resolver || length < client.bitWidth else { return found }
        let resolverList = table.lookup(resolver).list
        guard resolverList != fallback else { return found }
        // Neighbours who are not known go with the resolver, those who are known do not. The narrower of the two prefixes is
        // one in which all are like the client; for a client who is not known there may be a wider one, with known neighbours who
        // have the resolver's list by their own place.
        let (isKnown, scope) = known.lookup(client, length: length)
        return (isKnown == 1 ? found.list : resolverList, max(found.scope, scope))
    }

    /// The list of those of whom nothing is known.
    public var defaultList: UInt32 { fallback }

    /// The number of bytes of the table of lists. That of what is known is mostly the same for all maps.
    public var byteCount: Int { table.byteCount }
}
