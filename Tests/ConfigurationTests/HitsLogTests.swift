import Configuration
import Foundation
import Testing

@Suite("A configured hits log")
struct HitsLogTests {
    private func load(_ log: String) throws -> Configuration.HitsLog? {
        let folder = URL.temporaryDirectory.appending(path: "geopipe-\(UUID())")
        let inner = folder.appending(path: "etc")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            zones: { example.com: { soa: { primary: ns., contact: h. }, ns: [ns.example.net.] } }
            \(log)
            """
        let file = inner.appending(path: "geopipe.yaml").path
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        var loaded = try Configuration.load(file).hitsLog
        loaded?.file.replace(folder.path, with: "FOLDER")
        return loaded
    }

    @Test("has all hits in TSV by default; without the section there is none")
    func defaults() throws {
        #expect(try load("") == nil)
        let usual = try load("hits_log: { file: /var/log/hits.log }")
        #expect(usual?.file == "/var/log/hits.log")
        #expect(usual?.format == .tsv)
        #expect(usual?.sample == 1)
        let log = try load("hits_log: { file: hits.log, format: json, sample: 0.1% }")
        #expect(log?.file == "FOLDER/etc/hits.log")
        #expect(log?.format == .json)
        #expect(log?.sample == 0.001)
        #expect(
            try load("hits_log: { file: hits.log, sample: 100% }") == load("hits_log: { file: hits.log, format: tsv }"))
    }

    @Test(
        "that is invalid is refused",
        arguments: [
            ("hits_log: { format: json }", "2:11: the hits_log has no 'file'; add file: …"),
            (
                "hits_log: { file: a, fromat: json }",
                "2:22: unknown key 'fromat' in the hits_log; did you mean 'format'?"
            ),
            ("hits_log: { file: a, format: csv }", "2:30: the format of the hits_log is 'csv'; write tsv or json"),
            (
                "hits_log: { file: a, sample: 1 }",
                "2:30: the sample of the hits_log is '1'; write a percentage above 0% up to 100%, such as 1% or 0.1%"
            ),
            (
                "hits_log: { file: a, sample: 0% }",
                "2:30: the sample of the hits_log is '0%'; write a percentage above 0% up to 100%, such as 1% or 0.1%"
            ),
            (
                "hits_log: { file: a, sample: 101% }",
                "2:30: the sample of the hits_log is '101%'; write a percentage above 0% up to 100%, such as 1% or 0.1%"
            ),
            (
                "hits_log: { file: a, sample: nan% }",
                "2:30: the sample of the hits_log is 'nan%'; write a percentage above 0% up to 100%, such as 1% or 0.1%"
            ),
        ])
    func wrong(log: String, diagnostic: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try load(log) }
        #expect(error.diagnostics.count == 1)
        #expect(error.description.hasSuffix("geopipe.yaml:" + diagnostic), "\(error)")
    }
}
