import Foundation
import Support
import Testing

/// Everything is compiled once, by a separate process, and a failure does no harm.
@Suite("Compiling and images")
struct CompileTests {
    /// A configuration of two zones, one from a file.
    private func makeSite() throws -> Folder {
        let folder = try Folder()
        try folder.write(
            """
            state_directory: state
            datacenters: { oslo: {} }
            maps: { all: { default: oslo } }
            services: { web: { map: all, answers: { oslo: 192.0.2.1 } } }
            zones:
              example.com:
                soa: { primary: ns.example.com., contact: a@example.com }
                ns: [ns.example.com.]
                records: { ns: { A: 192.0.2.53 }, www: { service: web } }
              example.org: { file: zone, records: { www: { service: web } } }

            """.utf8, to: "geopipe.yaml")
        try folder.write(Self.zone("192.0.2.2"), to: "zone")
        return folder
    }

    private static func zone(_ address: String, names: Int = 0) -> [UInt8] {
        let more = names > 0 ? "$GENERATE 1-\(names) host$ A 192.0.2.9\n" : ""
        return Array("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nx A \(address)\n\(more)".utf8)
    }

    private func start(_ folder: Folder, _ arguments: [String] = ["--config", "geopipe.yaml"]) throws -> Coprocess {
        let coprocess = try Coprocess(arguments, in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        return coprocess
    }

    @Test("if a file would exceed the size limit, the compiler reports an error, and the coprocess continues")
    func fileSizeLimit() throws {
        let folder = try makeSite()
        try folder.write(Self.zone("192.0.2.2", names: 5_000), to: "zone")
        // In blocks of 512 bytes.
        let limited = ["-c", "ulimit -f 64; exec \"$0\" \"$@\"", Coprocess.binary]
        let compile = try Program("sh").run(limited + ["compile", "--config", "geopipe.yaml"], in: folder)
        #expect(!compile.isKilled && compile.status == 2, "\(compile)")
        #expect(compile.error.contains("File too large"), "\(compile.error)")
        let geopipe = try Coprocess(
            limited + ["--config", "geopipe.yaml"], in: URL(filePath: folder.path), program: "/bin/sh")
        try geopipe.send("HELO\t5\n")
        _ = try geopipe.answer()
        _ = try ask(geopipe, "www.example.com")
        #expect(!legible(geopipe.standardError).contains("ended by signal"), "\(legible(geopipe.standardError))")
    }

    /// The lines of an answer.
    private func ask(_ coprocess: Coprocess, _ name: String, _ type: String = "ANY") throws -> [String] {
        try coprocess.send("Q\t\(name)\tIN\t\(type)\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        return try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
    }

    private func address(_ coprocess: Coprocess, _ name: String) throws -> String? {
        try ask(coprocess, name).first { $0.contains("\tA\t") }?.split(separator: "\t").last.map(String.init)
    }

    /// The names of all images.
    private func images(_ folder: Folder) -> [String] {
        let files = FileManager.default.enumerator(atPath: "\(folder.path)/state/images")
        return (files?.allObjects as? [String] ?? []).filter { $0.hasSuffix(".image") }
    }

    private func waitFor(_ words: String, _ coprocess: Coprocess, at place: SourceLocation = #_sourceLocation) throws {
        let isThere = try eventually(within: Coprocess.timeout) {
            try coprocess.wait(.milliseconds(10))
            return String(decoding: coprocess.standardError, as: UTF8.self).contains(words)
        }
        try #require(
            isThere, "\(String(decoding: coprocess.standardError, as: UTF8.self))", sourceLocation: place)
    }

    @Test("a coprocess that could not share images shares them as soon as possible")
    func rejoins() throws {
        let folder = try makeSite()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/state", withIntermediateDirectories: true)
        try folder.write("in the way".utf8, to: "state/images")
        let coprocess = try start(folder)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        #expect(images(folder).isEmpty)
        try FileManager.default.removeItem(atPath: "\(folder.path)/state/images")
        #expect(eventually(within: Coprocess.timeout) { images(folder).count == 1 })
        try waitFor("again", coprocess)
        try folder.write(Self.zone("192.0.2.3"), to: "zone")
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.3" })
        #expect(images(folder).count == 2)
    }

    @Test("one change is compiled once for all coprocesses")
    func once() throws {
        let folder = try makeSite()
        let coprocesses = try (0..<4).map { _ in try start(folder) }
        for coprocess in coprocesses { #expect(try address(coprocess, "x.example.org") == "192.0.2.2") }
        #expect(images(folder).count == 1)
        try folder.write(Self.zone("192.0.2.3"), to: "zone")
        for coprocess in coprocesses {
            #expect(
                try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.3" })
        }
        #expect(images(folder).count == 2)
        let later = try start(folder)
        #expect(try address(later, "x.example.org") == "192.0.2.3")
        #expect(images(folder).count == 2, "a coprocess that starts maps what is there")
    }

    /// Kills the compiler that a coprocess starts, before it ends. Calls `body` until then.
    @discardableResult
    private func killCompiler(of coprocess: Coprocess, _ body: () throws -> Void = {}) throws -> pid_t {
        var killed: pid_t?
        let isKilled = try eventually(within: Coprocess.timeout) {
            try body()
            // A stopped process cannot end by itself.
            killed = try children(of: coprocess.identifier).first { kill($0, SIGSTOP) == 0 && isStopped($0) }
            return killed.map { kill($0, SIGKILL) == 0 } ?? false
        }
        try #require(isKilled)
        return try #require(killed)
    }

    @Test("a killed compiler causes only a message, and the next change is compiled")
    func killed() throws {
        let folder = try makeSite()
        let coprocess = try start(folder)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        try folder.write(Self.zone("192.0.2.3", names: 100_000), to: "zone")
        try killCompiler(of: coprocess) { _ = try ask(coprocess, "www.example.com") }
        try waitFor("geopipe.yaml: the compiler was ended by signal 9", coprocess)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        try folder.write(Self.zone("192.0.2.4"), to: "zone")
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.4" })
    }

    @Test("compilers that are killed at the start leave a coprocess that answers FAIL, and compiles the next change")
    func killedAtStart() throws {
        let folder = try makeSite()
        let configuration = folder.text(of: "geopipe.yaml")
        try folder.write(Self.zone("192.0.2.3", names: 200_000), to: "zone")
        let coprocess = try Coprocess(["--config", "geopipe.yaml"], in: URL(filePath: folder.path))
        try coprocess.send("HELO\t5\n")
        // One more is tried, for this coprocess alone; then none until something changes.
        for _ in 0..<2 {
            let killed = try killCompiler(of: coprocess)
            let isGone = eventually(within: Coprocess.timeout) { kill(killed, 0) != 0 }
            try #require(isGone)
        }
        _ = try coprocess.answer()
        #expect(try ask(coprocess, "x.example.org").last == "FAIL")
        try folder.write(Self.zone("192.0.2.4"), to: "zone")
        try folder.write(("# mended\n" + configuration).utf8, to: "geopipe.yaml")
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.4" })
    }

    @Test("a missing file in a busy folder does not cause repeated compilations")
    func busyFolder() throws {
        let folder = try makeSite()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/busy", withIntermediateDirectories: true)
        let text = "databases: [{ path: busy/none.mmdb, optional: true }]\n" + folder.text(of: "geopipe.yaml")
        try folder.write(text.utf8, to: "geopipe.yaml")
        let coprocess = try start(folder)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        for number in 0..<40 {
            try folder.write([], to: "busy/\(number)")
            try coprocess.wait(.milliseconds(50))
        }
        // One more at most, because its files were written just before the first.
        #expect(images(folder).count <= 2, "\(images(folder))")
    }

    @Test("a zone whose file has errors keeps its content, or fails without affecting others")
    func zones() throws {
        let folder = try makeSite()
        let good = try String(contentsOfFile: "\(folder.path)/zone", encoding: .utf8)
        try folder.write("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.256\n".utf8, to: "zone")
        let coprocess = try start(folder)
        #expect(try address(coprocess, "www.example.com") == "192.0.2.1")
        #expect(try ask(coprocess, "x.example.org") == ["FAIL"])
        // pdns reads on until END only after FAIL to an SOA question.
        #expect(try ask(coprocess, "example.org", "SOA") == ["FAIL"])
        #expect(try coprocess.answer().map { String(decoding: $0, as: UTF8.self) } == ["END"])
        let broken = try Program.geopipe.run(["status", "--config", "geopipe.yaml"], in: folder)
        #expect(
            String(decoding: broken.output, as: UTF8.self).contains("example.org has errors and no earlier content"))
        try folder.write(good.utf8, to: "zone")
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.2" })
        try folder.write(good.replacing("192.0.2.53", with: "192.0.2.256").utf8, to: "zone")
        try waitFor("the zone example.org has errors; it keeps its content of ", coprocess)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        #expect(try address(coprocess, "www.example.org") == "192.0.2.1")
        // The compiler logs it before the coprocess reports it.
        let isTold = try eventually(within: Coprocess.timeout) {
            let status = try Program.geopipe.run(["status", "--config", "geopipe.yaml"], in: folder)
            return status.status == 1
                && String(decoding: status.output, as: UTF8.self)
                    .contains("example.org has errors and keeps its content")
        }
        #expect(isTold)
    }

    @Test("compile makes an image that backend --image serves, and prints its content")
    func command() throws {
        let folder = try makeSite()
        let made = try Program.geopipe.run(["compile", "--config", "geopipe.yaml", "-o", "i", "--json"], in: folder)
        #expect(made.status == 0 && made.error == "")
        struct Report: Decodable {
            struct Input: Decodable { var path: String }
            var image: String
            var id: String
            var bytes: Int
            var seconds: Double
            var inputs: [Input]
        }
        let report = try JSONDecoder().decode(Report.self, from: Data(made.output))
        #expect(report.image == "i" && report.id.count == 16 && report.bytes > 1_000)
        #expect(Set(report.inputs.map { URL(filePath: $0.path).lastPathComponent }) == ["geopipe.yaml", "zone"])
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/state/images"))
        try FileManager.default.removeItem(atPath: "\(folder.path)/zone")
        let coprocess = try start(folder, ["--image", "i", "--state", "state"])
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        // A new file in its place is served at once.
        try folder.write(Self.zone("192.0.2.7"), to: "zone")
        let next = try Program.geopipe.run(["compile", "--config", "geopipe.yaml", "--output", "i"], in: folder)
        #expect(next.status == 0)
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.7" })
        try folder.write("zones: [".utf8, to: "geopipe.yaml")
        let wrong = try Program.geopipe.run(["compile", "--config", "geopipe.yaml", "-o", "j"], in: folder)
        #expect(wrong.status == 1 && wrong.error.contains("geopipe.yaml:"))
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/j"))
    }

    @Test("compile from another folder, by another path of the configuration, keeps drains")
    func otherPath() throws {
        let folder = try makeSite()
        let elsewhere = try Folder()
        let coprocess = try Coprocess(
            ["--config", "\(folder.path)/geopipe.yaml"], in: URL(filePath: elsewhere.path))
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        try folder.write(Self.zone("192.0.2.3"), to: "zone")
        #expect(try Program.geopipe.run(["compile", "--config", "geopipe.yaml"], in: folder).status == 0)
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.3" })
        try coprocess.wait(.milliseconds(1_500))
        #expect(!FileManager.default.fileExists(atPath: "\(elsewhere.path)/state"))
        let status = try Program.geopipe.run(["status", "--json", "--config", "geopipe.yaml"], in: folder)
        #expect(String(decoding: status.output, as: UTF8.self).contains("\"pid\" : \(coprocess.identifier)"))
    }

    @Test("compile without -o puts the image in force, in all coprocesses")
    func publish() throws {
        let folder = try makeSite()
        let coprocess = try start(folder)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        #expect(try Program.geopipe.run(["compile", "--config", "geopipe.yaml"], in: folder).status == 0)
        try waitFor("loaded geopipe.yaml\n", coprocess)
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
    }

    @Test("unread standard error stops neither answers nor reloads")
    func standardError() throws {
        let folder = try makeSite()
        let pipe = "\(folder.path)/error"
        try #require(mkfifo(pipe, 0o600) == 0)
        let reader = open(pipe, O_RDWR | O_NONBLOCK)
        defer { close(reader) }
        let rubbish = [UInt8](repeating: 0x2e, count: 4_096)
        while write(reader, rubbish, rubbish.count) > 0 {}
        while write(reader, rubbish, 1) > 0 {}
        let coprocess = try Coprocess(
            ["-c", "exec \"$0\" \"$@\" 2>error", Coprocess.binary, "--config", "geopipe.yaml"],
            in: URL(filePath: folder.path), program: "/bin/sh")
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        for number in 3...5 {
            // Each causes a message.
            try folder.write(Self.zone("192.0.2.\(number)") + "elsewhere.example.net. A 192.0.2.1\n".utf8, to: "zone")
            let isServed = try eventually(within: Coprocess.timeout) {
                try address(coprocess, "x.example.org") == "192.0.2.\(number)"
            }
            try #require(isServed)
        }
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("an unwritable state directory is logged once, and each coprocess has its own image")
    func unusableState() throws {
        let folder = try makeSite()
        let coprocess = try start(folder, ["--config", "geopipe.yaml", "--state", "/proc/none"])
        #expect(try address(coprocess, "x.example.org") == "192.0.2.2")
        let error = String(decoding: coprocess.standardError, as: UTF8.self)
        #expect(error.contains("cannot write to the state directory /proc/none"))
        try folder.write(Self.zone("192.0.2.3"), to: "zone")
        #expect(try eventually(within: Coprocess.timeout) { try address(coprocess, "x.example.org") == "192.0.2.3" })
    }
}
