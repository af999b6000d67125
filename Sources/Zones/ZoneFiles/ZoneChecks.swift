import DNS
import Platform

/// Looks a zone over for what breaks DNS. What pdns's own backends serve is no error where DNS allows an answer, so that a zone that
/// worked with these works here; other servers may refuse it, of which a warning tells.
struct ZoneChecks {
    private(set) var contents: ZoneContents
    private let groups: RecordGroups
    private let delegations: ZoneDelegations

    init(_ contents: ZoneContents, _ groups: RecordGroups, _ delegations: ZoneDelegations) {
        self.contents = contents
        self.groups = groups
        self.delegations = delegations
    }

    mutating func run() {
        checkApex()
        warnOfHiddenRecords()
        for name in 0..<contents.names.count {
            forEachSet(of: name) { checks, set in checks.check(set, of: name) }
            checkAlias(name)
        }
    }

    /// Calls `body` with the records of a name, type by type.
    private mutating func forEachSet(of name: Int, _ body: (inout Self, ArraySlice<Int32>) -> Void) {
        let all = groups[name]
        var start = all.startIndex
        while start < all.endIndex {
            var end = start + 1
            while end < all.endIndex, record(all[end]).type == record(all[start]).type { end += 1 }
            body(&self, all[start..<end])
            start = end
        }
    }

    private func record(_ position: Int32) -> ZoneContents.Entry { contents.records[Int(position)] }

    private func has(_ type: RecordType, at name: Int) -> Bool { groups.has(type, at: name, in: contents) }

    private func text(of name: Int) -> String { contents.names.text(of: name) }

    private mutating func checkApex() {
        if !has(.soa, at: 0) {
            contents.complain(
                nil, "the zone \(contents.apex) has no SOA record; write @ SOA, or soa: in the configuration")
        }
        if !has(.ns, at: 0) {
            contents.complain(
                nil, "the zone \(contents.apex) has no NS record; write @ NS, or ns: in the configuration")
        }
    }

    private mutating func check(_ set: ArraySlice<Int32>, of name: Int) {
        let first = record(set.first!)
        for position in set.dropFirst() where record(position).ttl != first.ttl {
            contents.warn(
                record(position).place,
                "\(first.type) of \(text(of: name)) has another TTL before; \(first.ttl) is used for all (RFC 2181 section 5.2)"
            )
        }
        switch first.type {
        case .soa:
            guard set.count > 1 else { break }
            contents.complain(
                record(set.last!).place, "\(text(of: name)) has two SOA records; there can be one, keep it")
        case .cname, .dname:
            guard set.count > 1 else { break }
            contents.complain(
                record(set.last!).place, "\(text(of: name)) has two \(first.type) records; there can be one, keep it")
        case .ns:
            if text(of: name) == "*" || text(of: name).hasPrefix("*.") {
                contents.warn(
                    first.place, "a wildcard cannot be delegated (RFC 4592 section 4.2); take the NS record out")
            }
            if delegations[name] != .below { for position in set { checkNameServer(record(position), of: name) } }
        case .mx, .srv:
            if delegations[name] == .above { for position in set { checkTarget(record(position), of: name) } }
        case .ds:
            // What is below a delegation is warned of anyway.
            guard delegations[name] == .above else { break }
            contents.warn(
                first.place, "DS at \(text(of: name)), where no delegation is, has no effect; take it out")
        default: break
        }
    }

    private mutating func checkAlias(_ name: Int) {
        let positions = groups[name]
        guard let alias = positions.first(where: { record($0).type == .cname }) else { return }
        // What a signer adds may stand beside it (RFC 4034 section 3, RFC 4035 section 2.5).
        let beside: Set<RecordType> = [.cname, .rrsig, .nsec, .key, .nxt]
        guard let other = positions.first(where: { !beside.contains(record($0).type) }) else { return }
        contents.complain(
            record(max(alias, other)).place,
            "\(text(of: name)) has a CNAME beside other data; a CNAME stands alone (RFC 1034 section 3.6.2)")
    }
}

// MARK: - What is never answered

extension ZoneChecks {
    /// Warns of what pdns never answers: data below a delegation, or at one, but for what the delegation needs (RFC 1034
    /// section 4.2.1), and data below a DNAME (RFC 6672 section 2.4).
    private mutating func warnOfHiddenRecords() {
        guard delegations.hasAny || contents.records.contains(where: { $0.type == .dname }) else { return }
        let glue = nameServers()
        // The nearest name above that has a DNAME record; -1 without.
        var redirections: [Int32] = []
        for name in 0..<contents.names.count {
            let parent = Int(contents.names.parents[name])
            let redirection =
                parent < 0 ? -1 : has(.dname, at: parent) ? Int32(parent) : redirections[parent]
            redirections.append(redirection)
            let place = delegations[name]
            guard place != .above || redirection >= 0 else { continue }
            let reason: String
            if place == .above {
                reason =
                    "is below the DNAME of \(text(of: Int(redirection))), which leads elsewhere, and is never answered (RFC 6672 section 2.4)"
            } else {
                let cut = delegation(of: name)
                reason =
                    "is \(place == .at ? "at" : "below") the delegation of \(text(of: cut)) to other name servers, and is never answered"
            }
            forEachSet(of: name) { checks, set in
                let first = checks.record(set.first!)
                switch first.type {
                case .rrsig, .nsec: return
                case .ns, .ds: if place == .at { return }
                case .a, .aaaa: if place != .above, glue.contains(Int32(name)) { return }
                default: break
                }
                checks.contents.warn(
                    first.place, "\(first.type) of \(checks.text(of: name)) \(reason); take it out")
            }
            if contents.services[Int32(name)] != nil, !(place != .above && glue.contains(Int32(name))) {
                contents.warn(
                    contents.servicePlaces[Int32(name)], "the service of \(text(of: name)) \(reason); take it out")
            }
        }
    }

    /// The names in the zone that some NS record points to.
    private func nameServers() -> Set<Int32> {
        var names: Set<Int32> = []
        for record in contents.records where record.type == .ns {
            let key = Array(contents.string(of: record).lowercased().utf8)
            if let name = contents.names.number(of: key.span) { names.insert(Int32(name)) }
        }
        return names
    }

    /// The name at which a name at or below a delegation is delegated.
    private func delegation(of name: Int) -> Int {
        var name = name
        while delegations[name] == .below { name = Int(contents.names.parents[name]) }
        return name
    }
}

// MARK: - Where records point to

extension ZoneChecks {
    /// What a name is good for as an address of a server.
    private enum Reach {
        case outside, addresses, alias, noAddresses
        /// Delegated away, and without glue.
        case delegated
        /// Below a DNAME, which leads elsewhere.
        case redirected
    }

    private mutating func checkNameServer(_ record: ZoneContents.Entry, of name: Int) {
        let problem: String
        switch reach(of: record.textRange) {
        case .outside, .addresses: return
        case .alias: problem = "is a CNAME, which a name server must not be (RFC 2181 section 10.3)"
        case .noAddresses: problem = "has no address; write an A or AAAA record for it"
        case .delegated: problem = "is delegated away and has no glue; write an A or AAAA record for it"
        case .redirected:
            problem = "is below a DNAME, which leads elsewhere (RFC 6672 section 2.4); choose another name"
        }
        // The zone works without, if another name server does.
        contents.warn(record.place, "the name server \(contents.string(of: record)) of \(text(of: name)) \(problem)")
    }

    private mutating func checkTarget(_ record: ZoneContents.Entry, of name: Int) {
        // The last word.
        let text = contents.texts[record.textRange]
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let end = text.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? text.startIndex
        let range = (text[..<end].lastIndex(where: isBlank).map { $0 + 1 } ?? text.startIndex)..<end
        guard range.count != 1 || text[range.lowerBound] != UInt8(ascii: ".") else { return }
        let problem: String
        switch reach(of: range) {
        case .outside, .addresses, .delegated: return
        case .alias: problem = "is a CNAME, which it must not be (RFC 2181 section 10.3)"
        case .noAddresses: problem = "has no address"
        case .redirected: problem = "is below a DNAME, which leads elsewhere (RFC 6672 section 2.4)"
        }
        contents.warn(
            record.place,
            "\(String(decoding: contents.texts[range], as: UTF8.self)), where \(record.type) of \(self.text(of: name)) points to, \(problem)"
        )
    }

    /// - Parameter target: where a name is in the texts of the records.
    private func reach(of target: Range<Int>) -> Reach {
        var key = Array(contents.texts[target])
        for i in key.indices { key[i] = lowerCase(key[i]) }
        guard let (closest, isItself) = closest(to: key.span) else { return .outside }
        if isRedirected(isItself ? Int(contents.names.parents[closest]) : closest) { return .redirected }
        let reached: Int
        if isItself {
            reached = closest
        } else {
            if delegations[closest] != .above { return .delegated }
            let wildcard = Array((text(of: closest) == "." ? "*" : "*.\(text(of: closest))").utf8)
            guard let name = contents.names.number(of: wildcard.span) else { return .noAddresses }
            reached = name
        }
        if has(.a, at: reached) || has(.aaaa, at: reached) || contents.services[Int32(reached)] != nil {
            return .addresses
        }
        if delegations[reached] != .above { return .delegated }
        return has(.cname, at: reached) ? .alias : .noAddresses
    }

    /// Whether a name, or one above it, has a DNAME record. -1 is above the apex.
    private func isRedirected(_ name: Int) -> Bool {
        var name = name
        while name >= 0 {
            if has(.dname, at: name) { return true }
            name = Int(contents.names.parents[name])
        }
        return false
    }

    /// The name, or the nearest one above it that exists; `nil` if it is not in the zone.
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
