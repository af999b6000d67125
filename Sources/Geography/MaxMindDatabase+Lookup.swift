extension MaxMindDatabase {
    /// What the database says of one address.
    public struct Finding: Sendable {
        /// The network that the record is for.
        public var network: IPPrefix
        public var place: Place
        /// The place's number in the gazetteer that was given.
        public var number: UInt32
        /// The number of the autonomous system; 0 if the database has none.
        public var system: UInt32
    }

    /// Looks a client up by its first address, as it is looked up for a question: what carries an IPv4 address as that.
    ///
    /// - Parameters:
    ///   - fields: what is read beside all that a place is made of.
    ///   - gazetteer: takes the place up.
    /// - Returns: `nil` if nothing is known of the address.
    public func find(
        _ client: IPPrefix, fields: PlaceFields = [], _ gazetteer: inout Gazetteer
    ) throws(DatabaseError) -> Finding? {
        let address = client.embeddedIPv4.map { .v4($0.address) } ?? client.address
        // Where the client's IPv4 address is left open, so is its place.
        guard address.embeddedIPv4 == nil, let (length, offset) = try recordOffset(of: address) else { return nil }
        var reader = RecordReader(dataSection, fields.union(.all))
        do {
            let (place, system) = try reader.read(at: offset, &gazetteer)
            return Finding(
                network: IPPrefix(address, length: length)!, place: gazetteer[gazetteer.entries[Int(place)]],
                number: place, system: system)
        } catch {
            throw corrupt(error)
        }
    }
}
