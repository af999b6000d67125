/// A value of a YAML document, and where it begins. An alias is the value of its anchor; tags mean nothing.
struct YAMLNode {
    /// What kind of value it is.
    enum Value {
        case scalar(Scalar)
        case sequence([YAMLNode])
        /// In the order of the file. No two keys are the same text.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    /// A text as it is written: `NO` and `010` are texts.
    struct Scalar {
        var string: String
        /// Whether it stands there without quotation marks, `|` or `>`.
        var isPlain: Bool
    }

    var value: Value
    /// Where it begins; for an alias, where the value of its anchor begins.
    var position: Diagnostic.Position

    /// The text, if it is one.
    var scalar: Scalar? {
        guard case .scalar(let scalar) = value else { return nil }
        return scalar
    }

    /// The keys with their values, if it is a mapping.
    var mapping: [(key: YAMLNode, value: YAMLNode)]? {
        guard case .mapping(let mapping) = value else { return nil }
        return mapping
    }
}
