import Geography
import Platform

/// A map that has been compiled for every address: a view of columns that `MapCompiler` wrote.
public struct CompiledMap: Sendable {
    @usableFromInline let table: AddressTable
    /// 1 for known addresses, 0 for unknown ones. An address is known if a database has a field of it that the map's
    /// rules use, or if a network rule explicitly gives it the default list. Where the list is not `defaultList` the
    /// value is arbitrary, because `locate` never asks for it.
    @usableFromInline let known: AddressTable
    /// The preference list for unknown clients.
    public let defaultList: UInt32
    /// The preference lists, whose numbers `locate` returns.
    public let lists: PreferenceListTable

    /// See the function of `UnsafePointer`.
    public func locate(
        _ client: IPAddress, length: Int = .max, resolver: @autoclosure () -> IPAddress?
    ) -> (list: UInt32, scope: UInt8) {
        withUnsafePointer(to: self) { $0.locate(client, length: length, resolver: resolver()) }
    }
}

/// The look-up for a question, through a pointer: a call of a function of so large a structure would copy all of it.
extension UnsafePointer where Pointee == CompiledMap {
    /// Returns the number of a client's preference list, and its scope: the length, at least 1, of the widest prefix
    /// around the client in which all clients get the same list.
    ///
    /// - Parameters:
    ///   - client: the first address of the client's subnet; the resolver's address if the question has no subnet.
    ///   - length: the prefix length of the subnet; the address width or more for a single address.
    ///   - resolver: the resolver, whose list an unknown client gets if the resolver is known; evaluated only for a
    ///     client with the default list. `nil` if there is none.
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

    /// Does the same as `locate` for a client with the default list.
    ///
    /// - Parameter scope: the scope of the client in `table`.
    @inline(never) @usableFromInline
    func locateUnknown(
        _ client: IPAddress, length: Int, resolver: IPAddress, scope: UInt8
    ) -> (list: UInt32, scope: UInt8) {
        let defaultList = pointee.defaultList
        guard client != resolver || length < client.bitWidth else { return (defaultList, scope) }
        let resolverList = find(resolver, length: .max).value
        guard resolverList != defaultList else { return (defaultList, scope) }
        // Unknown clients of this resolver get the resolver's list, known clients do not. In the longer of the two
        // prefixes all clients are like this one. For an unknown client a shorter prefix might do, if known clients in
        // it happen to have the resolver's list.
        let known = pointer(to: \.known)!.lookup(client, length: length)
        return (known.value == 1 ? defaultList : resolverList, max(scope, known.scope))
    }
}

extension CompiledMap {
    /// Reads and checks all maps that `MapCompiler.write` wrote.
    ///
    /// - Parameter datacenterCount: the number of datacenters.
    public static func all(
        from reader: inout ColumnReader, datacenterCount: Int
    ) throws(MalformedColumns) -> [CompiledMap] {
        let datacenters = try reader.read(DatacenterProperties.self)
        let mapCount = try reader.read(UInt32.self)
        guard datacenters.count == datacenterCount, mapCount.count == 1 else {
            throw MalformedColumns("the maps have another number of datacenters")
        }
        var lists: [PreferenceListTable] = []
        for _ in 0..<mapCount[0] { lists.append(try PreferenceListTable(from: &reader, datacenters: datacenters)) }
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
                throw MalformedColumns("a map refers to a list or table that does not exist")
            }
            maps.append(
                CompiledMap(
                    table: tables[number], known: tables[lists.count + Int(facts.known)],
                    defaultList: facts.defaultList, lists: lists[number]))
        }
        return maps
    }

    /// The properties of a map that are not in its tables.
    struct Facts: BitwiseCopyable {
        /// The position of the map's `known` table.
        var known: UInt32
        var defaultList: UInt32
    }
}
