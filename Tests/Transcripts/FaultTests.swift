import Foundation
import Support
import Testing

/// What signals do to a coprocess, and what it makes of faults of its own.
@Suite("Signals and faults")
struct FaultTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        try folder.write(
            """
            zones:
              example.com:
                soa: { primary: ns., contact: h. }
                ns: [ns.example.net.]
                records: { www: { A: 192.0.2.1 }, fault: { A: 192.0.2.2 }, abort: { A: 192.0.2.3 } }
            """.utf8, to: "geopipe.yaml")
    }

    /// A coprocess that has been greeted.
    ///
    /// - Parameter launcher: a command that starts the program that its arguments say.
    private func start(environment: [String] = [], launcher: [String] = []) throws -> Coprocess {
        let words = launcher + [Coprocess.binary, "--config", "geopipe.yaml"]
        let coprocess = try Coprocess(
            Array(words.dropFirst()), in: URL(filePath: folder.path), program: words[0], environment: environment)
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        return coprocess
    }

    /// What is at a name of example.com; `nil` if the question is refused.
    private func ask(_ name: String, _ coprocess: Coprocess) throws -> String? {
        try coprocess.send("Q\t\(name).example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
        if answer == ["FAIL"] { return nil }
        try #require(answer.count == 2 && answer[1] == "END", "\(answer)")
        return answer[0].split(separator: "\t").last.map(String.init)
    }

    @Test("no signal that somebody sends ends a coprocess, but for two")
    func signals() throws {
        let coprocess = try start()
        // Others stop a process, or belong to the C library.
        for signal in Set(1...64).subtracting([SIGKILL, SIGTERM, SIGSTOP, 32, 33].map(Int.init)).sorted() {
            for _ in 0..<3 { try #require(kill(coprocess.identifier, CInt(signal)) == 0) }
            try #require(try ask("www", coprocess) == "192.0.2.1", "signal \(signal)")
        }
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
        let another = try start()
        kill(another.identifier, SIGTERM)
        #expect(try another.ending() == Coprocess.Ending(status: SIGTERM, killed: true))
    }

    /// Makes a coprocess come to grief over answers that have the names `fault` and `abort` in them, and over a file `fault.mmdb`.
    private func library() throws -> String {
        try folder.write(
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdarg.h>
            #include <stdlib.h>
            #include <string.h>
            #include <unistd.h>

            ssize_t write(int descriptor, const void *bytes, size_t count) {
                ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
                if (descriptor == 1 && memmem(bytes, count, "fault.example", 13)) __builtin_trap();
                if (descriptor == 1 && memmem(bytes, count, "abort.example", 13)) abort();
                return next(descriptor, bytes, count);
            }

            int open(const char *path, int flags, ...) {
                int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
                va_list more;
                va_start(more, flags);
                if (strstr(path, "fault.mmdb")) __builtin_trap();
                return next(path, flags, va_arg(more, int));
            }

            """.utf8, to: "fault.c")
        let library = "\(folder.path)/fault.so"
        let compiler = try Tool("cc").run(["-shared", "-fPIC", "-o", library, "\(folder.path)/fault.c", "-ldl"])
        try #require(compiler.status == 0, "\(compiler.output)")
        return library
    }

    @Test("a fault refuses the question at hand, and the same process goes on")
    func fault() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for name in ["fault", "abort", "fault", "fault", "fault"] {
            try #require(try ask(name, coprocess) == nil, "\(name)")
            if name != "fault" { try #require(try ask("www", coprocess) == "192.0.2.1") }
        }
        try #require(try ask("www", coprocess) == "192.0.2.1")
        let error = String(decoding: coprocess.standardError, as: UTF8.self)
        let lines = error.split(separator: "\n").filter { $0.contains("a fault of its own") }
        #expect(lines.count == 5)
        #expect(lines.allSatisfy { $0.hasPrefix("geopipe[\(coprocess.identifier)]: a fault of its own: signal ") })
        func refused(_ name: String) -> String {
            "; the question is refused: Q \(name).example.com IN A -1 192.0.2.1 127.0.0.1 203.0.113.0/24"
        }
        // What a trap is differs from one kind of processor to another.
        #expect(lines.first?.contains(" (SIGILL), address 0x") == true || lines.first?.contains(" (SIGTRAP)") == true)
        #expect(lines.first?.hasSuffix(refused("fault")) == true)
        #expect(lines.dropFirst().first?.contains(": signal 6 (SIGABRT), instruction 0x") == true)
        #expect(lines.dropFirst().first?.hasSuffix(refused("abort")) == true)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test(
        "of lines that come at once a fault costs the one that it is about, wherever that stands",
        arguments: [
            ["www", "fault", "www"], ["fault", "www", "www"], ["www", "www", "abort"],
            ["fault", "www", "abort", "www", "fault"], ["www", "fault"],
        ])
    func batch(names: [String]) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        func question(_ name: String) -> String {
            "Q\t\(name).example.com\tIN\tA\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n"
        }
        // What has come of a line waits for the rest.
        let last = question("www")
        try coprocess.send(names.map(question).joined() + last.prefix(9))
        var answers: [String] = []
        for _ in names {
            let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
            answers.append(answer == ["FAIL"] ? "FAIL" : answer[0].split(separator: "\t").last.map(String.init) ?? "")
        }
        #expect(answers == names.map { $0 == "www" ? "192.0.2.1" : "FAIL" })
        try coprocess.send(String(last.dropFirst(9)))
        #expect(try coprocess.answer().first.map { String(decoding: $0, as: UTF8.self).hasSuffix("192.0.2.1") } == true)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("a fault in loading leaves what was loaded before, and the next change is loaded")
    func faultInLoading() throws {
        let good = folder.text(of: "geopipe.yaml")
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        try #require(try ask("www", coprocess) == "192.0.2.1")
        func replace(_ text: String, saying words: String) throws {
            try folder.write(text.utf8, to: "new")
            try #require(rename("\(folder.path)/new", "\(folder.path)/geopipe.yaml") == 0)
            let isSaid = try eventually(within: Coprocess.patience) {
                try coprocess.wait(.milliseconds(10))
                return String(decoding: coprocess.standardError, as: UTF8.self).contains(words)
            }
            try #require(isSaid, "\(words)")
        }
        for _ in 0..<3 {
            coprocess.forgetError()
            try replace(
                "databases: [fault.mmdb]\n" + good,
                saying: "geopipe.yaml: the compiler was ended by signal ")
            try #require(try ask("www", coprocess) == "192.0.2.1")
        }
        try replace(good.replacing("192.0.2.1", with: "192.0.2.9"), saying: "loaded geopipe.yaml\n")
        let isNew = try eventually(within: Coprocess.patience) { try ask("www", coprocess) == "192.0.2.9" }
        #expect(isNew)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("one fault after another lets questions be refused, but not for ever")
    func faults() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for _ in 0..<4 { try #require(try ask("fault", coprocess) == nil) }
        try #require(try ask("www", coprocess) == nil)
        // Also if nobody asks meanwhile.
        sleep(12)
        let isBack = try eventually(within: Coprocess.patience) { try ask("www", coprocess) == "192.0.2.1" }
        #expect(isBack)
        #expect(try String(contentsOfFile: "/proc/\(coprocess.identifier)/comm", encoding: .utf8) == "geopipe\n")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    /// Starts a program where /proc is empty.
    private static let withoutProc = [
        "unshare", "--mount", "sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\"",
    ]

    /// Only root, and not in every container, may hide /proc.
    private static var canHideProc: Bool {
        guard geteuid() == 0, let unshare = try? Tool("unshare") else { return false }
        return (try? unshare.run(withoutProc.dropFirst() + ["true"]).status) == 0
    }

    @Test(
        "without /proc, as in a chroot, the arguments count and a fault refuses one question (needs root)",
        .enabled(if: canHideProc, "only root can hide /proc"))
    func faultWithoutProc() throws {
        let coprocess = try start(
            environment: ["LD_PRELOAD=\(try library())"], launcher: Self.withoutProc)
        for _ in 0..<3 {
            try #require(try ask("www", coprocess) == "192.0.2.1")
            try #require(try ask("fault", coprocess) == nil)
        }
        try #require(try ask("www", coprocess) == "192.0.2.1")
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test(
        "a program that cannot begin anew ends, so that pdns starts another (needs root)",
        .enabled(if: canHideProc, "only root can hide /proc"))
    func faultWithoutProgram() throws {
        // There is nothing to begin anew from where the program has been removed as well.
        let copy = "\(folder.path)/geopipe"
        try FileManager.default.copyItem(atPath: Coprocess.binary, toPath: copy)
        let libraries = URL(filePath: Coprocess.binary).deletingLastPathComponent().path
        let coprocess = try Coprocess(
            Array(Self.withoutProc.dropFirst()) + ["./geopipe", "--config", "geopipe.yaml"],
            in: URL(filePath: folder.path), program: Self.withoutProc[0],
            environment: ["LD_PRELOAD=\(try library())", "LD_LIBRARY_PATH=\(libraries)"])
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        try #require(try ask("www", coprocess) == "192.0.2.1")
        // What it began from is gone, and no path leads to it.
        try FileManager.default.removeItem(atPath: copy)
        try #require(try ask("fault", coprocess) == nil)
        try #require(try ask("www", coprocess) == "192.0.2.1")
        try #require(try ask("fault", coprocess) == nil)
        #expect(try coprocess.ending() == Coprocess.Ending(status: 1))
    }
}
