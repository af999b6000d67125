import Geography

/// Whom a request is for: the host and port of `Host` (RFC 9110 section 7.2) or of an origin (RFC 6454).
struct WebAuthority: Equatable {
    /// In lower case; an address in the form in which `IPAddress` writes it.
    let host: String
    /// `nil` if none is written.
    var port: UInt16?
    /// Whether the host is an IP address, so that no name server can have made it up.
    let isAddress: Bool

    /// Reads `NAME`, `NAME.`, `ADDRESS` or `[IPV6-ADDRESS]`, each with or without `:PORT`. `nil` for anything else, such as a user, a path, a zone
    /// of an address, or an address in a form that only some programs take for one.
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
            // A name may end in the dot of the root.
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

    /// Whether a text is a name as `--live-host` takes it: letters, digits, hyphens, underscores and dots.
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

    /// Whether an origin is the one of pages from here: `http` or `https`, the same host and the same port.
    func isOrigin(_ origin: String) -> Bool {
        for (scheme, usual) in [("http://", UInt16(80)), ("https://", UInt16(443))] {
            guard origin.lowercased().hasPrefix(scheme), var other = WebAuthority(origin.dropFirst(scheme.count)) else {
                continue
            }
            var own = self
            // A browser leaves out the usual port, and a proxy may not.
            if own.port == nil { own.port = usual }
            if other.port == nil { other.port = usual }
            return own == other
        }
        return false
    }
}
