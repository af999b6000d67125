import Glibc

extension RecordDataReader {
    /// Reads an address prefix of APL (RFC 3123 section 5).
    mutating func readAPLItem() throws(ContentError) {
        let what = "a prefix, 1: for IPv4 or 2: for IPv6 before it and ! before that for an exception"
        var prefix = try token(what)
        let isNegated = prefix.first == UInt8(ascii: "!")
        if isNegated { prefix = UnsafeBufferPointer(rebasing: prefix.dropFirst()) }
        guard prefix.starts(with: "1:".utf8) || prefix.starts(with: "2:".utf8),
            let slash = prefix.firstIndex(of: UInt8(ascii: "/"))
        else { throw expected(what) }
        let isIPv4 = prefix[0] == UInt8(ascii: "1")
        guard let length = number(UnsafeBufferPointer(rebasing: prefix[(slash + 1)...]), max: isIPv4 ? 32 : 128) else {
            throw expected("a prefix length up to \(isIPv4 ? 32 : 128)")
        }
        append(isIPv4 ? 1 : 2, bytes: 2)
        append(length, bytes: 1)
        let lengthPosition = wire.count
        wire.append(0)
        try appendAddress(isIPv4 ? AF_INET : AF_INET6, UnsafeBufferPointer(rebasing: prefix[2..<slash]))
        // Host bits are cleared, and trailing zero bytes are not sent.
        wire.removeSubrange((lengthPosition + 1 + (Int(length) + 7) / 8)...)
        if length % 8 != 0 { wire[wire.count - 1] &= ~(0xff >> UInt8(length % 8)) }
        while wire.count > lengthPosition + 1, wire[wire.count - 1] == 0 { wire.removeLast() }
        wire[lengthPosition] = UInt8(wire.count - lengthPosition - 1) | (isNegated ? 0x80 : 0)
    }
}
