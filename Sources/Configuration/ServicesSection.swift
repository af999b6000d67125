import DNS
import Geography
import Routing
import Zones

extension ConfigurationParser {
    mutating func parseServices(_ node: YAMLNode) {
        for entry in reader.entries(node, "services") {
            let what = "service \(entry.key)"
            let fields = reader.fields(entry.value, what, .service)
            let map = fields["map"].flatMap { self.map($0.value, what) }
            var service = Configuration.Service(name: entry.key, map: map ?? 0)
            service.ttl = fields["ttl"].flatMap { reader.seconds($0.value, "the ttl of \(what)") }
            if let node = fields["answers"]?.value {
                (service.answers, service.unchecked) = answers(node, map, what)
            }
            service.pick = fields["pick"].flatMap {
                boundedCount($0.value, "pick of \(what)", Configuration.Service.mostPicked)
            }
            service.spread = fields["spread"].flatMap {
                boundedCount($0.value, "spread of \(what)", Configuration.Service.widestSpread)
            }
            service.isSticky = fields["sticky"].flatMap { reader.bool($0.value, "sticky of \(what)") } ?? false
            service.answersWhenAllDown =
                fields["when_all_down"].flatMap { answersWhenAllDown($0.value, what) } ?? true
            parseHealth(fields, what, &service)
            positions.services.append(.init(position: entry.keyPosition, fields: fields))
            serviceNumbers[entry.key] = configuration.services.count
            configuration.services.append(service)
            if service.spread != nil, service.answers.joined().contains(where: { $0.type == .cname }) {
                reader.diagnose(
                    fields["spread"]?.value.position,
                    "\(what) spreads over several datacenters, and one of them has a CNAME, which must be alone; remove one of them"
                )
            }
        }
        configuration.nameSenders()
    }

    private func answers(
        _ node: YAMLNode, _ map: Int?, _ what: String
    ) -> ([[Configuration.Service.Answer]], unchecked: Set<Datacenter>) {
        var answers: [[Configuration.Service.Answer]] = Array(repeating: [], count: configuration.datacenters.count)
        var unchecked: Set<Datacenter> = []
        // Every datacenter with an entry, valid or not.
        var written: Set<Datacenter> = []
        var unknown = reader.hasOtherShape(node) || unknownSections.contains("datacenters")
        for entry in reader.entries(node, "answers of \(what)") {
            if let datacenter = datacenter(entry.key, entry.keyPosition) {
                let what = "the answer of \(what) in \(entry.key)"
                let isChecked: Bool
                (answers[datacenter], isChecked) = self.answers(entry.value, what)
                if !isChecked { unchecked.insert(datacenter) }
                written.insert(datacenter)
                var seen: Set<Configuration.Service.Answer.Identity> = []
                for answer in answers[datacenter] where !seen.insert(answer.identity).inserted {
                    reader.diagnose(
                        entry.value.position,
                        "\(answer.type) \(answer.content.text) is given twice in \(what); keep one")
                }
            } else {
                unknown = true
            }
        }
        // A misspelt datacenter would be reported twice.
        guard let map, !unknown else { return (answers, unchecked) }
        let missing = configuration.maps[map].datacenters.subtracting(written).sorted()
            .map { configuration.datacenters[$0].name }
        if !missing.isEmpty {
            reader.diagnose(
                node.position,
                "\(what) has no answer in \(listed(missing, "and")), where map \(configuration.maps[map].name) sends clients; add \(missing.map { "\($0): …" }.joined(separator: ", "))"
            )
        }
        return (answers, unchecked)
    }

    /// Reads a number that costs time in every query.
    private func boundedCount(_ node: YAMLNode, _ what: String, _ most: Int) -> Int? {
        guard let number = reader.count(node, what).map(Int.init) else { return nil }
        guard number <= most else {
            reader.diagnose(node.position, "\(what) is \(number); write at most \(most)")
            return nil
        }
        return number
    }

    private func answersWhenAllDown(_ node: YAMLNode, _ what: String) -> Bool? {
        switch reader.text(node, "when_all_down of \(what)") {
        case "answer": return true
        case "nothing": return false
        case let text?:
            reader.diagnose(node.position, "when_all_down of \(what) is '\(text)'; write answer or nothing")
            return nil
        case nil: return nil
        }
    }

    /// Reads the health settings of a service, and reports combinations that make no sense.
    private func parseHealth(
        _ fields: YAMLReader.Fields, _ what: String, _ service: inout Configuration.Service
    ) {
        if let node = fields["check"]?.value { service.checks = healthChecks(node, of: service) }
        if let node = fields["quorum"]?.value { service.quorum = quorum(node, what) ?? service.quorum }
        if let node = fields["comes_back"]?.value {
            service.comesBack = positiveSeconds(node, "comes_back of \(what)")
        }
        guard let entry = fields["check"] else {
            if let quorum = fields["quorum"] {
                reader.warn(quorum.keyPosition, "\(what) has a quorum but no check; all its addresses count as up")
            }
            if let datacenter = service.unchecked.min() {
                reader.warn(
                    fields["answers"]?.keyPosition,
                    "\(what) has check: none in \(configuration.datacenters[datacenter].name) but no check; all its addresses count as up"
                )
            }
            if let comesBack = fields["comes_back"] {
                reader.warn(comesBack.keyPosition, "\(what) has comes_back but no check; all its addresses count as up")
            }
            return
        }
        if !service.checkedAnswers.contains(where: \.isAddress) {
            reader.warn(entry.keyPosition, "\(what) has no addresses to check; it counts as up")
        }
    }

    private func map(_ node: YAMLNode, _ what: String) -> Int? {
        guard let name = reader.text(node, "the map of \(what)") else { return nil }
        if let number = mapNumbers[name] { return number }
        diagnoseUnknown("map", name, section: "maps", known: configuration.maps.map(\.name), node.position)
        return nil
    }

    /// Reads addresses, whose family gives the type, or a mapping from types to contents, which may have `check: none`.
    private func answers(
        _ node: YAMLNode, _ what: String
    ) -> ([Configuration.Service.Answer], isChecked: Bool) {
        guard case .mapping = node.value else {
            if case .sequence(let sequence) = node.value, sequence.isEmpty {
                reader.diagnose(node.position, "\(what) is empty; write an address")
            }
            return (reader.items(node).compactMap { address($0, what) }, true)
        }
        var answers: [Configuration.Service.Answer] = []
        let fields = reader.fields(node, what, .answer)
        let check = fields["check"]
        if let node = check?.value, let text = reader.text(node, "check of \(what)"), text != "none" {
            reader.diagnose(
                node.position,
                "check of \(what) is '\(text)'; write none, or remove it: the check belongs to the service")
        }
        for entry in fields.others {
            guard let type = type(entry, .answer) else { continue }
            if case .mapping = entry.value.value, type == .a || type == .aaaa {
                answers += weightedAddresses(entry.value, type, what)
                continue
            }
            for content in contents(entry.value, type, origin: nil, what) {
                answers.append(.init(type: type, content: content))
            }
        }
        if check != nil, answers.isEmpty { reader.diagnose(node.position, "\(what) is empty; write an address") }
        diagnoseCrowdedCNAME(Set(answers.map(\.type)), count: answers.count, node.position, what)
        return (answers, isChecked: check == nil)
    }

    /// Reads a mapping from addresses to weights.
    private func weightedAddresses(
        _ node: YAMLNode, _ type: RecordType, _ what: String
    ) -> [Configuration.Service.Answer] {
        var answers: [Configuration.Service.Answer] = []
        for entry in reader.entries(node, "\(type) of \(what)") {
            guard let weight = reader.count(entry.value, "the weight of \(entry.key) in \(what)") else { continue }
            do {
                let content = try RecordContent(entry.key, type: type, origin: nil)
                answers.append(.init(type: type, content: content, weight: weight))
            } catch {
                reader.diagnose(entry.keyPosition, "\(type) '\(entry.key)' of \(what): \(error)")
            }
        }
        return answers
    }

    private func address(_ node: YAMLNode, _ what: String) -> Configuration.Service.Answer? {
        guard let text = reader.text(node, what) else { return nil }
        let type: RecordType
        switch IPAddress(text) {
        case .v4: type = .a
        case .v6: type = .aaaa
        case nil:
            if text.contains("://") {
                reader.diagnose(node.position, "\(what) is the URL '\(text)'; write the address or the name alone")
                return nil
            }
            reader.diagnose(
                node.position,
                "\(what) is '\(text)', which is not an address; write one, or a type: { CNAME: www.example.net. }")
            return nil
        }
        return (try? RecordContent(text, type: type, origin: nil)).map { .init(type: type, content: $0) }
    }
}

extension Configuration.Service {
    /// The most datacenters that contribute to one answer.
    public static let widestSpread = 16
    /// The most addresses of a family that may be picked of one datacenter.
    static let mostPicked = 64
}

extension Configuration.Service.Answer {
    /// The properties that make two records equal.
    fileprivate struct Identity: Hashable {
        var type: RecordType
        var content: RecordContent
    }

    fileprivate var identity: Identity { Identity(type: type, content: content) }
}
