import Geography
import Synchronization

/// Answers on their way from the thread that gives them to one that looks at them. Neither waits: what does not fit is dropped, and
/// counted.
public final class HitRing: Sendable {
    /// In bytes; one hit takes some 100.
    private static let capacity = 1 << 20

    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer
    /// The position behind the last hit, counted on and on.
    private let end = Atomic<Int>(0)
    /// Of the first hit that was not taken, counted on and on.
    private let start = Atomic<Int>(0)
    /// Where the thread that answers has seen `start`.
    private nonisolated(unsafe) let knownStart: UnsafeMutablePointer<Int>
    private let dropped = Atomic<Int>(0)
    /// The part of the hits that the log and the agent want, of 2^32.
    @usableFromInline let share = Atomic<UInt64>(0)

    /// What stands before the datacenters and the name.
    struct Header {
        /// Of all, in bytes; 0 for what is left empty at the end of the ring.
        var length: UInt32 = 0
        var tally: UInt32 = 0
        var client: UInt128 = 0
        var resolver: UInt128 = 0
        var lot: UInt32 = 0
        var service: Int32 = 0
        var datacenterCount: UInt16 = 0
        var nameLength: UInt16 = 0
        var clientLength: UInt8 = 0
        var scope: UInt8 = 0
        var isClientIPv6 = false
        var isResolverIPv6 = false
    }

    public init() {
        memory = .allocate(byteCount: Self.capacity, alignment: MemoryLayout<Header>.alignment)
        knownStart = .allocate(capacity: 1)
        knownStart.initialize(to: 0)
    }

    deinit {
        memory.deallocate()
        knownStart.deallocate()
    }

    /// Hits that did not fit.
    public var droppedHits: Int { dropped.load(ordering: .relaxed) }

    /// Has a part of the hits put in, from 0 for none to 1 for all.
    public func want(_ part: Double) { share.store(UInt64(part * 0x1p32), ordering: .relaxed) }

    /// Has at least a part of the hits put in.
    public func wantAtLeast(_ part: Double) {
        if UInt64(part * 0x1p32) > share.load(ordering: .relaxed) { want(part) }
    }

    /// Whether the log or the agent wants the hit that drew a lot.
    @inlinable
    public func wants(_ lot: UInt32) -> Bool { UInt64(lot) < share.load(ordering: .relaxed) }

    /// Puts a hit in. Only one thread may do this.
    ///
    /// - Parameters:
    ///   - lot: any number; the lower ones are wanted first.
    ///   - tally: the number of the tally that the positions belong to.
    ///   - clientLength: the length of the prefix that `client` is the first address of.
    ///   - resolver: looked at if nothing is known of the client.
    ///   - name: as asked; at most 1024 bytes of it are kept.
    ///   - datacenter: the position of each of `datacenterCount` datacenters.
    public func put(
        lot: UInt32, tally: UInt32, service: Int, client: IPAddress, clientLength: Int, resolver: IPAddress,
        scope: UInt8,
        name: Span<UInt8>, datacenterCount: Int, datacenter: (Int) -> Int32
    ) {
        var header = Header()
        header.tally = tally
        (header.client, header.isClientIPv6) = client.parts
        (header.resolver, header.isResolverIPv6) = resolver.parts
        header.lot = lot
        header.service = Int32(service)
        header.datacenterCount = UInt16(datacenterCount)
        header.nameLength = UInt16(min(name.count, 1024))
        header.clientLength = UInt8(clientLength)
        header.scope = scope
        let length = Self.rounded(
            MemoryLayout<Header>.stride + 4 * datacenterCount + Int(header.nameLength))
        header.length = UInt32(length)
        var position = end.load(ordering: .relaxed)
        let left = Self.capacity - position % Self.capacity
        let skipped = left < length ? left : 0
        if position + skipped + length - knownStart.pointee > Self.capacity {
            knownStart.pointee = start.load(ordering: .acquiring)
            guard position + skipped + length - knownStart.pointee <= Self.capacity else {
                dropped.store(dropped.load(ordering: .relaxed) + 1, ordering: .relaxed)
                return
            }
        }
        if skipped > 0 {
            // Lengths are multiples of the alignment, so that there is room for the first field.
            (memory + position % Self.capacity).storeBytes(of: 0, as: UInt32.self)
            position += skipped
        }
        var place = memory + position % Self.capacity
        place.storeBytes(of: header, as: Header.self)
        place += MemoryLayout<Header>.stride
        for i in 0..<datacenterCount {
            place.storeBytes(of: datacenter(i), as: Int32.self)
            place += 4
        }
        name.withUnsafeBufferPointer {
            if let bytes = $0.baseAddress { place.copyMemory(from: bytes, byteCount: Int(header.nameLength)) }
        }
        end.store(position + length, ordering: .releasing)
    }

    /// Takes out all hits that are there. Only one thread may do this.
    ///
    /// - Returns: the part of the ring that was full.
    @discardableResult
    public func take(_ body: (Hit) -> Void) -> Double {
        let first = start.load(ordering: .relaxed)
        let end = end.load(ordering: .acquiring)
        var position = first
        while position < end {
            var place = UnsafeRawPointer(memory + position % Self.capacity)
            guard place.load(as: UInt32.self) > 0 else {
                position += Self.capacity - position % Self.capacity
                continue
            }
            let header = place.load(as: Header.self)
            place += MemoryLayout<Header>.stride
            let datacenters = UnsafeRawBufferPointer(start: place, count: 4 * Int(header.datacenterCount))
            let name = UnsafeRawBufferPointer(start: place + datacenters.count, count: Int(header.nameLength))
            body(Hit(header, datacenters: datacenters, name: name))
            position += Int(header.length)
            start.store(position, ordering: .releasing)
        }
        return Double(end - first) / Double(Self.capacity)
    }

    private static func rounded(_ length: Int) -> Int {
        let alignment = MemoryLayout<Header>.alignment
        return (length + alignment - 1) / alignment * alignment
    }
}

/// An answer of a service to a client.
public struct Hit: Sendable {
    /// The number of the tally that the positions belong to.
    package let tally: UInt32
    /// Any number, which the sampling goes by.
    public let lot: UInt32
    /// The first address of whom the answer is for, and how long that prefix is.
    public let client: IPAddress
    public let clientLength: Int
    /// The client's network as others may know it: not the address of a person, but at most /24 of IPv4 and /56 of IPv6.
    public var network: IPPrefix {
        IPPrefix(
            client,
            length: min(clientLength, client.bitWidth == 32 ? SampledHit.longestIPv4 : SampledHit.longestIPv6))!
    }
    /// Who asked.
    public let resolver: IPAddress
    /// Where the client may be found: its own prefix, and the address of its resolver, which stands in for it.
    public var prefixes: [IPPrefix] {
        [IPPrefix(client, length: clientLength), IPPrefix(resolver, length: resolver.bitWidth)].compactMap(\.self)
    }
    /// The prefix length that the answer holds for.
    public let scope: Int
    /// The service's position.
    public let service: Int
    /// The positions of the datacenters.
    public let datacenters: [Int]
    /// As asked.
    public let name: String

    init(_ header: HitRing.Header, datacenters: UnsafeRawBufferPointer, name: UnsafeRawBufferPointer) {
        tally = header.tally
        lot = header.lot
        client = IPAddress(header.client, isIPv6: header.isClientIPv6)
        clientLength = Int(header.clientLength)
        resolver = IPAddress(header.resolver, isIPv6: header.isResolverIPv6)
        scope = Int(header.scope)
        service = Int(header.service)
        self.datacenters = datacenters.bindMemory(to: Int32.self).map(Int.init)
        self.name = String(decoding: name, as: UTF8.self)
    }
}

extension IPAddress {
    @inline(__always)
    fileprivate var parts: (bits: UInt128, isIPv6: Bool) {
        switch self {
        case .v4(let bits): (UInt128(bits), false)
        case .v6(let bits): (bits, true)
        }
    }

    fileprivate init(_ bits: UInt128, isIPv6: Bool) {
        self = isIPv6 ? .v6(bits) : .v4(UInt32(truncatingIfNeeded: bits))
    }
}
