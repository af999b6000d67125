/// A mapping of the configuration with fixed keys. The parser takes its keys from here, so that every key has a
/// description; the schema, the reference and the man page are generated from it.
package struct KeyGroup: Sendable {
    /// A short name, unique among all groups, which the schema uses: `datacenter`.
    package let name: String
    /// Its purpose, in one or two sentences.
    package let text: String
    package let keys: [Key]
    /// A group that has the same keys, except for some of `keys` and their defaults; `nil` if there is none.
    package let base: String?
    package let names: [String]
    /// The names of required keys.
    let required: [String]
    /// A key that replaces the required ones.
    let substitute: String?
    /// Keys of which exactly one is required; empty if there is no such choice.
    let alternatives: [String]
    /// The form of further keys; `nil` if none are allowed.
    let others: NamedForm?

    init(
        _ name: String, _ text: String, like base: String? = nil, keys: [Key], unless substitute: String? = nil,
        oneOf alternatives: [String] = [],
        others: NamedForm? = nil
    ) {
        self.name = name
        self.text = text
        self.keys = keys
        self.base = base
        self.names = keys.map(\.name)
        self.required = keys.filter(\.isRequired).map(\.name)
        self.substitute = substitute
        self.alternatives = alternatives
        self.others = others
    }
}

package struct Key: Sendable {
    package let name: String
    package let isRequired: Bool
    package let form: Form
    /// The default, as YAML; `nil` if no value expresses it.
    package let usual: String?
    /// Its meaning, in one or two sentences of Markdown.
    package let text: String
    /// The key with a value, and with the keys that it needs next to it, as the inside of a YAML flow mapping.
    package let example: String

    init(
        _ name: String, _ form: Form, required isRequired: Bool = false, usual: String? = nil, _ text: String,
        example: String
    ) {
        self.name = name
        self.isRequired = isRequired
        self.form = form
        self.usual = usual
        self.text = text
        self.example = example
    }
}

/// The form of a value in the configuration.
package indirect enum Form: Sendable {
    case scalar(Scalar)
    case group(KeyGroup)
    /// A mapping from names that the user chooses, or that name places.
    case names(NamedForm)
    /// One value, or a list of them.
    case list(Form, mayBeEmpty: Bool)
    /// A list, and nothing else.
    case strictList(Form, atLeast: Int, atMost: Int?)
    case either([Form])
    /// Where a rule sends its clients. It may contain other destinations, and so is recursive.
    case destination
    /// A destination inside a list.
    case destinationPart
}

/// A mapping whose keys are not fixed.
package struct NamedForm: Sendable {
    /// The word for the key in a path: `NAME`.
    let placeholder: String
    /// A regular expression (ECMA-262) that keys must match; `nil` for any string.
    let pattern: String?
    let value: Form
    /// Whether it may have no entry.
    let mayBeEmpty: Bool

    init(_ placeholder: String, pattern: String? = nil, mayBeEmpty: Bool = true, _ value: Form) {
        self.placeholder = placeholder
        self.pattern = pattern
        self.value = value
        self.mayBeEmpty = mayBeEmpty
    }
}

/// A value that is one scalar.
package struct Scalar: Sendable {
    /// Its noun, range and unit: `a time, from 1 s`.
    let noun: String
    /// The accepted words; empty if there are others.
    var words: [String] = []
    /// The accepted numbers; `nil` if it is not a number.
    var numbers: ClosedRange<Double>?
    /// Whether numbers must be whole.
    var isWhole = false
    /// A regular expression (ECMA-262) that a string must match; `nil`, without `numbers`, accepts any.
    var pattern: String?

    /// Any string, such as a path or a name. Editors take plain scalars for numbers or Booleans if they look like it;
    /// the parser takes them as strings.
    static func text(_ noun: String) -> Form { .scalar(.init(noun: noun)) }

    static func pattern(_ noun: String, _ pattern: String) -> Form { .scalar(.init(noun: noun, pattern: pattern)) }

    static func words(_ words: String...) -> Form {
        .scalar(.init(noun: words.map { "`\($0)`" }.joined(separator: " or "), words: words))
    }

    static let boolean = words("true", "false")

    /// A duration in whole seconds.
    static func seconds(from least: UInt32) -> Form {
        .scalar(
            .init(
                noun: least == 0 ? "a time" : "a time, at least \(least) s",
                numbers: Double(least)...2_147_483_647, isWhole: true,
                pattern: #"^([0-9]+|([0-9]+[smhdwSMHDW])+)$"#))
    }

    /// A whole number.
    static func count(_ range: ClosedRange<Int> = 1...1_000_000) -> Form { whole("a whole number", range) }

    static func whole(_ noun: String, _ range: ClosedRange<Int>) -> Form {
        .scalar(
            .init(
                noun: "\(noun) from \(range.lowerBound) to \(range.upperBound)",
                numbers: Double(range.lowerBound)...Double(range.upperBound), isWhole: true,
                pattern: #"^\+?[0-9]+$"#))
    }

    /// A percentage, in whole percent.
    static func percent(from least: Int) -> Form {
        pattern("a percentage from `\(least)%` to `100%`, in whole percent", #"^\+?[0-9]+%$"#)
    }

    static let port = whole("a port", 1...65_535)
    static let address = pattern("an address, of IPv4 or IPv6", #"^[0-9a-fA-F:.]+$"#)
}
