/// What one service answers with in one zone, compiled: the records of every datacenter.
public struct ServiceAnswers: Sendable {
    /// The answers of each datacenter, by its number.
    private var datacenters: [Datacenter] = []
    /// The addresses among the records, by their numbers.
    private var addresses: [Address] = []
    /// Says that the name exists, where a client gets no record.
    public let marker: RecordStore.Positions

    /// The records of a datacenter, in groups of one kind.
    public struct Datacenter: Sendable {
        public let ipv4: AddressGroup
        public let ipv6: AddressGroup
        /// All that are no addresses.
        public let others: RecordStore.Positions
    }

    /// Addresses of one family, of which some may be picked.
    public struct AddressGroup: Sendable {
        public let records: RecordStore.Positions
        fileprivate let firstAddress: Int32
    }

    /// An address as far as picking one needs to know it.
    public struct Address: Sendable {
        /// The same for an address, wherever it stands.
        public let identity: UInt64
        /// Its part in the clients, from 1.
        public let weight: UInt32
    }

    /// A record of a datacenter.
    public struct Record: Sendable {
        public var type: RecordType
        public var content: RecordContent
        public var address: Address

        public init(type: RecordType, content: RecordContent, identity: UInt64, weight: UInt32) {
            self.type = type
            self.content = content
            address = Address(identity: identity, weight: weight)
        }
    }

    /// - Parameters:
    ///   - records: the records of each datacenter, by its number.
    ///   - negativeTTL: how long it may be kept that there is nothing, in seconds.
    public init(
        _ records: [[Record]], ttl: UInt32, negativeTTL: UInt32, store: inout RecordStore
    ) {
        func add(_ records: [Record]) -> RecordStore.Positions {
            let start = store.end
            for record in records {
                store.append(type: record.type, ttl: ttl, content: record.content)
            }
            return start..<store.end
        }
        var addresses: [Address] = []
        func group(_ records: [Record]) -> AddressGroup {
            let first = Int32(addresses.count)
            addresses += records.map(\.address)
            return AddressGroup(records: add(records), firstAddress: first)
        }
        for records in records {
            datacenters.append(
                Datacenter(
                    ipv4: group(records.filter { $0.type == .a }), ipv6: group(records.filter { $0.type == .aaaa }),
                    others: add(records.filter { $0.type != .a && $0.type != .aaaa })))
        }
        self.addresses = addresses
        let start = store.end
        store.append(type: .marker, ttl: negativeTTL, content: .empty)
        marker = start..<store.end
    }

    /// The records of a datacenter.
    public subscript(datacenter: Int) -> Datacenter { datacenters[datacenter] }

    /// The number of addresses of a datacenter, of the family that has more of them.
    public func mostAddresses(of datacenter: Int) -> Int {
        max(datacenters[datacenter].ipv4.records.count, datacenters[datacenter].ipv6.records.count)
    }

    /// The address of the record at a position of `group`.
    public func address(_ position: Int32, of group: AddressGroup) -> Address { addresses[number(position, of: group)] }

    /// The number of the address at a position of `group`: they are counted datacenter by datacenter, IPv4 first, each family
    /// in the order that was given.
    public func number(_ position: Int32, of group: AddressGroup) -> Int {
        Int(group.firstAddress + position - group.records.lowerBound)
    }
}
