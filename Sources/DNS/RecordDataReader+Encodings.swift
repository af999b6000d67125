/// Bytes in hexadecimal, base32hex and base64.
extension RecordDataReader {
    /// Reads the remaining tokens, if any, as hexadecimal digits.
    mutating func readHex() throws(ContentError) {
        var high: UInt8?
        while next < tokens.count {
            for byte in try token("") {
                guard let digit = hexValue(byte) else { throw expected("hexadecimal digits") }
                if let first = high { wire.append(first << 4 | digit) }
                high = high == nil ? digit : nil
            }
        }
        guard high == nil else { throw expected("two hexadecimal digits for each byte") }
    }

    /// Reads the remaining tokens, at least one, as base64 (RFC 4648 section 4).
    mutating func readBase64() throws(ContentError) {
        var decoder = Base64Decoder()
        repeat { try append(try token("base64 digits"), &decoder) } while next < tokens.count
        guard decoder.isComplete else { throw expected("base64 digits, filled up with = to a multiple of four") }
    }

    mutating func append(
        _ text: UnsafeBufferPointer<UInt8>, _ decoder: inout Base64Decoder
    ) throws(ContentError) {
        for digit in text {
            guard decoder.append(digit, to: &wire) else { throw expected("base64 digits") }
        }
    }

    mutating func readNSEC3Salt() throws(ContentError) {
        let salt = try token("a salt")
        if salt.elementsEqual("-".utf8) { return wire.append(0) }
        guard salt.count > 0, salt.count % 2 == 0, salt.count <= 510 else {
            throw expected("a salt of up to 255 bytes in hexadecimal digits, or -")
        }
        append(UInt64(salt.count / 2), bytes: 1)
        for i in stride(from: 0, to: salt.count, by: 2) {
            guard let high = hexValue(salt[i]), let low = hexValue(salt[i + 1]) else {
                throw expected("a salt in hexadecimal digits, or -")
            }
            wire.append(high << 4 | low)
        }
    }

    /// Reads base32hex without padding (RFC 4648 section 7).
    mutating func readNextHashedOwner() throws(ContentError) {
        let hash = try token("a hash in base32 digits")
        guard 1...255 ~= hash.count * 5 / 8 else {
            throw expected("a hash in base32 digits")
        }
        append(UInt64(hash.count * 5 / 8), bytes: 1)
        var bits: UInt32 = 0
        var count = 0
        for byte in hash {
            let value: UInt8
            switch lowerCase(byte) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "v"): value = lowerCase(byte) - UInt8(ascii: "a") + 10
            default: throw expected("a hash in base32 digits, 0 to 9 and A to V")
            }
            bits = bits << 5 | UInt32(value)
            count += 5
            if count >= 8 {
                count -= 8
                wire.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        guard count < 5, bits & (1 << UInt32(count) - 1) == 0 else { throw expected("a whole hash in base32 digits") }
    }

    mutating func readHexGroups(count: Int, separator: Unicode.Scalar) throws(ContentError) {
        func what() -> String { "\(count) bytes in hexadecimal digits with \(separator) between them" }
        let token = try token(what())
        guard token.count == 3 * count - 1 else { throw expected(what()) }
        for i in stride(from: 0, to: token.count, by: 3) {
            guard let high = hexValue(token[i]), let low = hexValue(token[i + 1]),
                i + 2 == token.count || token[i + 2] == UInt8(ascii: separator)
            else { throw expected(what()) }
            wire.append(high << 4 | low)
        }
    }

    mutating func readLocator() throws(ContentError) {
        let what = "four numbers of up to four hexadecimal digits with : between them"
        var groups = 0
        var number: UInt64 = 0
        var digits = 0
        for byte in try token(what) {
            if byte == UInt8(ascii: ":"), digits > 0 {
                append(number, bytes: 2)
                groups += 1
                (number, digits) = (0, 0)
            } else {
                guard let digit = hexValue(byte), digits < 4 else { throw expected(what) }
                number = number << 4 | UInt64(digit)
                digits += 1
            }
        }
        guard groups == 3, digits > 0 else { throw expected(what) }
        append(number, bytes: 2)
    }
}
