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

    /// Looks one address up, as it is looked up for a question: what carries an IPv4 address as that.
    ///
    /// - Parameters:
    ///   - fields: what is read beside all that a place is made of.
    ///   - gazetteer: takes the place up.
    /// - Returns: `nil` if nothing is known of the address.
    public func find(
        _ address: IPAddress, fields: PlaceFields = [], _ gazetteer: inout Gazetteer
    ) throws(DatabaseError) -> Finding? {
        if let embedded = address.embeddedIPv4 { return try find(.v4(embedded.address), fields: fields, &gazetteer) }
        guard let (length, offset) = try recordOffset(of: address) else { return nil }
        var reader = RecordReader(dataSection, fields.union(.all))
        do {
            let (place, system) = try reader.read(at: offset, &gazetteer)
            return Finding(
                network: IPPrefix(address, length: length)!, place: gazetteer[gazetteer.entries[Int(place)]],
                number: place, system: system)
        } catch {
            throw corrupt("\(error.reason)")
        }
    }
}
