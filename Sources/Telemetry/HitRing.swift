import Geography
import Synchronization

/// A ring buffer of hits between the thread that answers and the thread that reports. Neither thread waits: a hit that
/// does not fit is dropped and counted.
public final class HitRing: Sendable {
    /// The size in bytes; a hit takes about 100 bytes.
    private static let capacity = 1 << 20

    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer
    /// The end of the last hit. Positions increase without wrapping.
    private let end = Atomic<Int>(0)
    /// The start of the first hit that has not been taken. Positions increase without wrapping.
    private let start = Atomic<Int>(0)
    /// The value of `start` that the thread that answers has read last, so that it need not read the other thread's
    /// cache line each time.
    private nonisolated(unsafe) let knownStart: UnsafeMutablePointer<Int>
    private let dropped = Atomic<Int>(0)
    /// The part of the hits that the log and the agent want, times 2^32.
    @usableFromInline let share = Atomic<UInt64>(0)

    /// The fixed part of a hit; the datacenters and the name follow it.
    struct Header {
        /// The length of the whole hit in bytes; 0 marks the unused rest at the end of the ring.
        var length: UInt32 = 0
        var tally: UInt32 = 0
        var client: UInt128 = 0
        var resolver: UInt128 = 0
        var sampleKey: UInt32 = 0
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

    /// The number of hits that did not fit.
    public var droppedHits: Int { dropped.load(ordering: .relaxed) }

    /// Sets the part of the hits that is put in, 0...1.
    public func want(_ part: Double) { share.store(UInt64(part * 0x1p32), ordering: .relaxed) }

    /// Raises the part of the hits that is put in to at least `part`.
    public func wantAtLeast(_ part: Double) {
        if UInt64(part * 0x1p32) > share.load(ordering: .relaxed) { want(part) }
    }

    /// Whether the log or the agent wants the hit with a sample key.
    @inlinable
    public func wants(_ sampleKey: UInt32) -> Bool { UInt64(sampleKey) < share.load(ordering: .relaxed) }

    /// Puts a hit in. Only one thread may call this.
    ///
    /// - Parameters:
    ///   - sampleKey: the sample key, a random number; hits with low keys are wanted first.
    ///   - tally: the number of the tally that the positions refer to.
    ///   - clientLength: the prefix length of the client's subnet, of which `client` is the first address.
    ///   - resolver: the address of the resolver, by which an unknown client is located.
    ///   - name: the qname; at most 1024 bytes of it are kept.
    ///   - datacenter: returns the position of each of `datacenterCount` datacenters.
    public func put(
        sampleKey: UInt32, tally: UInt32, service: Int, client: IPAddress, clientLength: Int, resolver: IPAddress,
        scope: UInt8,
        name: Span<UInt8>, datacenterCount: Int, datacenter: (Int) -> Int32
    ) {
        var header = Header()
        header.tally = tally
        (header.client, header.isClientIPv6) = client.parts
        (header.resolver, header.isResolverIPv6) = resolver.parts
        header.sampleKey = sampleKey
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
            // Lengths are multiples of the alignment, so the rest has room for the first field.
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

    /// Takes out all hits. Only one thread may call this.
    ///
    /// - Returns: the part of the ring that was in use, 0...1.
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

/// A hit: an answer of a service to a client.
public struct Hit: Sendable {
    /// The number of the tally that the positions refer to.
    package let tally: UInt32
    /// The sample key, a random number.
    public let sampleKey: UInt32
    /// The first address of the client's subnet, and its prefix length.
    public let client: IPAddress
    public let clientLength: Int
    /// The client's network for reports, at most /24 (IPv4) or /56 (IPv6), so that it does not identify a person.
    public var network: IPPrefix {
        IPPrefix(
            client,
            length: min(clientLength, client.bitWidth == 32 ? SampledHit.longestIPv4 : SampledHit.longestIPv6))!
    }
    /// The address of the resolver.
    public let resolver: IPAddress
    /// The prefixes to locate the client by: its own, then the address of the resolver.
    public var prefixes: [IPPrefix] {
        [IPPrefix(client, length: clientLength), IPPrefix(resolver, length: resolver.bitWidth)].compactMap(\.self)
    }
    /// The EDNS scope prefix length of the answer, 0...128.
    public let scope: Int
    /// The position of the service.
    public let service: Int
    /// The positions of the datacenters.
    public let datacenters: [Int]
    /// The qname.
    public let name: String

    init(_ header: HitRing.Header, datacenters: UnsafeRawBufferPointer, name: UnsafeRawBufferPointer) {
        tally = header.tally
        sampleKey = header.sampleKey
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
