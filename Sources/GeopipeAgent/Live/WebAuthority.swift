import Geography

/// The authority of a request: the host and port of `Host` (RFC 9110 section 7.2) or of an origin (RFC 6454).
struct WebAuthority: Equatable {
    /// In lower case; an address in the canonical form of `IPAddress`.
    let host: String
    /// `nil` if it is missing.
    var port: UInt16?
    /// Whether the host is an IP address, so that no name server can have forged it.
    let isAddress: Bool

    /// Parses `NAME`, `NAME.`, `ADDRESS` or `[IPV6-ADDRESS]`, each with or without `:PORT`. `nil` for anything else,
    /// such as a user, a path, a zone of an address, or an address in an uncommon form.
    init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let end: Int
        if bytes.first == UInt8(ascii: "[") {
            guard let closing = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            guard !bytes.contains(UInt8(ascii: "%")),
                case .v6(let bits)? = IPAddress(String(decoding: bytes[1..<closing], as: UTF8.self))
            else {
                return nil
            }
            (host, isAddress, end) = ("\(IPAddress.v6(bits))", true, closing + 1)
        } else {
            end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            var name = String(decoding: bytes[..<end], as: UTF8.self).lowercased()
            // A name may end with the root dot.
            if name.hasSuffix(".") { name.removeLast() }
            guard Self.isName(name) else { return nil }
            host = name
            if case .v4? = IPAddress(name) { isAddress = true } else { isAddress = false }
        }
        guard end < bytes.count else { return }
        let digits = bytes[(end + 1)...]
        guard bytes[end] == UInt8(ascii: ":"), 1...5 ~= digits.count,
            digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let port = UInt16(String(decoding: digits, as: UTF8.self))
        else { return nil }
        self.port = port
    }

    /// Returns whether a text is a valid value of `--live-host`: letters, digits, hyphens, underscores and dots.
    static func isName(_ text: String) -> Bool {
        1...253 ~= text.utf8.count && !text.hasPrefix(".") && !text.hasSuffix(".")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// Returns whether an origin is that of this server's pages: `http` or `https`, the same host and the same port.
    func isOrigin(_ origin: String) -> Bool {
        for (scheme, usual) in [("http://", UInt16(80)), ("https://", UInt16(443))] {
            guard origin.lowercased().hasPrefix(scheme), var other = WebAuthority(origin.dropFirst(scheme.count)) else {
                continue
            }
            var own = self
            // A browser leaves out the default port, and a proxy may not.
            if own.port == nil { own.port = usual }
            if other.port == nil { other.port = usual }
            return own == other
        }
        return false
    }
}
