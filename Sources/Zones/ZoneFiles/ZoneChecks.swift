import DNS
import Platform

/// Checks a zone for violations of DNS.
///
/// A zone that worked with pdns's own backends must work here, too. So what they serve is not an error if DNS allows an
/// answer at all. If other servers might refuse it, it gets a warning.
struct ZoneChecks {
    private(set) var contents: ParsedZone
    private let rrsets: RRsets
    private let delegations: ZoneDelegations

    init(_ contents: ParsedZone, _ rrsets: RRsets, _ delegations: ZoneDelegations) {
        self.contents = contents
        self.rrsets = rrsets
        self.delegations = delegations
    }

    mutating func run() {
        checkApex()
        warnOfOccludedRecords()
        for name in 0..<contents.names.count {
            forEachRRset(of: name) { checks, rrset in checks.check(rrset, of: name) }
            checkAlias(name)
        }
    }

    /// Calls `body` for each RRset of a name.
    private mutating func forEachRRset(of name: Int, _ body: (inout Self, ArraySlice<Int32>) -> Void) {
        let all = rrsets[name]
        var start = all.startIndex
        while start < all.endIndex {
            var end = start + 1
            while end < all.endIndex, record(all[end]).type == record(all[start]).type { end += 1 }
            body(&self, all[start..<end])
            start = end
        }
    }

    private func record(_ position: Int32) -> ParsedZone.Entry { contents.records[Int(position)] }

    private func has(_ type: RecordType, at name: Int) -> Bool { rrsets.has(type, at: name, in: contents) }

    private func text(of name: Int) -> String { contents.names.text(of: name) }

    private mutating func checkApex() {
        if !has(.soa, at: 0) {
            contents.diagnose(
                nil, "the zone \(contents.apex) has no SOA record; write @ SOA, or soa: in the configuration")
        }
        if !has(.ns, at: 0) {
            contents.diagnose(
                nil, "the zone \(contents.apex) has no NS record; write @ NS, or ns: in the configuration")
        }
    }

    private mutating func check(_ rrset: ArraySlice<Int32>, of name: Int) {
        let first = record(rrset.first!)
        for position in rrset.dropFirst() where record(position).ttl != first.ttl {
            contents.warn(
                record(position).place,
                "\(first.type) of \(text(of: name)) has another TTL before; \(first.ttl) is used for the whole RRset (RFC 2181 section 5.2)"
            )
        }
        switch first.type {
        case .soa:
            guard rrset.count > 1 else { break }
            contents.diagnose(
                record(rrset.last!).place, "\(text(of: name)) has two SOA records; keep one")
        case .cname, .dname:
            guard rrset.count > 1 else { break }
            contents.diagnose(
                record(rrset.last!).place, "\(text(of: name)) has two \(first.type) records; keep one")
        case .ns:
            if text(of: name) == "*" || text(of: name).hasPrefix("*.") {
                contents.warn(
                    first.place, "a wildcard cannot be delegated (RFC 4592 section 4.2); remove the NS record")
            }
            if delegations[name] != .occluded { for position in rrset { checkNameServer(record(position), of: name) } }
        case .mx, .srv:
            if delegations[name] == .authoritative { for position in rrset { checkTarget(record(position), of: name) } }
        case .ds:
            // Records below a delegation get another warning anyway.
            guard delegations[name] == .authoritative else { break }
            contents.warn(
                first.place, "DS at \(text(of: name)) has no effect, because there is no delegation; remove it")
        default: break
        }
    }

    private mutating func checkAlias(_ name: Int) {
        let positions = rrsets[name]
        guard let alias = positions.first(where: { record($0).type == .cname }) else { return }
        // A signer may add these types at the same name (RFC 4034 section 3, RFC 4035 section 2.5).
        let compatible: Set<RecordType> = [.cname, .rrsig, .nsec, .key, .nxt]
        guard let other = positions.first(where: { !compatible.contains(record($0).type) }) else { return }
        contents.diagnose(
            record(max(alias, other)).place,
            "\(text(of: name)) has a CNAME beside other data; a CNAME must be alone (RFC 1034 section 3.6.2)")
    }
}

// MARK: - Occluded records

extension ZoneChecks {
    /// Warns about records that pdns never serves: those at or below a delegation, except NS, DS and glue (RFC 1034
    /// section 4.2.1), and those below a DNAME (RFC 6672 section 2.4).
    private mutating func warnOfOccludedRecords() {
        guard delegations.hasAny || contents.records.contains(where: { $0.type == .dname }) else { return }
        let glue = nameServers()
        // For each name, the nearest ancestor with a DNAME record; -1 if there is none.
        var redirections: [Int32] = []
        for name in 0..<contents.names.count {
            let parent = Int(contents.names.parents[name])
            let redirection =
                parent < 0 ? -1 : has(.dname, at: parent) ? Int32(parent) : redirections[parent]
            redirections.append(redirection)
            let place = delegations[name]
            guard place != .authoritative || redirection >= 0 else { continue }
            let reason: String
            if place == .authoritative {
                reason =
                    "is below the DNAME of \(text(of: Int(redirection))) and is never served (RFC 6672 section 2.4)"
            } else {
                let cut = delegation(of: name)
                reason =
                    "is \(place == .delegationPoint ? "at" : "below") the delegation of \(text(of: cut)) to other name servers and is never served"
            }
            forEachRRset(of: name) { checks, rrset in
                let first = checks.record(rrset.first!)
                switch first.type {
                case .rrsig, .nsec: return
                case .ns, .ds: if place == .delegationPoint { return }
                case .a, .aaaa: if place != .authoritative, glue.contains(Int32(name)) { return }
                default: break
                }
                checks.contents.warn(
                    first.place, "\(first.type) of \(checks.text(of: name)) \(reason); remove it")
            }
            if contents.services[Int32(name)] != nil, !(place != .authoritative && glue.contains(Int32(name))) {
                contents.warn(
                    contents.servicePlaces[Int32(name)], "the service of \(text(of: name)) \(reason); remove it")
            }
        }
    }

    /// Returns the names in the zone that NS records point to.
    private func nameServers() -> Set<Int32> {
        var names: Set<Int32> = []
        for record in contents.records where record.type == .ns {
            let key = Array(contents.string(of: record).lowercased().utf8)
            if let name = contents.names.number(of: key.span) { names.insert(Int32(name)) }
        }
        return names
    }

    /// Returns the delegation point of a name that is at or below one.
    private func delegation(of name: Int) -> Int {
        var name = name
        while delegations[name] == .occluded { name = Int(contents.names.parents[name]) }
        return name
    }
}

// MARK: - Targets of records

extension ZoneChecks {
    /// Whether the target of a record has addresses.
    private enum TargetStatus {
        case outside, addresses, alias, noAddresses
        /// The target is at or below a delegation, and has no glue.
        case delegated
        /// The target is below a DNAME.
        case redirected
    }

    private mutating func checkNameServer(_ record: ParsedZone.Entry, of name: Int) {
        let problem: String
        switch status(of: record.textRange) {
        case .outside, .addresses: return
        case .alias: problem = "is a CNAME, which a name server must not be (RFC 2181 section 10.3)"
        case .noAddresses: problem = "has no address; write an A or AAAA record for it"
        case .delegated: problem = "is below a delegation and has no glue; write an A or AAAA record for it"
        case .redirected:
            problem = "is below a DNAME (RFC 6672 section 2.4); choose another name"
        }
        // It is not an error, because the zone works with another name server.
        contents.warn(record.place, "the name server \(contents.string(of: record)) of \(text(of: name)) \(problem)")
    }

    private mutating func checkTarget(_ record: ParsedZone.Entry, of name: Int) {
        // The target is the last token of the text.
        let text = contents.texts[record.textRange]
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let end = text.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? text.startIndex
        let range = (text[..<end].lastIndex(where: isBlank).map { $0 + 1 } ?? text.startIndex)..<end
        guard range.count != 1 || text[range.lowerBound] != UInt8(ascii: ".") else { return }
        let problem: String
        switch status(of: range) {
        case .outside, .addresses, .delegated: return
        case .alias: problem = "is a CNAME, which it must not be (RFC 2181 section 10.3)"
        case .noAddresses: problem = "has no address"
        case .redirected: problem = "is below a DNAME (RFC 6672 section 2.4)"
        }
        contents.warn(
            record.place,
            "\(String(decoding: contents.texts[range], as: UTF8.self)), the target of \(record.type) of \(self.text(of: name)), \(problem)"
        )
    }

    /// Returns the status of a target.
    ///
    /// - Parameter target: the range of a name in the texts of the records.
    private func status(of target: Range<Int>) -> TargetStatus {
        var key = Array(contents.texts[target])
        for i in key.indices { key[i] = lowerCase(key[i]) }
        guard let (closest, isItself) = closest(to: key.span) else { return .outside }
        if isRedirected(isItself ? Int(contents.names.parents[closest]) : closest) { return .redirected }
        let reached: Int
        if isItself {
            reached = closest
        } else {
            if delegations[closest] != .authoritative { return .delegated }
            let wildcard = Array((text(of: closest) == "." ? "*" : "*.\(text(of: closest))").utf8)
            guard let name = contents.names.number(of: wildcard.span) else { return .noAddresses }
            reached = name
        }
        if has(.a, at: reached) || has(.aaaa, at: reached) || contents.services[Int32(reached)] != nil {
            return .addresses
        }
        if delegations[reached] != .authoritative { return .delegated }
        return has(.cname, at: reached) ? .alias : .noAddresses
    }

    /// Whether a name or one of its ancestors has a DNAME record. -1 stands for the parent of the apex.
    private func isRedirected(_ name: Int) -> Bool {
        var name = name
        while name >= 0 {
            if has(.dname, at: name) { return true }
            name = Int(contents.names.parents[name])
        }
        return false
    }

    /// Returns the name or its closest encloser (RFC 4592 section 3.3.1); `nil` if it is not in the zone.
    private func closest(to key: Span<UInt8>) -> (name: Int, isItself: Bool)? {
        var start = 0
        while true {
            if let name = contents.names.number(of: key.extracting(start..<key.count)) { return (name, start == 0) }
            let next = start + parentStart(of: key.extracting(start..<key.count))
            guard next < key.count else { return contents.apex == .root ? (0, false) : nil }
            start = next
        }
    }
}

extension RecordType {
    fileprivate static let key = RecordType(rawValue: 25)
    fileprivate static let nxt = RecordType(rawValue: 30)
    fileprivate static let rrsig = RecordType(rawValue: 46)
    fileprivate static let nsec = RecordType(rawValue: 47)
}
