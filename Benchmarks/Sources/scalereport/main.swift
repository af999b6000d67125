// Makes tables, pictures and a section of docs/scalability.md from the measurements of Benchmarks/scale.
import Glibc
import Scaling

let usage = """
    usage: scalereport RESULTS DOCS
    Reads the measurements of Benchmarks/scale in RESULTS, prints tables, and writes them to DOCS/scalability.md and pictures to DOCS/images.

    """

func diagnose(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }

func measurements(_ axis: String) throws -> Measurements? {
    let path = "\(CommandLine.arguments[1])/\(axis).txt"
    guard let text = try text(of: path) else { return nil }
    do {
        return try Measurements(text)
    } catch {
        diagnose("scalereport: \(path): \(error); measure again with make scale AXIS=\(axis)\n")
        exit(1)
    }
}

func report() throws -> (section: String, pictures: [(file: String, picture: Picture)]) {
    var laws: [LawRow] = []
    var section = ""
    var machines: [String: [String]] = [:]
    var pictures: [(file: String, picture: Picture)] = []
    func note(_ axis: String, _ measured: Measurements) {
        machines[measured.comments.dropFirst().joined(separator: "; "), default: []].append("`\(axis)`")
    }
    func add(_ heading: String, _ axis: String, _ measured: Measurements?, _ part: Part) {
        guard let measured else { return }
        section += "### \(heading)\n\n" + part.markdown
        laws += part.laws
        pictures += part.pictures
        note(axis, measured)
    }
    let threads = try measurements("threads"), cores = try measurements("cores"), viewers = try measurements("viewers")
    let samples = try measurements("samples"), counts = try measurements("counts")
    var sizes: [(name: String, measured: Measurements)] = []
    for axis in ["names", "networks", "maps", "services", "datacenters"] {
        if let measured = try measurements(axis) { sizes.append((axis, measured)) }
    }
    if let threads { add("Threads of pdns", "threads", threads, Part(threads: threads)) }
    let coresPart = cores.map(CoresPart.init)
    if let coresPart { add("Cores", "cores", cores, coresPart.part) }
    if let viewers { add("Viewers of the live page", "viewers", viewers, Part(viewers: viewers)) }
    if let first = sizes.first {
        add("Sizes", first.name, first.measured, Part(sizes: sizes, counted: counts))
        for size in sizes.dropFirst() { note(size.name, size.measured) }
        if let counts { note("counts", counts) }
    }
    if let samples { add("Where the time goes", "samples", samples, Part(samples: samples)) }
    if let oneCore = coresPart?.oneCore { add("Cores to buy", "cores", cores, Part(oneCore: oneCore)) }
    var table = Part()
    table.table(
        ["X(N) = λN / (1 + σ(N − 1) + κN(N − 1))", "λ", "σ (95%)", "κ (95%)", "off by at most", "holds"],
        laws.map(\.cells))
    let places = machines.sorted { $0.key < $1.key }.map { "\($0.value.uniqued().joined(separator: ", ")): \($0.key)" }
    let measured = wrapped("Measured: " + places.joined(separator: "; ") + ".")
    let whole = "### Coefficients\n\n" + table.markdown + section + measured
    return (whole, pictures)
}

extension [String] {
    fileprivate func uniqued() -> [String] { reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }
}

guard CommandLine.arguments.count == 3 else {
    diagnose(usage)
    exit(2)
}
do {
    let docs = CommandLine.arguments[2], path = "\(docs)/scalability.md"
    let (section, pictures) = try report()
    print(section)
    for (file, picture) in pictures { try write(picture.svg, to: "\(docs)/images/\(file)") }
    guard let page = try text(of: path), let replaced = GeneratedSection.replaced(in: page, with: section) else {
        diagnose(
            "scalereport: \(path) does not have the lines '\(GeneratedSection.begin)' and '\(GeneratedSection.end)', each once\n"
        )
        exit(1)
    }
    try write(replaced, to: path)
} catch {
    diagnose("scalereport: \(error)\n")
    exit(1)
}
