import Platform

extension JSON {
    /// The members of an object; empty for other values.
    var members: [(name: String, value: JSON)] {
        if case .object(let members) = self { return members }
        return []
    }

    /// Returns the same with a value at a place of nested objects, which are created if missing.
    func setting(_ value: JSON, at path: some Collection<String>) -> JSON {
        guard let name = path.first else { return value }
        var members = members
        if let number = members.firstIndex(where: { $0.name == name }) {
            members[number].value = members[number].value.setting(value, at: path.dropFirst())
        } else {
            members.append((name, JSON.object([]).setting(value, at: path.dropFirst())))
        }
        return .object(members)
    }

    /// Returns the value at a place of nested objects; `nil` if there is none.
    func value(at path: some Collection<String>) -> JSON? {
        path.reduce(Optional(self)) { value, name in value?[name] }
    }

    func removing(_ name: String) -> JSON { .object(members.filter { $0.name != name }) }
}
