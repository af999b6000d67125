/// The differences allowed between geopipe's answers and those of pdns's own backend, with their reasons.
enum Arbitrary {
    /// The order of records, since a section is a set (RFC 1034 section 3.6, RFC 2181 section 5), and the case of
    /// owners (RFC 4343).
    static func sorted(_ records: [ReceivedRecord]) -> [String] {
        records.map { record in
            var record = record
            record.owner = Name(record.owner.folded)
            return "\(record)"
        }.sorted()
    }

    /// Signatures are made for each answer. Their inception, expiration and signature fields are cleared (RFC 4034
    /// section 3.1.4 to 3.1.8); the key, the signer and the rest are compared.
    static func withoutTimes(_ record: ReceivedRecord) -> ReceivedRecord {
        guard record.type == 46, record.data.count > 18 else { return record }
        var reader = MessageReader(Array(record.data[18...]))
        guard let signer = try? reader.name() else { return record }
        var record = record
        record.data = record.data[..<8] + record.data[16..<18] + Name(signer.folded).wire
        return record
    }

    /// An empty non-terminal has geopipe's marker, TYPE65280, in answers to ANY: pdns must know that the name exists,
    /// and the pipe backend has no other way to report it. pdns's own backend uses TYPE0, and shows it if a wildcard is
    /// such a name.
    static func isMarker(_ record: ReceivedRecord) -> Bool {
        record.type == 65280 || record.type == 0
            || record.type == 46 && [[0xff, 0], [0, 0]].contains(record.data[..<2])
    }

    /// A DNAME that makes a name too long: pdns answers YXDOMAIN (RFC 6672 section 2.2), but then its dialogue with the
    /// coprocess is out of step. geopipe prevents that by a failure, which pdns answers with SERVFAIL.
    static func isOverflow(_ expected: DNSReply, _ given: DNSReply) -> Bool { expected.code == 6 && given.code == 2 }

    /// A question for DS at an empty non-terminal below a delegation: pdns's own backend answers with authority. A
    /// referral is correct (RFC 4035 section 3.1.4.1).
    static func isReferral(_ question: DNSQuestion, _ expected: DNSReply, _ given: DNSReply) -> Bool {
        question.type == 43 && expected.isAuthoritative && expected.code == 0 && expected[.answer].isEmpty
            && !given.isAuthoritative && given.code == 0 && given[.answer].isEmpty
            && given[.authority].contains { $0.type == 2 && question.name.isBelow($0.owner) }
    }
}

extension DNSReply {
    /// The parts of a reply that must be equal.
    func essence(isOfMarkers: Bool) -> [String] {
        var sections = sections
        if isOfMarkers {
            sections[.answer] = self[.answer].filter { !Arbitrary.isMarker($0) }
            // Without the marker, the answer denies the type.
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
    let question: DNSQuestion
    let expected: DNSReply?
    let given: DNSReply?

    var description: String {
        """
        --- \(question)
        expected \(expected.map { "\($0)" } ?? "no answer")
        given \(given.map { "\($0)" } ?? "no answer")
        """
    }

    /// Returns the differences between the answers of two servers to the same questions.
    static func among(_ questions: [DNSQuestion], _ expected: [DNSReply?], _ given: [DNSReply?]) -> [Difference] {
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

    /// Returns the records that only one of two transfers has.
    static func between(_ expected: [ReceivedRecord]?, _ given: [ReceivedRecord]?) -> [String] {
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
