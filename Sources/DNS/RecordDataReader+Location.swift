extension RecordDataReader {
    /// Reads the fields of LOC (RFC 1876 section 3).
    mutating func readLocation() throws(ContentError) {
        let start = wire.count
        // The version, and the defaults of the size and the two precisions: 1 m, 10 km and 10 m.
        wire.append(contentsOf: [0, 0x12, 0x16, 0x13])
        try readAngle("N", "S", degrees: 90)
        try readAngle("E", "W", degrees: 180)
        let altitude = try readMetres(-10_000_000...4_284_967_295, "an altitude in metres from -100000 to 42849672.95")
        append(UInt64(altitude + 10_000_000), bytes: 4)
        for i in 1...3 where next < tokens.count {
            let centimetres = try readMetres(0...9_000_000_000, "a size in metres up to 90000000")
            var mantissa = centimetres
            var exponent: UInt8 = 0
            while mantissa > 9 {
                mantissa /= 10
                exponent += 1
            }
            wire[start + i] = UInt8(mantissa) << 4 | exponent
        }
    }

    /// Reads degrees, optional minutes, optional seconds, and a letter for the hemisphere.
    mutating func readAngle(
        _ positive: Unicode.Scalar, _ negative: Unicode.Scalar, degrees: UInt64
    ) throws(ContentError) {
        var milliseconds: UInt64 = 0
        for count in 0... {
            func what() -> String {
                count == 0 ? "degrees up to \(degrees)" : "minutes, seconds, or \(positive) or \(negative)"
            }
            let token = try token(what())
            if count > 0, isLetter(token, positive) || isLetter(token, negative) {
                guard milliseconds <= degrees * 3_600_000 else { throw expected("at most \(degrees) degrees") }
                let sum = isLetter(token, positive) ? 1 << 31 + milliseconds : 1 << 31 - milliseconds
                return append(sum, bytes: 4)
            }
            let value = count < 2 ? number(token, max: count == 0 ? degrees : 59).map { $0 * 1_000 } : decimal(token, 3)
            guard count < 3, let value, value < 60_000 || count == 0 else { throw expected(what()) }
            switch count {
            case 0: milliseconds += value * 3_600
            case 1: milliseconds += value * 60
            default: milliseconds += value
            }
        }
    }

    func isLetter(_ token: UnsafeBufferPointer<UInt8>, _ letter: Unicode.Scalar) -> Bool {
        token.count == 1 && lowerCase(token[0]) == lowerCase(UInt8(ascii: letter))
    }

    /// Reads metres with up to two decimals, with or without `m` after them, and returns centimetres.
    mutating func readMetres(_ range: ClosedRange<Int64>, _ what: String) throws(ContentError) -> Int64 {
        var token = try token(what)
        let isNegative = token.first == UInt8(ascii: "-")
        if isNegative || token.first == UInt8(ascii: "+") { token = UnsafeBufferPointer(rebasing: token.dropFirst()) }
        if let last = token.last, lowerCase(last) == UInt8(ascii: "m") {
            token = UnsafeBufferPointer(rebasing: token.dropLast())
        }
        guard let size = decimal(token, 2), case let value = isNegative ? -Int64(size) : Int64(size),
            range.contains(value)
        else { throw expected(what) }
        return value
    }
}
