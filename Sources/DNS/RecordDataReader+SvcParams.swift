import Glibc

extension RecordDataReader {
    /// Drops the parameters of an alias record, which clients ignore (RFC 9460 section 2.4.2) and pdns refuses, and
    /// warns about records that clients ignore. It ignores malformed data, because writing the data as text reports the
    /// error.
    mutating func checkSvcParams(isGeneric: Bool) {
        var position = 2
        while position < wire.count, wire[position] != 0 { position += Int(wire[position]) + 1 }
        position += 1
        guard position < wire.count else { return }
        let start = position
        var keys: [UInt16] = []
        var mandatory: [UInt16] = []
        while position + 4 <= wire.count {
            let key = UInt16(wire[position]) << 8 | UInt16(wire[position + 1])
            let end = position + 4 + Int(wire[position + 2]) << 8 + Int(wire[position + 3])
            if key == 0, end <= wire.count {
                for i in stride(from: position + 4, to: end - 1, by: 2) {
                    mandatory.append(UInt16(wire[i]) << 8 | UInt16(wire[i + 1]))
                }
            }
            keys.append(key)
            position = end
        }
        guard position == wire.count else { return }
        next = isGeneric ? 1 : min(3, tokens.count)
        if wire[0] == 0, wire[1] == 0 {
            wire.removeSubrange(start...)
            return warn("an alias record, of priority 0, has no parameters (RFC 9460 section 2.4.2); they are left out")
        }
        if keys.contains(2), !keys.contains(1) {
            warn(
                "no-default-alpn without alpn: clients ignore the record (RFC 9460 section 7.1.1); add alpn")
        }
        if let missing = mandatory.first(where: { $0 == 0 || !keys.contains($0) }) {
            let name = Int(missing) < svcParamKeyNames.count ? svcParamKeyNames[Int(missing)] : "key\(missing)"
            warn(
                missing == 0
                    ? "'mandatory' lists itself: clients ignore the record (RFC 9460 section 8); remove it from the list"
                    : "'mandatory' lists \(name), which the record lacks: clients ignore the record (RFC 9460 section 8); add \(name)"
            )
        }
    }

    /// Reads `key=value`, `key="value"` or `key` (RFC 9460 section 2.1), and inserts it by its key among the
    /// parameters, which begin at `start` in `wire`.
    mutating func readSvcParam(start: Int) throws(ContentError) {
        let what = "a parameter, such as alpn=h2 or key667=text"
        let token = try token(what)
        let equalSign = token.firstIndex(of: UInt8(ascii: "="))
        guard let key = svcParamKey(UnsafeBufferPointer(rebasing: token[..<(equalSign ?? token.count)])) else {
            throw expected(what)
        }
        var text = UnsafeBufferPointer(rebasing: token[(equalSign.map { $0 + 1 } ?? token.count)...])
        if text.first == UInt8(ascii: "\"") {
            guard text.count >= 2, text.last == UInt8(ascii: "\"") else { throw expected(what) }
            text = UnsafeBufferPointer(rebasing: text[1..<(text.count - 1)])
        }
        let position = wire.count
        append(UInt64(key), bytes: 2)
        append(0, bytes: 2)
        if token.starts(with: "key".utf8) {
            try appendUnescaped(text)
        } else {
            try appendValue(text, of: key)
        }
        let length = wire.count - position - 4
        guard length < 1 << 16 else { throw expected("at most 65535 bytes") }
        wire[position + 2] = UInt8(length >> 8)
        wire[position + 3] = UInt8(length & 0xff)
        try insertSvcParam(at: position, key, start: start)
    }

    /// Moves the last parameter, at `position`, before those with higher keys. Three reversals exchange two adjacent
    /// ranges in place.
    mutating func insertSvcParam(at position: Int, _ key: UInt16, start: Int) throws(ContentError) {
        var place = start
        while place < position {
            let other = UInt16(wire[place]) << 8 | UInt16(wire[place + 1])
            guard other != key else { throw expected("each parameter once") }
            if other > key { break }
            place += 4 + Int(wire[place + 2]) << 8 + Int(wire[place + 3])
        }
        reverse(place..<position)
        reverse(position..<wire.count)
        reverse(place..<wire.count)
    }

    mutating func reverse(_ range: Range<Int>) {
        for i in 0..<(range.count / 2) { wire.swapAt(range.lowerBound + i, range.upperBound - 1 - i) }
    }

    /// Reads the value of a named key in its own presentation format: a list with commas, a number, or addresses.
    mutating func appendValue(_ text: UnsafeBufferPointer<UInt8>, of key: UInt16) throws(ContentError) {
        switch key {
        case 0:
            types.removeAll(keepingCapacity: true)
            try forEachItem(of: text) { reader, item throws(ContentError) in
                guard let key = svcParamKey(item) else { throw reader.expected("a list of parameter names") }
                reader.types.append(key)
            }
            types.sort()
            for key in types { append(UInt64(key), bytes: 2) }
        case 1:
            try forEachItem(of: text) { reader, item throws(ContentError) in
                guard 1...255 ~= item.count else { throw reader.expected("protocols of 1 to 255 bytes") }
                reader.append(UInt64(item.count), bytes: 1)
                reader.wire.append(contentsOf: item)
            }
        case 2, 8:
            guard text.isEmpty else { throw expected("no value for \(svcParamKeyNames[Int(key)])") }
        case 9:
            try forEachItem(of: text) { reader, item throws(ContentError) in
                guard let group = number(item, max: 0xffff) else {
                    throw reader.expected("a list of group numbers up to 65535")
                }
                reader.append(group, bytes: 2)
            }
        case 3:
            guard let port = number(text, max: 0xffff) else { throw expected("a port up to 65535") }
            append(port, bytes: 2)
        case 4, 6:
            if text.elementsEqual("auto".utf8) {
                // Not an error of the whole zone: only this record is left out.
                throw .unservable(
                    "pdns replaces auto by a look-up without a client, so that the hint would be for another place; write the addresses, or leave the parameter out"
                )
            }
            try forEachItem(of: text) { reader, item throws(ContentError) in
                try reader.appendAddress(key == 4 ? AF_INET : AF_INET6, item)
            }
        case 5:
            var decoder = Base64Decoder()
            try append(text, &decoder)
            guard decoder.isComplete else { throw expected("base64 digits, filled up with = to a multiple of four") }
        default:
            try appendUnescaped(text)
        }
    }

    /// Calls `body` for each item of a comma-separated list (RFC 9460 appendix A.1). Escapes are decoded twice: first
    /// as a text, then as a list.
    mutating func forEachItem(
        of text: UnsafeBufferPointer<UInt8>,
        _ body: (inout RecordDataReader, UnsafeBufferPointer<UInt8>) throws(ContentError) -> Void
    ) throws(ContentError) {
        var item: [UInt8] = []
        swap(&item, &value)
        defer { swap(&item, &value) }
        item.removeAll(keepingCapacity: true)
        var i = 0
        func nextByte() throws(ContentError) -> UInt8? {
            guard i < text.count else { return nil }
            guard let (byte, next) = unescape(text.span, at: i) else {
                throw expected("three digits up to 255 after a backslash")
            }
            i = next
            return byte
        }
        while true {
            let byte = try nextByte()
            if let byte, byte != UInt8(ascii: ",") {
                item.append(byte == UInt8(ascii: "\\") ? try nextByte() ?? byte : byte)
            } else {
                try item.withUnsafeBufferPointer { item throws(ContentError) in try body(&self, item) }
                item.removeAll(keepingCapacity: true)
                if byte == nil { return }
            }
        }
    }
}
