import DNS
import Geography
import PipeProtocol
import Platform
import Zones

/// The client of each question, and of the questions that pdns asks for itself.
extension Session {
    /// Records that pdns asks for a client, and the client's resolver.
    @inline(__always)
    mutating func updatePhase(_ client: IPAddress, _ resolver: Span<UInt8>) {
        switch phase {
        case .apex:
            phase = .clientAfterApex
        case .clientAfterApex:
            // The phase stays the same for the same client and resolver.
            guard !isLastResolver(resolver) || lastClient?.client != client else { return }
            phase = .client
        case .own, .client, .denial:
            phase = .client
        }
        storeResolver(resolver)
    }

    /// Returns whether the last client question came from this resolver.
    private func isLastResolver(_ resolver: Span<UInt8>) -> Bool {
        guard min(resolver.count, Self.resolverLimit) == resolverLength else { return false }
        return resolver.withUnsafeBytes { text in
            text.baseAddress.map { areEqual($0, resolverText, count: resolverLength) } ?? false
        }
    }

    /// Stores the text of a resolver's address.
    @inline(__always)
    private mutating func storeResolver(_ resolver: Span<UInt8>) {
        let length = min(resolver.count, Self.resolverLimit)
        resolverLength = length
        resolver.withUnsafeBytes { text in
            guard let start = text.baseAddress else { return }
            let target = UnsafeMutableRawPointer(resolverText)
            if 8...16 ~= length {
                // The most frequent lengths: two words, which may overlap. The second ends with the last byte.
                target.storeBytes(of: start.loadUnaligned(as: UInt64.self), as: UInt64.self)
                target.storeBytes(
                    of: start.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self),
                    toByteOffset: length &- 8, as: UInt64.self)
            } else {
                target.copyMemory(from: start, byteCount: length)
            }
        }
    }

    /// Returns the resolver of the last client question; `nil` if there is none, or its address is malformed.
    @inline(__always)
    func resolver(of context: ClientContext) -> IPAddress? {
        guard context.hasResolver else { return nil }
        return IPAddress(UnsafeBufferPointer(start: resolverText, count: resolverLength).span)
    }

    /// Calls `resolver(of:)`, and sets `isAsked`.
    @inline(__always)
    func resolver(of context: ClientContext, isAsked: inout Bool) -> IPAddress? {
        isAsked = true
        return resolver(of: context)
    }

    /// Returns the client whose records answer pdns's own question about the name in `key`; `nil` for none.
    ///
    /// To sign a denial of a type, pdns asks which types the name has. These must be the types of the client that it
    /// denies to, because another client may have the type. Before that it reads the zone's SOA record, right after
    /// the client's questions, unless it has read it right before them. Other questions that pdns asks without a
    /// client, as for the target of an HTTPS alias, are not about the last client here: pdns may have answered its
    /// client from the cache.
    @inline(never)
    mutating func clientOfOwnQuestion(of type: RecordType?, _ zones: UnsafePointer<ZoneTable>, else client: IPAddress)
        -> ClientContext?
    {
        guard type == .any else {
            let isApex = type == .soa && zones.pointee.zone(key) != nil
            phase =
                switch phase {
                case _ where !isApex: .own
                case .client, .clientAfterApex: .apex(afterClient: true)
                default: .apex(afterClient: false)
                }
            return nil
        }
        switch phase {
        case .denial, .clientAfterApex, .apex(afterClient: true):
            phase = .denial
            return lastClient
        case .apex(afterClient: false):
            // pdns knew from its cache that the name does not exist, and signs that denial.
            return ClientContext(client: client, clientLength: client.bitWidth, hasResolver: false, random: 0)
        case .own, .client:
            // Before the first client question, pdns may deny something that an earlier coprocess has answered.
            return lastClient == nil
                ? ClientContext(client: client, clientLength: client.bitWidth, hasResolver: false, random: 0) : nil
        }
    }

    /// Returns the client that the answer is for: the first address of the client subnet, or the resolver if there is
    /// no subnet. pdns's own questions have neither. `nil` if the fields are malformed.
    @inline(__always)
    static func client(
        subnet clientSubnet: Span<UInt8>, remoteAddress: Span<UInt8>, version: ABIVersion
    ) -> (address: IPAddress, length: Int, isPDNS: Bool)? {
        if version.hasClientSubnet {
            guard let subnet = IPPrefix(clientSubnet) else { return nil }
            // A source prefix length of 0 asks not to use the client's address (RFC 7871 section 7.1.2).
            if subnet.length > 0 { return (subnet.address, subnet.length, false) }
        }
        guard let resolver = IPAddress(remoteAddress) else { return nil }
        return (resolver, resolver.bitWidth, version.hasClientSubnet && resolver == .v4(0))
    }
}
