import DNS

extension Zone {
    /// The types of all records except those of services. Reads every name.
    public var types: Set<RecordType> {
        var types: Set<RecordType> = []
        image?.forEachNode { node in
            node.forEachRecord(type: .any) { _, _, type, _ in types.insert(type) }
        }
        return types
    }
}
