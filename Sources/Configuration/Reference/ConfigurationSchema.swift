import Platform

/// The configuration as a JSON Schema (draft 2020-12), for editors. It accepts all that the parser accepts, and rejects
/// unknown keys and values of another kind. It does not contain what only the parser knows, such as the names of
/// datacenters.
package enum ConfigurationSchema {
    package static var document: JSON {
        var definitions: [(name: String, value: JSON)] = KeyGroup.all.map { ($0.name, schema(of: $0)) }
        definitions += [("destination", destination), ("destinationPart", destinationPart)]
        return .object([
            ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            ("title", .text("The configuration of geopipe")),
            ("$ref", reference(KeyGroup.configuration.name)),
            ("$defs", .object(definitions)),
        ])
    }

    private static func reference(_ name: String) -> JSON { .text("#/$defs/\(name)") }

    private static func schema(of group: KeyGroup) -> JSON {
        let needsNothing = group.required.isEmpty && group.alternatives.isEmpty
        var members: [(name: String, value: JSON)] = [
            ("description", .text(plainText(group.text))),
            // `oslo:` with nothing after it is an empty mapping.
            ("type", needsNothing ? .list([.text("object"), .text("null")]) : .text("object")),
            ("properties", .object(group.keys.map { ($0.name, schema(of: $0)) })),
        ]
        if let others = group.others {
            members.append(("patternProperties", .object([(others.pattern ?? "", schema(of: others.value))])))
        }
        members.append(("additionalProperties", .boolean(false)))
        let required = JSON.list(group.required.map(JSON.text))
        if let substitute = group.substitute {
            members.append(
                ("anyOf", .list([needing([.text(substitute)]), .object([("required", required)])])))
        } else if !group.required.isEmpty {
            members.append(("required", required))
        }
        if !group.alternatives.isEmpty {
            members.append(("oneOf", .list(group.alternatives.map { needing([.text($0)]) })))
        }
        return .object(members)
    }

    private static func needing(_ keys: [JSON]) -> JSON { .object([("required", .list(keys))]) }

    private static func schema(of key: Key) -> JSON {
        var members: [(name: String, value: JSON)] = [("description", .text(plainText(key.text)))]
        if let usual = key.usual.flatMap({ JSON(yaml: $0) }) { members.append(("default", usual)) }
        if case .object(let example)? = JSON(yaml: "{ \(key.example) }"),
            let value = example.first(where: { $0.name == key.name })?.value
        {
            members.append(("examples", .list([value])))
        }
        guard case .object(let form) = schema(of: key.form) else { return .object(members) }
        return .object(members + form)
    }

    private static func schema(of form: Form) -> JSON {
        switch form {
        case .scalar(let scalar): return schema(of: scalar)
        case .group(let group): return .object([("$ref", reference(group.name))])
        case .destination: return .object([("$ref", reference("destination"))])
        case .destinationPart: return .object([("$ref", reference("destinationPart"))])
        case .names(let names): return mapping(of: names)
        case .strictList(let item, let atLeast, let atMost): return list(of: schema(of: item), atLeast, atMost)
        case .list(let item, let mayBeEmpty):
            return anyOf(alternatives(of: item) + [list(of: schema(of: item), mayBeEmpty ? 0 : 1, nil)])
        case .either(let forms): return anyOf(forms.flatMap(alternatives))
        }
    }

    /// Returns the schemas of a form, one of which must match.
    private static func alternatives(of form: Form) -> [JSON] {
        switch form {
        case .either(let forms): forms.flatMap(alternatives)
        case .list(let item, let mayBeEmpty):
            alternatives(of: item) + [list(of: schema(of: item), mayBeEmpty ? 0 : 1, nil)]
        default: [schema(of: form)]
        }
    }

    private static func anyOf(_ schemas: [JSON]) -> JSON { .object([("anyOf", .list(schemas))]) }

    private static func list(of item: JSON, _ atLeast: Int, _ atMost: Int?) -> JSON {
        var members: [(name: String, value: JSON)] = [("type", .text("array")), ("items", item)]
        if atLeast > 0 { members.append(("minItems", .integer(atLeast))) }
        if let atMost { members.append(("maxItems", .integer(atMost))) }
        return .object(members)
    }

    private static func mapping(of names: NamedForm) -> JSON {
        let value = schema(of: names.value)
        var members: [(name: String, value: JSON)] = [
            ("type", names.mayBeEmpty ? .list([.text("object"), .text("null")]) : .text("object"))
        ]
        if let pattern = names.pattern {
            members += [("patternProperties", .object([(pattern, value)])), ("additionalProperties", .boolean(false))]
        } else {
            members.append(("additionalProperties", value))
        }
        if !names.mayBeEmpty { members.append(("minProperties", .integer(1))) }
        return .object(members)
    }

    private static func schema(of scalar: Scalar) -> JSON {
        if scalar.words == ["true", "false"] {
            let text = JSON.object([("type", .text("string")), ("pattern", .text("^(true|false)$"))])
            return anyOf([.object([("type", .text("boolean"))]), text])
        }
        if !scalar.words.isEmpty { return .object([("enum", .list(scalar.words.map(JSON.text)))]) }
        guard scalar.numbers != nil || scalar.pattern != nil else {
            return .object([("type", .list([.text("string"), .text("number"), .text("boolean")]))])
        }
        var types: [JSON] = [.text("string")]
        var members: [(name: String, value: JSON)] = []
        if let numbers = scalar.numbers {
            types.append(.text(scalar.isWhole ? "integer" : "number"))
            members.append(("minimum", .number(numbers.lowerBound)))
            // A higher limit has no effect in practice.
            if numbers.upperBound < 1e15 { members.append(("maximum", .number(numbers.upperBound))) }
        }
        if let pattern = scalar.pattern { members.append(("pattern", .text(pattern))) }
        return .object([("type", types.count == 1 ? types[0] : .list(types))] + members)
    }

    private static var destination: JSON {
        let datacenter = JSON.object([
            ("type", .list([.text("string"), .text("number"), .text("boolean")])),
            ("description", .text("the name of a datacenter, nearest, or none")),
        ])
        let weights = mapping(
            of: .init("DATACENTER", pattern: KeyGroup.datacenterPattern, mayBeEmpty: false, Scalar.count()))
        let part = JSON.object([("$ref", reference("destinationPart"))])
        return .object([
            ("description", .text("Where a rule sends its clients.")),
            (
                "anyOf",
                .list(
                    [datacenter, list(of: part, 1, nil), weights]
                        + KeyGroup.destinations.map { .object([("$ref", reference($0.name))]) })
            ),
        ])
    }

    private static var destinationPart: JSON {
        let spreads = JSON.object([("type", .text("object")), ("required", .list([.text("then")]))])
        return .object([
            ("description", .text("A destination inside a list: it has no then, and is not none.")),
            (
                "allOf",
                .list([
                    .object([("$ref", reference("destination"))]), .object([("not", spreads)]),
                    .object([("not", .object([("enum", .list([.text("none")]))]))]),
                ])
            ),
        ])
    }

    /// Returns Markdown text without its backquotes.
    private static func plainText(_ markdown: String) -> String { markdown.filter { $0 != "`" } }
}

extension KeyGroup {
    /// All groups, each after the group that first refers to it.
    package static var all: [KeyGroup] {
        var found: [KeyGroup] = []
        func visit(_ group: KeyGroup) {
            guard !found.contains(where: { $0.name == group.name }) else { return }
            found.append(group)
            for key in group.keys { key.form.groups.forEach(visit) }
        }
        visit(.configuration)
        return found
    }
}

extension Form {
    /// The groups that may be used there, also in a list or under a name.
    var groups: [KeyGroup] {
        switch self {
        case .scalar: []
        case .group(let group): [group]
        case .names(let names): names.value.groups
        case .list(let form, _): form.groups
        case .strictList(let form, _, _): form.groups
        case .either(let forms): forms.flatMap(\.groups)
        case .destination, .destinationPart: KeyGroup.destinations
        }
    }
}
