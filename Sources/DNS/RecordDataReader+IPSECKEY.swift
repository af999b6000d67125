extension RecordDataReader {
    /// Reads the fields of IPSECKEY (RFC 4025 section 3).
    mutating func readIPSECKEY(_ names: NameRule) throws(ContentError) {
        append(try readNumber(max: 0xff), bytes: 1)
        let gateway = try readNumber(max: 3)
        append(gateway, bytes: 1)
        append(try readNumber(max: 0xff), bytes: 1)
        switch gateway {
        case 1: try read(.ipv4, names)
        case 2: try read(.ipv6, names)
        case 3: try read(.name, names)
        default:
            // Zone files that pdns writes itself have no dot here.
            if next < tokens.count, source[tokens[tokens.startIndex + next].text].elementsEqual(".".utf8) { next += 1 }
        }
        if next < tokens.count { try readBase64() }
    }
}
