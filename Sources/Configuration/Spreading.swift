import Routing

extension ConfigurationParser {
    /// Reads a destination with `then`: `{ list: [oslo, ashburn], then: spread }`, or `then` next to `nearest` or
    /// `random`.
    func spreading(_ node: YAMLNode, _ keys: [String], _ what: String) -> Destination? {
        let entries = reader.entries(node, what)
        let then = entries.first { $0.key == "then" }
        let group = then.map { spreadGroup($0.value, what) }
        var destination: Destination?
        if let key = ["list", "nearest", "random"].first(where: keys.contains) {
            switch key {
            case "list":
                let list = reader.fields(node, what, .list)["list"]
                destination = list.flatMap { part(of: $0.value, what) }
            case "nearest": destination = nearest(node, what)
            default: destination = pool(node, what)
            }
        } else if keys.contains("limit") {
            destination = nearest(node, what)
        } else {
            let others = entries.filter { $0.key != "then" }
            let weights = others.map { "\($0.key): \($0.value.scalar?.string ?? "…")" }.joined(separator: ", ")
            let isWeighted = !others.isEmpty && others.allSatisfy { datacenterNumbers[$0.key] != nil }
            let list =
                isWeighted
                ? "{ \(weights) }" : configuration.datacenters.prefix(2).map(\.name).joined(separator: ", ")
            reader.diagnose(
                then?.keyPosition,
                "then of \(what) has no list next to it; write { list: [\(list)], then: spread }")
        }
        guard let destination, let group else { return destination }
        return group.map { .spread(destination, group: $0.named) }
    }

    /// The datacenters over which clients are spread.
    private struct SpreadGroup {
        /// `nil` for all datacenters that have an answer.
        var named: [Datacenter]?
    }

    /// Reads the value of `then`: `spread`, or `{ spread: [oslo, ashburn] }`.
    private func spreadGroup(_ node: YAMLNode, _ what: String) -> SpreadGroup? {
        if case .mapping = node.value {
            guard let entry = reader.fields(node, "then of \(what)", .spread)["spread"]
            else { return nil }
            if entry.value.scalar?.string == "all" { return SpreadGroup() }
            let members = datacenters(entry.value, what)
            if members.isEmpty, case .sequence(let sequence) = entry.value.value, sequence.isEmpty {
                reader.diagnose(
                    entry.value.position, "\(what) spreads over an empty list; name datacenters, or write then: spread")
            }
            return members.isEmpty ? nil : SpreadGroup(named: members)
        }
        if case .sequence(let members) = node.value {
            let names = members.map { $0.scalar?.string ?? "…" }.joined(separator: ", ")
            reader.diagnose(node.position, "then of \(what) is a list; write then: { spread: [\(names)] }")
            return nil
        }
        guard let word = reader.text(node, "then of \(what)") else { return nil }
        if word == "spread" { return SpreadGroup() }
        let remedy =
            datacenterNumbers[word] == nil
            ? "write then: spread, or leave out then"
            : "write then: { spread: [\(word)] }, or put \(word) at the end of the list without then"
        reader.diagnose(node.position, "then of \(what) is '\(word)'; \(remedy)")
        return nil
    }
}
