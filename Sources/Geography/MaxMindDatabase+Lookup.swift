extension MaxMindDatabase {
    /// The record of an address.
    public struct Finding: Sendable {
        /// The network of the record.
        public var network: IPPrefix
        public var place: Place
        /// The place's number in the gazetteer of the look-up.
        public var number: UInt32
        /// The autonomous system number; 0 if the database has none.
        public var system: UInt32
    }

    /// Looks up a client by its first address, as for a question: an embedded IPv4 address is looked up as IPv4.
    ///
    /// - Parameters:
    ///   - fields: fields to read in addition to `PlaceFields.all`.
    ///   - gazetteer: receives the place.
    /// - Returns: `nil` if the database has no record of the address.
    public func find(
        _ client: IPPrefix, fields: PlaceFields = [], _ gazetteer: inout Gazetteer
    ) throws(DatabaseError) -> Finding? {
        let address = client.embeddedIPv4.map { .v4($0.address) } ?? client.address
        // The client's subnet may not reach its embedded IPv4 address; then its place is unknown.
        guard address.embeddedIPv4 == nil, let (length, offset) = try recordOffset(of: address) else { return nil }
        var reader = RecordReader(dataSection, fields.union(.all))
        do {
            let (place, asn) = try reader.read(at: offset, &gazetteer)
            return Finding(
                network: IPPrefix(address, length: length)!, place: gazetteer[gazetteer.entries[Int(place)]],
                number: place, system: asn)
        } catch {
            throw corrupt(error)
        }
    }
}
