import DNS

extension ConfigurationParser {
    /// Returns the record type that a key names.
    ///
    /// - Parameter group: the mapping that contains the key, which has other keys as well.
    func type(_ entry: YAMLReader.Entry, _ group: KeyGroup) -> RecordType? {
        guard let type = RecordType(entry.key), type != .any else {
            reader.diagnose(
                entry.keyPosition,
                "unknown record type '\(entry.key)'\(suggestion(for: entry.key, among: group.names + RecordType.mnemonics))"
            )
            return nil
        }
        return type
    }

    /// Reads the contents of one type: one, or a list.
    func contents(_ node: YAMLNode, _ type: RecordType, origin: DomainName?, _ what: String) -> [RecordContent] {
        if case .sequence(let sequence) = node.value, sequence.isEmpty {
            reader.diagnose(
                node.position, "\(type) of \(what) is an empty list; write a content, or leave out the type")
        }
        var contents: [RecordContent] = []
        for item in reader.items(node) {
            guard let text = reader.text(item, "\(type) of \(what)") else { continue }
            do throws(ContentError) {
                var warnings: [String] = []
                let content = try RecordContent(text, type: type, origin: origin, warnings: &warnings)
                for warning in warnings { reader.warn(item.position, "\(type) of \(what): \(warning)") }
                if contents.contains(content) {
                    reader.diagnose(item.position, "\(type) '\(text)' is given twice for \(what); keep one")
                } else {
                    contents.append(content)
                }
            } catch {
                if let diagnostic = urlComplaint(text) {
                    reader.diagnose(item.position, "\(type) of \(what): \(diagnostic)")
                    continue
                }
                let message = "\(type) '\(text)' of \(what): \(error)"
                if case .unservable = error {
                    reader.warn(item.position, message)
                } else {
                    reader.diagnose(item.position, message)
                }
            }
        }
        return contents
    }

    /// Says what is wrong with a URL instead of a name; `nil` if `text` has none.
    func urlComplaint(_ text: String) -> String? {
        guard let url = text.split(separator: " ").first(where: { $0.contains("://") }) else { return nil }
        let host = url[url.firstRange(of: "://")!.upperBound...].prefix { !"/:?#".contains($0) }
        return "'\(url)' is a URL; write the name alone, '\(host)\(host.hasSuffix(".") ? "" : ".")'"
    }

    /// Reports a CNAME beside other records, or a second one (RFC 1034 section 3.6.2).
    func diagnoseCrowdedCNAME(
        _ types: Set<RecordType>, count: Int, _ position: Diagnostic.Position?, _ what: String
    ) {
        guard types.contains(.cname), count > 1 else { return }
        reader.diagnose(position, "\(what) has a CNAME beside other data; a CNAME must be alone")
    }
}
