extension RecordReader {
    /// Returns the names of the fields of the record at `offset`; a nested field as `country.iso_code`.
    func fieldNames(at offset: UInt32) throws(Malformed) -> [String] {
        var result: [String] = []
        func name(_ key: DataSection.Key) -> String { String(decoding: key.bytes.prefix(64), as: UTF8.self) }
        try data.forEachEntry(of: try data.record(at: offset)) { key, value throws(Malformed) in
            var inside: [String] = []
            if try data.isMap(value) {
                try data.forEachEntry(of: value) { key, _ throws(Malformed) in
                    inside.append(name(key))
                    return .next
                }
            }
            result += inside.isEmpty ? [name(key)] : inside.map { "\(name(key)).\($0)" }
            return .next
        }
        return result
    }
}
