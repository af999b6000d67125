/// A mapping of the configuration that has keys of its own. The parser takes its keys from here, so that there is no key without a
/// description, and the schema, the reference and the man page are made of the same.
package struct KeyGroup: Sendable {
    /// A short name, unique among all groups, by which the schema has it: `datacenter`.
    package let name: String
    /// One or two sentences about what it is for.
    package let text: String
    package let keys: [Key]
    /// A group that has the same keys, but for some of `keys` and their defaults; `nil` if there is none like it.
    package let base: String?
    /// The names of `keys`.
    package let names: [String]
    /// The names of those that have to be there.
    let required: [String]
    /// With this key, the required ones may be left out.
    let substitute: String?
    /// Exactly one of these has to be there; empty if there is no such choice.
    let alternatives: [String]
    /// What other keys it takes; `nil` if it takes none.
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

/// A key of a group.
package struct Key: Sendable {
    package let name: String
    package let isRequired: Bool
    package let form: Form
    /// What holds without it, as YAML; `nil` if there is no value that says the same.
    package let usual: String?
    /// One or two sentences, in Markdown.
    package let text: String
    /// The key with a value and with the keys that it needs beside it, as the inner part of a YAML flow mapping.
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

/// What may stand at a place of the configuration.
package indirect enum Form: Sendable {
    case scalar(Scalar)
    case group(KeyGroup)
    /// A mapping from names that people choose, or that stand for places.
    case names(NamedForm)
    /// One value, or a list of them.
    case list(Form, mayBeEmpty: Bool)
    /// A list and nothing else.
    case strictList(Form, atLeast: Int, atMost: Int?)
    case either([Form])
    /// Where a rule sends its clients. It may contain others, so that it stands for itself.
    case destination
    /// What may stand in a list of a destination.
    case destinationPart
}

/// A mapping of which the keys are no fixed words.
package struct NamedForm: Sendable {
    /// What stands for the key in a path: `NAME`.
    let placeholder: String
    /// What the keys have to be like, as a regular expression of ECMA-262; `nil` if any text will do.
    let pattern: String?
    let value: Form
    /// Whether there has to be one.
    let mayBeEmpty: Bool

    init(_ placeholder: String, pattern: String? = nil, mayBeEmpty: Bool = true, _ value: Form) {
        self.placeholder = placeholder
        self.pattern = pattern
        self.value = value
        self.mayBeEmpty = mayBeEmpty
    }
}

/// A value that is one text.
package struct Scalar: Sendable {
    /// What it is, and in which range and unit: `a time, from 1 s`.
    let noun: String
    /// The words that are taken, if there are no others.
    var words: [String] = []
    /// The numbers that are taken; `nil` if it is no number.
    var numbers: ClosedRange<Double>?
    /// Whether numbers are whole ones.
    var isWhole = false
    /// What a text has to be like, as a regular expression of ECMA-262; without, and without numbers, any will do.
    var pattern: String?

    /// Any text, such as a path or a name. Editors take a text without quotation marks for a number or a truth value where it looks
    /// like one, and the parser takes it as it is written.
    static func text(_ noun: String) -> Form { .scalar(.init(noun: noun)) }

    static func pattern(_ noun: String, _ pattern: String) -> Form { .scalar(.init(noun: noun, pattern: pattern)) }

    static func words(_ words: String...) -> Form {
        .scalar(.init(noun: words.map { "`\($0)`" }.joined(separator: " or "), words: words))
    }

    static let truth = words("true", "false")

    /// A time in whole seconds.
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

    /// A part in whole percent.
    static func percent(from least: Int) -> Form {
        pattern("a part from `\(least)%` to `100%`, in whole percent", #"^\+?[0-9]+%$"#)
    }

    static let port = whole("a port", 1...65_535)
    static let address = pattern("an address, of IPv4 or IPv6", #"^[0-9a-fA-F:.]+$"#)
}
