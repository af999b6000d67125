/// The Markdown page that lists every key of the configuration.
package struct ReferencePage {
    private var lines: [String] = []
    /// The paths of the groups by name, for links.
    private let paths = KeyGroup.paths

    /// The page, with a line feed at its end.
    package static var markdown: String {
        var page = ReferencePage()
        page.write()
        // Items end with an empty line, and headings begin with one.
        let lines = page.lines.enumerated().filter { number, line in
            !line.isEmpty || number == 0 || !page.lines[number - 1].isEmpty
        }
        let text = lines.map(\.element).joined(separator: "\n")
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    private mutating func write() {
        lines = ["# The keys of the configuration", ""]
        lines += wrapped(
            "`make reference` generates this page from the descriptions that the parser of geopipe takes its keys from; do not edit it. `geopipe schema --markdown` prints it, and `geopipe schema` prints them as a JSON Schema for editors. [configuration.md](configuration.md) explains what the keys are for."
        )
        lines.append("")
        lines += wrapped(
            "In the paths, words in capitals stand for names that you choose, or for places, and `[]` for an item of a list. Unknown keys are errors. A time is a number of seconds, or has units as in `90s`, `15m`, `1h30m`, `2d` and `2w`; it is at most 2147483647 s."
        )
        let groups = KeyGroup.all.filter { paths[$0.name] != "" }
        lines.append("")
        lines += wrapped(
            "On this page: [the file](#the-file), \(groups.map(link(to:)).joined(separator: ", ")), [destinations](#destinations)."
        )
        for group in KeyGroup.all {
            // The groups of a destination may be used wherever a destination may.
            if group.name == KeyGroup.destinations.first?.name { writeDestination() }
            write(group)
        }
    }

    private mutating func write(_ group: KeyGroup) {
        let path = paths[group.name] ?? group.name
        lines += ["", "## \(path.isEmpty ? "The file" : "`\(path)`")", ""]
        lines += wrapped(group.text)
        let base = group.base.flatMap { name in KeyGroup.all.first { $0.name == name } }
        if let base { lines += ["", "It has the keys of \(link(to: base)), and:"] }
        lines.append("")
        for key in group.keys {
            let isTheSame = base?.keys.contains { $0.name == key.name && $0.usual == key.usual } ?? false
            if !isTheSame { write(key, in: group) }
        }
        if let others = group.others {
            lines += wrapped(
                "- **`\(others.placeholder)`**: \(words(for: others.value)). The key is a record type, or `TYPE` and its number.",
                indentation: "  ")
            lines.append("")
        }
    }

    private mutating func write(_ key: Key, in group: KeyGroup) {
        var facts = [words(for: key.form)]
        if key.isRequired {
            facts.append(group.substitute.map { "required without `\($0)`" } ?? "required")
        } else if let usual = key.usual {
            facts.append("default `\(usual)`")
        }
        lines += wrapped("- **`\(key.name)`**: \(facts.joined(separator: "; ")).", indentation: "  ")
        lines += [""] + wrapped(key.text).map { "  \($0)" }
        lines += ["", "  Example: `\(key.example)`", ""]
    }

    private mutating func writeDestination() {
        lines += ["", "## Destinations", ""]
        lines += wrapped("Where a rule sends its clients. One of:")
        lines.append("")
        lines += [
            "- the name of a datacenter, such as `oslo`",
            "- `nearest`: all datacenters that have a location, the nearest to the client first",
            "- `none`: no datacenter, so no record",
            "- a list of destinations, of which the first available one is used: `[oslo, ashburn]`",
            "- a mapping from datacenters to weights, whole numbers from 1 to 1000000: `{ oslo: 3, ashburn: 1 }`",
        ]
        for group in KeyGroup.destinations {
            lines.append("- \(link(to: group)): `{ \(group.keys[0].example) }`")
        }
        lines += ["", "A list may contain all of these except `none`, and without `then`."]
    }

    private func link(to group: KeyGroup) -> String {
        let path = paths[group.name] ?? group.name
        return "[`\(path)`](#\(Self.anchor(of: path)))"
    }

    /// Describes a form in words.
    private func words(for form: Form) -> String {
        switch form {
        case .scalar(let scalar): scalar.noun
        case .group(let group): "a mapping, \(link(to: group))"
        case .names(let names): "a mapping from \(names.placeholder) to \(words(for: names.value))"
        case .list(let item, _): "\(words(for: item)), or a list"
        case .strictList(let item, _, let count):
            "a list\(count.map { " of \($0)" } ?? ""), each \(words(for: item))"
        case .either(let forms): forms.map { words(for: $0) }.joined(separator: ", or ")
        case .destination: "a [destination](#destinations)"
        case .destinationPart: "a [destination](#destinations) that may be in a list"
        }
    }

    /// Returns the anchor that GitHub gives to a heading.
    private static func anchor(of heading: String) -> String {
        heading.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
    }

    /// Wraps a text at 100 characters, and keeps text between two backquotes together.
    private func wrapped(_ text: String, indentation: String = "") -> [String] {
        // Marks a space at which no line may end.
        let tie: Character = "\u{1}"
        var isCode = false
        let tied = String(
            text.map { character in
                if character == "`" { isCode.toggle() }
                return isCode && character == " " ? tie : character
            })
        var lines: [String] = []
        var line = ""
        for word in tied.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > 100 {
                lines.append(line)
                line = indentation + word
            } else {
                line += (line.isEmpty ? "" : " ") + word
            }
        }
        return (lines + [line]).map { String($0.map { $0 == tie ? " " : $0 }) }
    }
}

extension KeyGroup {
    /// The path of each group by name: `services.SERVICE.check.http`. A group with several paths has the first one.
    package static var paths: [String: String] {
        var paths: [String: String] = [:]
        /// - Parameter keys: the path that the keys of the group extend.
        func visit(_ group: KeyGroup, _ path: String, keys: String) {
            guard paths[group.name] == nil else { return }
            paths[group.name] = path
            for key in group.keys { visit(key.form, keys.isEmpty ? key.name : "\(keys).\(key.name)") }
        }
        func visit(_ form: Form, _ path: String) {
            switch form {
            case .scalar: break
            case .group(let group): visit(group, path, keys: path)
            case .names(let names): visit(names.value, "\(path).\(names.placeholder)")
            case .list(let item, _), .strictList(let item, _, _): visit(item, item.groups.isEmpty ? path : "\(path)[]")
            case .either(let forms): for form in forms { visit(form, path) }
            case .destination, .destinationPart:
                for group in KeyGroup.destinations {
                    visit(group, "DESTINATION.\(group.keys[0].name)", keys: "DESTINATION")
                }
            }
        }
        visit(.configuration, "", keys: "")
        return paths
    }
}
