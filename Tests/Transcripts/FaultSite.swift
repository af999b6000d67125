import Foundation
import Support
import Testing

/// A folder with a configuration. A coprocess with the library of `AtFaultSite.library()` crashes on its names `fault`
/// and `abort`.
struct FaultSite {
    let folder: Folder

    /// The number of records at `large.example.com`, of 200 bytes each.
    static let largeCount = 20

    private static let largeContents = (0..<largeCount)
        .map { "'\"\($0)\(String(repeating: "x", count: 200))\"'" }.joined(separator: ", ")

    init() throws {
        folder = try Folder()
        try folder.write(
            """
            zones:
              example.com:
                soa: { primary: ns., contact: h. }
                ns: [ns.example.net.]
                records:
                  www: { A: 192.0.2.1 }
                  fault: { A: 192.0.2.2 }
                  abort: { A: 192.0.2.3 }
                  large: { TXT: [\(Self.largeContents)] }
              fault.example.org:
                soa: { primary: ns., contact: h. }
                ns: [ns.example.net.]
            """.utf8, to: "geopipe.yaml")
    }
}

/// A suite that starts coprocesses in the folder of its site.
protocol AtFaultSite {
    var site: FaultSite { get }
}

extension AtFaultSite {
    var folder: Folder { site.folder }

    /// Starts a coprocess and greets it.
    ///
    /// - Parameters:
    ///   - environment: additional environment variables, as `NAME=VALUE`.
    ///   - launcher: a command that starts the program in its arguments.
    ///   - arguments: additional arguments, after those that name the configuration.
    func start(
        environment: [String] = [], launcher: [String] = [], arguments: [String] = []
    ) throws -> Coprocess {
        let words = launcher + [Coprocess.binary, "--config", "geopipe.yaml"] + arguments
        let coprocess = try Coprocess(
            Array(words.dropFirst()), in: URL(filePath: folder.path), program: words[0], environment: environment)
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        return coprocess
    }

    func question(_ name: String, _ type: String = "A", in zone: String = "example.com") -> String {
        "Q\t\(name).\(zone)\tIN\t\(type)\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n"
    }

    /// Returns the next answers: the content of the first record of each, or `FAIL` or `END` if that is its first
    /// line.
    func answers(_ count: Int, _ coprocess: Coprocess) throws -> [String] {
        try (0..<count).map { _ in
            let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
            return answer[0].split(separator: "\t").last.map(String.init) ?? ""
        }
    }

    /// Returns the answer at a name of example.com; `nil` if the question is refused.
    func ask(_ name: String, _ coprocess: Coprocess) throws -> String? {
        try coprocess.send(question(name))
        let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
        if answer == ["FAIL"] { return nil }
        try #require(answer.count == 2 && answer[1] == "END", "\(answer)")
        return answer[0].split(separator: "\t").last.map(String.init)
    }

    /// The number of faults that it has logged.
    func faults(_ coprocess: Coprocess) -> Int {
        String(decoding: coprocess.standardError, as: UTF8.self).split(separator: "\n")
            .count { $0.contains("internal error") }
    }

    /// Ends a coprocess that must not write any more.
    func expectEnd(_ coprocess: Coprocess) throws {
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
        #expect(legible(coprocess.output) == "")
    }
}
