/// What may differ between geopipe's answers and those of pdns's own backend, and why. All else must be the same.
enum Arbitrary {
    /// Order: a section is a set of records (RFC 1034 section 3.6, RFC 2181 section 5). And the case of owners (RFC 4343).
    static func sorted(_ records: [Record]) -> [String] {
        records.map { record in
            var record = record
            record.owner = Name(record.owner.folded)
            return "\(record)"
        }.sorted()
    }

    /// Signatures that are made as the answer leaves: when they were, when they end, and what came out (RFC 4034
    /// section 3.1.4 to 3.1.8). The key, the signer and the rest stay.
    static func withoutTimes(_ record: Record) -> Record {
        guard record.type == 46, record.data.count > 18 else { return record }
        var reader = MessageReader(Array(record.data[18...]))
        guard let signer = try? reader.name() else { return record }
        var record = record
        record.data = record.data[..<8] + record.data[16..<18] + Name(signer.folded).wire
        return record
    }

    /// A name without records shows geopipe's marker, TYPE65280, to those who ask for all types: pdns must know that the
    /// name exists, and the pipe backend has no other way to say it. pdns's own backend has TYPE0 for
    /// that, and shows it where a wildcard is such a name.
    static func isMarker(_ record: Record) -> Bool {
        record.type == 65280 || record.type == 0
            || record.type == 46 && [[0xff, 0], [0, 0]].contains(record.data[..<2])
    }

    /// A DNAME that makes a name too long: pdns says YXDOMAIN (RFC 6672 section 2.2), but then has lost the thread of its
    /// dialogue with a coprocess. geopipe does not let it get that far, which pdns tells as SERVFAIL.
    static func isOverflow(_ expected: Reply, _ given: Reply) -> Bool { expected.code == 6 && given.code == 2 }

    /// A question for DS at a name without records that is delegated away, as is a delegation below it: pdns's own backend
    /// thinks that name its own. Right is to say who has it (RFC 4035 section 3.1.4.1).
    static func isReferral(_ question: Question, _ expected: Reply, _ given: Reply) -> Bool {
        question.type == 43 && expected.isAuthoritative && expected.code == 0 && expected[.answer].isEmpty
            && !given.isAuthoritative && given.code == 0 && given[.answer].isEmpty
            && given[.authority].contains { $0.type == 2 && question.name.isBelow($0.owner) }
    }
}

extension Reply {
    /// What must be the same.
    func essence(isOfMarkers: Bool) -> [String] {
        var sections = sections
        if isOfMarkers {
            sections[.answer] = self[.answer].filter { !Arbitrary.isMarker($0) }
            // Whoever has no marker to show says that there is nothing.
            sections[.authority] = nil
        }
        return ["\(code) \(isAuthoritative)"]
            + Section.allCases.flatMap { section in
                let records = (sections[section] ?? []).map(Arbitrary.withoutTimes)
                return ["\(section)"] + Arbitrary.sorted(records)
            }
    }
}

/// A question that two servers answer differently.
struct Difference: CustomStringConvertible {
    let question: Question
    let expected: Reply?
    let given: Reply?

    var description: String {
        """
        --- \(question)
        expected \(expected.map { "\($0)" } ?? "no answer")
        given \(given.map { "\($0)" } ?? "no answer")
        """
    }

    /// The differences between the answers of two servers to the same questions.
    static func among(_ questions: [Question], _ expected: [Reply?], _ given: [Reply?]) -> [Difference] {
        zip(questions, zip(expected, given)).compactMap { question, replies in
            if let expected = replies.0, let given = replies.1 {
                let isOfMarkers = question.type == 255 && given[.answer].contains(where: Arbitrary.isMarker)
                if Arbitrary.isOverflow(expected, given) || Arbitrary.isReferral(question, expected, given)
                    || expected.essence(isOfMarkers: isOfMarkers) == given.essence(isOfMarkers: isOfMarkers)
                {
                    return nil
                }
            }
            return Difference(question: question, expected: replies.0, given: replies.1)
        }
    }

    /// What only one of two transfers has.
    static func between(_ expected: [Record]?, _ given: [Record]?) -> [String] {
        guard let expected, let given else {
            return expected == nil && given == nil ? ["neither transfers"] : ["only one transfers"]
        }
        let (old, new) = (Arbitrary.sorted(expected), Arbitrary.sorted(given))
        return CollectionDifference.lines(from: old, to: new)
    }
}

extension CollectionDifference<String> {
    fileprivate static func lines(from old: [String], to new: [String]) -> [String] {
        new.difference(from: old).map { change in
            switch change {
            case .insert(_, let line, _): "only given: \(line)"
            case .remove(_, let line, _): "only expected: \(line)"
            }
        }
    }
}
