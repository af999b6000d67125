import Configuration
import DNS
import Platform
import Routing
import Zones

/// The answers of the services of all zones: the records of every datacenter, formatted and ready to copy.
///
/// A view of an image's columns, valid as long as the columns are.
package struct AnswerTable: Sendable {
    /// The services of all zones, grouped by zone.
    package let services: Column<BoundService>
    /// The start of each zone's services in `services`, and one more element: the end of the last zone's.
    private let firstServices: Column<UInt32>
    /// For each service, the answers of each datacenter.
    let datacenters: Column<DatacenterAnswers>
    /// The addresses among the records, service by service.
    let addresses: Column<Address>
    let records: Column<ReadyRecord>
    /// The part of each answer line after the owner name.
    private let text: Column<UInt8>

    /// A service as bound to one zone.
    package struct BoundService: BitwiseCopyable {
        /// The position of the service in the configuration.
        package var service: Int32
        /// The number of the map: its position in `Snapshot.maps`.
        package var map: Int32
        /// The maximum number of addresses of each family that a datacenter gives.
        package var pick: Int32
        /// The maximum number of datacenters that an answer comes from, 1...16.
        package var spread: Int32
        /// Makes services draw independently of each other.
        var salt: UInt64
        /// Where its answers begin in `datacenters`.
        var firstDatacenter: UInt32
        /// Where its addresses begin in `addresses`.
        var firstAddress: UInt32
        /// The position in `records` of the marker, which says that the name exists if a client gets no record.
        var marker: UInt32
        private var flags: UInt32

        private static let sticky: UInt32 = 1
        private static let answersWhenAllDown: UInt32 = 2
        private static let drawsNothing: UInt32 = 4

        /// Whether all clients of a network draw alike (`sticky`); see `ClientNetwork`.
        package var isSticky: Bool { flags & Self.sticky != 0 }
        /// Whether clients get all addresses if all are down, instead of no answer (`when_all_down`).
        package var answersWhenAllDown: Bool { flags & Self.answersWhenAllDown != 0 }
        /// Whether an answer is all records of one datacenter. Then a random draw is needed only to choose the
        /// datacenter.
        var drawsNothing: Bool { flags & Self.drawsNothing != 0 }

        init(_ configured: Configuration.Service, _ service: Int, firstDatacenter: Int, firstAddress: Int, marker: Int)
        {
            self.service = Int32(service)
            map = Int32(configured.map)
            pick = configured.spread == nil ? Int32(min(configured.pick ?? .max, Int(Int32.max))) : 1
            spread = Int32(configured.spread ?? 1)
            salt = identity(of: configured.name)
            self.firstDatacenter = UInt32(firstDatacenter)
            self.firstAddress = UInt32(firstAddress)
            self.marker = UInt32(marker)
            let most =
                configured.answers.map { answers in
                    max(answers.count { $0.type == .a }, answers.count { $0.type == .aaaa })
                }.max() ?? 0
            flags =
                (configured.isSticky ? Self.sticky : 0)
                | (configured.answersWhenAllDown ? Self.answersWhenAllDown : 0)
                | (!configured.isSticky && spread == 1 && most <= pick ? Self.drawsNothing : 0)
        }
    }

    /// The answers of a datacenter as positions in `records`: IPv4 addresses, then IPv6 addresses, then all other
    /// records.
    struct DatacenterAnswers: BitwiseCopyable {
        var start: UInt32
        var ipv6: UInt32
        var others: UInt32
        var end: UInt32
        /// The number of its first address among the addresses of the service. They are numbered datacenter by
        /// datacenter, IPv4 first, each family in the order of the configuration.
        var firstAddress: UInt32

        var ipv4Range: Range<Int> { Int(start)..<Int(ipv6) }
        var ipv6Range: Range<Int> { Int(ipv6)..<Int(others) }
        var otherRange: Range<Int> { Int(others)..<Int(end) }
        var all: Range<Int> { Range(uncheckedBounds: (Int(start), Int(end))) }
        /// The number of the address whose record is at a position.
        func number(_ position: Int) -> Int { Int(firstAddress) + position - Int(start) }
    }

    /// The properties of an address that picking among addresses needs.
    package struct Address: BitwiseCopyable {
        /// A hash of the address, the same in every service and datacenter.
        var identity: UInt64
        /// Its weight among the addresses of the datacenter, from 1.
        var weight: UInt32
        var reserved: UInt32 = 0
    }

    /// A record in the form in which it is copied into answers.
    struct ReadyRecord: BitwiseCopyable {
        /// Where the rest of its line begins in `text`.
        var offset: UInt64
        var length: UInt32
        private var number: UInt32

        var type: RecordType { RecordType(rawValue: UInt16(truncatingIfNeeded: number)) }

        init(offset: Int, length: Int, type: RecordType) {
            self.offset = UInt64(offset)
            self.length = UInt32(length)
            number = UInt32(type.rawValue)
        }
    }

    /// Returns the part of an answer line after the owner name.
    @inline(__always)
    func tail(_ record: ReadyRecord) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: text.start + Int(truncatingIfNeeded: record.offset), count: Int(record.length))
    }

    /// Returns the position in `services` of a name's service; `nil` if it has none.
    @inline(__always)
    package func service(of node: ZoneNode, inZone zone: Int) -> Int? {
        node.service < 0 ? nil : Int(firstServices[zone]) + Int(node.service)
    }

    /// Returns the answers of a datacenter for a service.
    @inline(__always)
    func answers(_ service: BoundService, _ datacenter: Int) -> DatacenterAnswers {
        datacenters[Int(service.firstDatacenter) + datacenter]
    }

    /// Returns the positions in `services` of a zone's services.
    package func services(ofZone zone: Int) -> Range<Int> { Int(firstServices[zone])..<Int(firstServices[zone + 1]) }

    /// Calls `body` with each record that a datacenter has for a service: the part of the line after the owner name.
    package func forEachTail(_ service: BoundService, _ datacenter: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        for position in answers(service, datacenter).all { body(tail(records[position])) }
    }

    /// Returns the number of addresses of each family that a datacenter has for a service.
    package func addressCounts(_ service: BoundService, _ datacenter: Int) -> (ipv4: Int, ipv6: Int) {
        let answers = answers(service, datacenter)
        return (answers.ipv4Range.count, answers.ipv6Range.count)
    }

    /// Returns an address of a service by its number.
    func address(_ service: BoundService, _ number: Int) -> Address { addresses[Int(service.firstAddress) + number] }
}

// MARK: - Writing and reading

extension AnswerTable {
    /// Writes the answers of the services of all zones.
    package static func write(_ configuration: Configuration, to columns: inout ColumnWriter) {
        var builder = Builder()
        let ids = ZoneTable.ids(of: configuration.zones.map(\.apex))
        for (zone, id) in zip(configuration.zones, ids) {
            builder.firstServices.append(UInt32(builder.services.count))
            for service in zone.services {
                builder.append(configuration.services[service], service, zone, id: id)
            }
        }
        builder.firstServices.append(UInt32(builder.services.count))
        columns.add(builder.services)
        columns.add(builder.firstServices)
        columns.add(builder.datacenters)
        columns.add(builder.addresses)
        columns.add(builder.records)
        columns.add(builder.text)
    }

    private struct Builder {
        var services: [BoundService] = []
        var firstServices: [UInt32] = []
        var datacenters: [DatacenterAnswers] = []
        var addresses: [Address] = []
        var records: [ReadyRecord] = []
        var text: [UInt8] = []

        mutating func append(_ configured: Configuration.Service, _ number: Int, _ zone: Zone, id: Int32) {
            let ttl = configured.ttl ?? zone.defaultTTL
            let firstDatacenter = datacenters.count
            let firstAddress = addresses.count
            for answers in configured.answers {
                let number = addresses.count - firstAddress
                let start = records.count
                append(answers.filter { $0.type == .a }, ttl, id)
                let ipv6 = records.count
                append(answers.filter { $0.type == .aaaa }, ttl, id)
                let others = records.count
                for answer in answers where !answer.isAddress { append(answer.type, ttl, id, answer.content) }
                datacenters.append(
                    DatacenterAnswers(
                        start: UInt32(start), ipv6: UInt32(ipv6), others: UInt32(others), end: UInt32(records.count),
                        firstAddress: UInt32(number)))
            }
            let marker = records.count
            append(.marker, zone.negativeTTL, id, .empty)
            services.append(
                BoundService(
                    configured, number, firstDatacenter: firstDatacenter, firstAddress: firstAddress, marker: marker))
        }

        private mutating func append(_ answers: [Configuration.Service.Answer], _ ttl: UInt32, _ id: Int32) {
            for answer in answers {
                addresses.append(Address(identity: identity(of: answer.content.text), weight: answer.weight))
                append(answer.type, ttl, id, answer.content)
            }
        }

        private mutating func append(_ type: RecordType, _ ttl: UInt32, _ id: Int32, _ content: RecordContent) {
            let start = text.count
            text += classTypeTTL(type, ttl)
            text += "\(id)\t\(content.text)\n".utf8
            records.append(ReadyRecord(offset: start, length: text.count - start, type: type))
        }
    }

    /// Reads the columns that `write` wrote, and validates every index and range.
    init(
        from columns: inout ColumnReader, zones: ZoneTable, mapCount: Int, serviceCount: Int, datacenterCount: Int
    ) throws(MalformedColumns) {
        services = try columns.read()
        firstServices = try columns.read()
        datacenters = try columns.read()
        addresses = try columns.read()
        records = try columns.read()
        text = try columns.read()
        let malformed = MalformedColumns("the answers of services are damaged")
        guard firstServices.count == zones.count + 1, firstServices[0] == 0,
            Int(firstServices[zones.count]) == services.count
        else { throw malformed }
        for zone in 0..<zones.count {
            guard firstServices[zone] <= firstServices[zone + 1],
                Int(firstServices[zone + 1] - firstServices[zone]) == zones.serviceCount(ofZone: zone)
            else { throw malformed }
        }
        for service in services.buffer {
            guard 0..<serviceCount ~= Int(service.service), 0..<mapCount ~= Int(service.map), service.pick > 0,
                service.spread > 0, service.spread <= 16,
                Int(service.firstDatacenter) + datacenterCount <= datacenters.count,
                Int(service.marker) < records.count
            else { throw malformed }
            for datacenter in 0..<datacenterCount {
                let answers = answers(service, datacenter)
                guard answers.start <= answers.ipv6, answers.ipv6 <= answers.others, answers.others <= answers.end,
                    Int(answers.end) <= records.count,
                    Int(service.firstAddress) + Int(answers.firstAddress) + Int(answers.others - answers.start)
                        <= addresses.count
                else { throw malformed }
            }
        }
        for record in records.buffer {
            guard record.offset <= UInt64(text.count), UInt64(record.length) <= UInt64(text.count) - record.offset
            else {
                throw malformed
            }
        }
    }
}
