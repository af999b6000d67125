extension RecordReader {
    mutating func takeSubdivisions(
        _ draft: inout Draft, _ gazetteer: inout Gazetteer
    ) throws(Malformed) {
        if let list = draft.subdivisions {
            draft.entry.subdivisions = try subdivisions(list, draft.entry.country, &gazetteer)
        } else if draft.regionCode != nil || draft.region != nil {
            draft.entry.subdivisions = try regions(draft, &gazetteer)
        }
    }

    mutating func subdivisions(
        _ list: Value, _ country: UInt16, _ gazetteer: inout Gazetteer
    ) throws(Malformed) -> UInt32 {
        let key = UInt64(country) << 32 | UInt64(list.offset)
        if let number = subdivisions[key] { return number }
        var codes: [SubdivisionCode] = []
        let country = gazetteer.countries[Int(country)]!
        try data.forEachElement(of: list) { element throws(Malformed) in
            guard codes.count < Self.maxSubdivisions else { return }
            var code: SubdivisionCode?
            var name: Value?
            var names: Value?
            try data.forEachEntry(of: element) { key, value throws(Malformed) in
                if "iso_code" ~= key || "code" ~= key {
                    code = try data.text(value).flatMap { Self.subdivision(country, $0) }
                } else if "names" ~= key {
                    names = value
                } else if "name" ~= key {
                    name = value
                }
                return .next
            }
            var text: String?
            if let names { text = try englishName(names) }
            if text == nil, let name { text = try Self.name(data.text(name)) }
            add(code, text, country, to: &codes)
        }
        let number = gazetteer.number(ofSubdivisions: codes)
        subdivisions.insert(key, number)
        return number
    }

    /// Returns the number of the list of subdivisions of a flat record.
    mutating func regions(_ draft: Draft, _ gazetteer: inout Gazetteer) throws(Malformed) -> UInt32 {
        let country = gazetteer.countries[Int(draft.entry.country)]!
        var codes: [SubdivisionCode] = []
        func name(_ value: Value?) throws(Malformed) -> String? {
            guard let value else { return nil }
            return try Self.name(data.text(value))
        }
        var code: SubdivisionCode?
        if let value = draft.regionCode { code = try data.text(value).flatMap { Self.subdivision(country, $0) } }
        add(code, try name(draft.region), country, to: &codes)
        if let subregion = try name(draft.subregion) { add(nil, subregion, country, to: &codes) }
        return gazetteer.number(ofSubdivisions: codes)
    }

    /// Adds a subdivision by its code and, if rules use names, by its name. The code counts as narrower than the name,
    /// so that the rule for the code takes precedence.
    mutating func add(
        _ code: SubdivisionCode?, _ name: String?, _ country: PlaceCode, to codes: inout [SubdivisionCode]
    ) {
        if let name {
            if code == nil { hasSubdivisionsWithoutCode = true }
            if fields.contains(.subdivisionNames), let named = SubdivisionCode(country: country, name: name) {
                codes.append(named)
            }
        }
        if let code { codes.append(code) }
    }

    /// Returns the subdivision of a code with or without its country, `US-CA` or `CA`; `nil` if it is invalid.
    static func subdivision(_ country: PlaceCode, _ code: UnsafeRawBufferPointer) -> SubdivisionCode? {
        guard code.count <= maxTextLength else { return nil }
        let text = String(decoding: code, as: UTF8.self)
        if let whole = SubdivisionCode(text), !whole.isName { return whole.country == country ? whole : nil }
        return SubdivisionCode(country: country, code: text)
    }
}
