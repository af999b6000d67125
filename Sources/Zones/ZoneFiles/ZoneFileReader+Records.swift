import DNS

extension ZoneFileReader {
    mutating func readRecord(_ tokens: [Token], startsWithBlank: Bool, in bytes: UnsafeBufferPointer<UInt8>) {
        if !startsWithBlank { setOwner(tokens[0], bytes) }
        var next = startsWithBlank ? 0 : 1
        var ttl: UInt32?
        var hasClass = false
        while next < tokens.count, !tokens[next].isQuoted {
            let token = tokens[next]
            let text = bytes.extracting(token.text)
            if ttl == nil, isDigit(text[0]), let seconds = seconds(text.span) {
                ttl = limited(seconds, token)
            } else if !hasClass, let isInternet = classIsInternet(text.span) {
                hasClass = true
                guard isInternet else {
                    return diagnose(token, "the class is '\(string(token, bytes))'; write IN, or leave it out")
                }
            } else {
                break
            }
            next += 1
        }
        guard next < tokens.count else {
            return diagnose(tokens[tokens.count - 1], "a record needs a type and data, such as www A 192.0.2.1")
        }
        guard let type = RecordType(bytes.extracting(tokens[next].text).span), type != .any else {
            return diagnose(
                tokens[next],
                "'\(string(tokens[next], bytes))' is not a record type"
                    + (next > (startsWithBlank ? 0 : 1) ? "" : ", class or TTL")
                    + "; write a record as NAME TTL IN TYPE DATA"
            )
        }
        do throws(RecordDataError) {
            try data.read(tokens[(next + 1)...], in: bytes, type: type, names: .relative(to: origin))
        } catch {
            // The error counts tokens from the beginning of the data, and its token may be one that is missing at the
            // end.
            let token = tokens[min(next + 1 + error.token, tokens.count - 1)]
            let message = "\(type): \(error.reason)"
            if case .unservable = error.reason { return warn(token, message) }
            return diagnose(token, message)
        }
        for warning in data.warnings {
            warn(tokens[min(next + 1 + warning.token, tokens.count - 1)], "\(type): \(warning.message)")
        }
        append(type, ttl, place: tokens[next])
    }

    /// Adds the record whose data was read.
    private mutating func append(_ type: RecordType, _ ttl: UInt32?, place: Token) {
        if let ttl { lastTTL = ttl }
        // `$TTL` (RFC 2308) takes precedence over the last stated TTL (RFC 1035). Without both, use the SOA record's
        // MINIMUM.
        var used = ttl ?? defaultTTL ?? lastTTL
        if used == nil, type == .soa {
            used = data.wire.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
            lastTTL = used
            warn(
                place,
                "the zone has no TTL; the MINIMUM of the SOA record is used; write $TTL 3600, for example, before it")
        }
        guard let used else {
            return diagnose(place, "the record has no TTL; write $TTL 3600 as the file's first line")
        }
        switch owner {
        case .none:
            diagnose(
                place,
                "the record has no owner: it begins with a space, and there is no record before it; write the owner")
        case .outside: break
        case .name(0) where type == .ds: warn(place, ParsedZone.dsAtApex)
        case .name(let name) where type == .soa && name != 0:
            warn(
                place,
                "an SOA record at \(contents.names.text(of: Int(name))), which is not the apex of the zone; it is left out"
            )
        case .name(let name):
            let text = data.text
            contents.append(
                name: name, type: type, ttl: used, text: text.span, place: self.place(place.text.lowerBound))
        }
    }

    private mutating func setOwner(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>) {
        if isPlainLabel(bytes.extracting(token.text)) {
            let name = contents.insert(label: bytes.extracting(token.text), below: originKey)
            owner = .name(name)
            return warnOfRepeatedOrigin(token, bytes, name)
        }
        wire.removeAll(keepingCapacity: true)
        do throws(NameError) {
            try DomainName.appendWire(bytes.extracting(token.text).span, relativeTo: origin, to: &wire)
        } catch {
            // The following records without an owner are skipped; one error is enough.
            owner = .outside
            return diagnose(token, "'\(string(token, bytes))' is not a valid domain name: \(error)")
        }
        let name = wire
        if let name = contents.insert(wire: name.span) {
            owner = .name(name)
            warnOfRepeatedOrigin(token, bytes, name)
        } else {
            owner = .outside
            warn(
                token,
                "\(string(token, bytes)) is not in the zone \(contents.apex), and left out; a name without a final dot is relative to \(origin)"
            )
        }
    }

    /// Whether a token is a single label below the origin that needs no escapes. Most owners are, and take a faster
    /// path.
    private func isPlainLabel(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !originKey.isEmpty, 1...63 ~= text.count, text.count + 1 + origin.wire.count <= 255,
            text.count > 1 || text[0] != UInt8(ascii: "@")
        else { return false }
        return text.allSatisfy { 0x21...0x7e ~= $0 && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "\\") }
    }

    /// Warns about an owner without a final dot that ends with the origin, which is then appended once more.
    private mutating func warnOfRepeatedOrigin(_ token: Token, _ bytes: UnsafeBufferPointer<UInt8>, _ name: Int32) {
        guard ends(token, with: originText, bytes), !repeatedOwners.contains(name) else { return }
        repeatedOwners.insert(name)
        let text = string(token, bytes)
        warn(
            token,
            "'\(text)' has no final dot, so it means \(text).\(origin), with the origin twice; write '\(text).', or '\(text).\(origin).' if you mean that"
        )
    }

    /// Whether a token is `suffix`, which is in lower case, or ends with a dot and `suffix`.
    func ends(_ token: Token, with suffix: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let rest = token.text.count - suffix.count
        guard !suffix.isEmpty, rest >= 0 else { return false }
        let start = token.text.lowerBound + rest
        guard rest == 0 || bytes[start - 1] == UInt8(ascii: ".") else { return false }
        for i in suffix.indices.reversed() where lowerCase(bytes[start + i]) != suffix[i] { return false }
        return true
    }

    /// Caps a TTL at 2^31 - 1. RFC 8767 section 4 allows 32 bits, but resolvers that follow RFC 2181 section 8 take
    /// larger values for 0.
    mutating func limited(_ seconds: UInt64, _ token: Token) -> UInt32 {
        guard seconds > Int32.max else { return UInt32(seconds) }
        guard seconds <= UInt32.max else {
            diagnose(token, "a TTL is too large for 32 bits; write at most 2147483647")
            return 0
        }
        warn(
            token,
            "a TTL above 2147483647; 2147483647 is served instead, because older resolvers take a larger one for 0 (RFC 8767 section 4); write a smaller one"
        )
        return UInt32(Int32.max)
    }
}

/// Whether a token is the class IN; `nil` if it is not a class (RFC 1035 section 3.2.4, RFC 3597 section 5).
private func classIsInternet(_ text: Span<UInt8>) -> Bool? {
    func has(_ name: StaticString) -> Bool {
        guard text.count >= name.utf8CodeUnitCount else { return false }
        for i in 0..<name.utf8CodeUnitCount where lowerCase(text[i]) != name.utf8Start[i] { return false }
        return true
    }
    switch text.count {
    case 2: return has("in") ? true : has("ch") || has("hs") || has("cs") ? false : nil
    case 6...10:
        guard has("class") else { return nil }
        for i in 5..<text.count where !isDigit(text[i]) { return nil }
        return text.count == 6 && text[5] == UInt8(ascii: "1")
    default: return nil
    }
}
