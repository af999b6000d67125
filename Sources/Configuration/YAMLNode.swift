/// A value of a YAML document and its position. An alias is the value of its anchor; tags do not change it.
struct YAMLNode {
    enum Value {
        case scalar(Scalar)
        case sequence([YAMLNode])
        /// In the order of the file. No two keys are equal.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    /// A scalar as it is written: `NO` and `010` are strings.
    struct Scalar {
        var string: String
        /// Whether it is written without quotation marks, `|` or `>`.
        var isPlain: Bool
    }

    var value: Value
    /// The start of the value; for an alias, of the anchor's value.
    var position: Diagnostic.Position

    /// The scalar; `nil` for another kind of value.
    var scalar: Scalar? {
        guard case .scalar(let scalar) = value else { return nil }
        return scalar
    }

    /// The keys with their values; `nil` for another kind of value.
    var mapping: [(key: YAMLNode, value: YAMLNode)]? {
        guard case .mapping(let mapping) = value else { return nil }
        return mapping
    }
}
