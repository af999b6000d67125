import Geography
import Platform

/// A map that has been worked out for every address there is: a view of columns that `MapCompiler` laid out.
public struct CompiledMap: Sendable {
    @usableFromInline let table: AddressTable
    /// 1 for addresses of which a database knows something that the map's rules look at, or that a network rule sends where the
    /// unknown go. Where the list is not `defaultList`, any value, since `locate` does not ask there.
    @usableFromInline let known: AddressTable
    /// The list of clients of whom nothing is known.
    public let defaultList: UInt32
    /// The preference lists that `locate` speaks of.
    public let lists: ListTable

    /// See the form of a pointer.
    public func locate(
        _ client: IPAddress, length: Int = .max, resolver: @autoclosure () -> IPAddress?
    ) -> (list: UInt32, scope: UInt8) {
        withUnsafePointer(to: self) { $0.locate(client, length: length, resolver: resolver()) }
    }
}

/// The look-up of a question. It is a pointer's, since to call a function of so large a structure copies all of it.
extension UnsafePointer where Pointee == CompiledMap {
    /// The number of the preference list for a client, and the length of the widest prefix around it for whose clients
    /// the same list holds, at least 1.
    ///
    /// - Parameters:
    ///   - client: the first address of the client's subnet, or the resolver where there is none.
    ///   - length: the length of the subnet's prefix; more for a whole address.
    ///   - resolver: stands in for a client of whom nothing is known, if it is known itself; asked for only then. `nil` if there is
    ///     none.
    @inlinable @inline(__always)
    public func locate(
        _ client: IPAddress, length: Int, resolver: @autoclosure () -> IPAddress?
    ) -> (list: UInt32, scope: UInt8) {
        let found = find(client, length: length)
        guard found.value == pointee.defaultList, let resolver = resolver() else { return (found.value, found.scope) }
        return locateUnknown(client, length: length, resolver: resolver, scope: found.scope)
    }

    @inlinable @inline(__always)
    func find(_ address: IPAddress, length: Int) -> (value: UInt32, scope: UInt8) {
        pointer(to: \.table)!.find(address, length: length)
    }

    /// Does as `locate` does for a client of the default list, for which the table has `scope`.
    @inline(never) @usableFromInline
    func locateUnknown(
        _ client: IPAddress, length: Int, resolver: IPAddress, scope: UInt8
    ) -> (list: UInt32, scope: UInt8) {
        let defaultList = pointee.defaultList
        guard client != resolver || length < client.bitWidth else { return (defaultList, scope) }
        let resolverList = find(resolver, length: .max).value
        guard resolverList != defaultList else { return (defaultList, scope) }
        // Neighbours that are not known go with the resolver, those that are known do not. The narrower of the two prefixes is
        // one in which all are like the client; for a client that is not known there may be a wider one, with known neighbours that
        // have the resolver's list by their own place.
        let known = pointer(to: \.known)!.lookup(client, length: length)
        return (known.value == 1 ? defaultList : resolverList, max(scope, known.scope))
    }
}

extension CompiledMap {
    /// Reads all maps that `MapCompiler.write` laid out, and checks all of them.
    ///
    /// - Parameter datacenterCount: what the numbers of datacenters in the lists are below.
    public static func all(
        from reader: inout ColumnReader, datacenterCount: Int
    ) throws(MalformedColumns) -> [CompiledMap] {
        let sites = try reader.read(Site.self)
        let mapCount = try reader.read(UInt32.self)
        guard sites.count == datacenterCount, mapCount.count == 1 else {
            throw MalformedColumns("the maps have another number of datacenters")
        }
        var lists: [ListTable] = []
        for _ in 0..<mapCount[0] { lists.append(try ListTable(from: &reader, datacenters: sites)) }
        let facts = try reader.read(Facts.self)
        let knownCount = try reader.read(UInt32.self)
        guard facts.count == lists.count, knownCount.count == 1, knownCount[0] <= facts.count else {
            throw MalformedColumns("a map is missing")
        }
        let tables = try AddressTableSet(
            from: &reader, valueCounts: lists.map(\.count) + Array(repeating: 2, count: Int(knownCount[0]))
        ).tables
        var maps: [CompiledMap] = []
        for (number, facts) in facts.buffer.enumerated() {
            guard facts.known < knownCount[0], facts.defaultList < lists[number].count else {
                throw MalformedColumns("a map has no such list or table")
            }
            maps.append(
                CompiledMap(
                    table: tables[number], known: tables[lists.count + Int(facts.known)],
                    defaultList: facts.defaultList, lists: lists[number]))
        }
        return maps
    }

    /// What a map has beside its tables.
    struct Facts: BitwiseCopyable {
        /// The position of its table of what is known.
        var known: UInt32
        var defaultList: UInt32
    }
}
