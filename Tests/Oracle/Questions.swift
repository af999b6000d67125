import Support

/// Questions about zones: for all names in them, and for names next to these.
struct Questions {
    private var generator: SeededGenerator
    private var drawn: Set<DNSQuestion> = []
    private(set) var all: [DNSQuestion] = []

    /// The types that are asked for at any name.
    private static let types: [UInt16] = [1, 1, 1, 28, 2, 6, 15, 16, 5, 39, 43, 33, 65, 255, 255, 65281, 48, 99]

    /// - Parameter wantsProof: whether the questions have the DO bit; for `nil`, some have it.
    init(about zones: [MasterZone], count: Int, wantsProof: Bool?, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        var names: [Name: Set<UInt16>] = [:]
        for zone in zones {
            names[zone.apex.parent ?? .root, default: []].insert(6)
            for record in zone.records {
                for name in record.owner.ancestors(to: zone.apex) { names[name, default: []].formUnion([1]) }
                names[record.owner]!.insert(record.data.type)
                for target in record.data.names { names[target, default: []].insert(1) }
            }
        }
        // The order of a dictionary is not reproducible.
        let known = names.sorted { "\($0.key)" < "\($1.key)" }
        for (name, types) in known {
            for type in types.sorted() { add(name, type, wantsProof) }
            add(name, 255, wantsProof)
            for _ in 0..<3 { add(name, generator.one(of: Self.types), wantsProof) }
        }
        for (name, _) in known {
            for near in around(name) {
                for _ in 0..<2 { add(near, generator.one(of: Self.types), wantsProof) }
            }
        }
        for name in ["example.net", "www.example.com", "test", "."] { add(Name(name), 1, wantsProof) }
        all = generator.some(count, of: all)
    }

    /// Returns names below a name and next to it, and the name in another case.
    private mutating func around(_ name: Name) -> [Name] {
        let below = [
            name.child("x"), name.child("*"), name.child("a"), name.child("x")?.child("y"), name.child("a")?.child("*"),
            name.child("x")?.child("y")?.child("z"),
        ]
        let parent = name.parent ?? .root
        let beside = [parent.child("zz"), parent.child("*"), parent.child("0"), parent.child([0]), parent.child("ns1")]
        return [name.inRandomCase(using: &generator)] + generator.some(3, of: below + beside).compactMap { $0 }
    }

    private mutating func add(_ name: Name, _ type: UInt16, _ wantsProof: Bool?) {
        let question = DNSQuestion(name: name, type: type, wantsProof: wantsProof ?? generator.once(in: 3))
        // Each name is asked for once in each spelling.
        if drawn.insert(question).inserted || generator.once(in: 10) { all.append(question) }
    }
}
