import Foundation
import Support
import Testing

/// Signals to a coprocess, and faults in it.
@Suite("Signals and faults")
struct FaultTests {
    private let folder: Folder

    /// The number of records at `large.example.com`, of 200 bytes each.
    private static let largeCount = 20

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

    /// Starts a coprocess and greets it.
    ///
    /// - Parameters:
    ///   - environment: additional environment variables, as `NAME=VALUE`.
    ///   - launcher: a command that starts the program in its arguments.
    ///   - arguments: additional arguments, after those that name the configuration.
    private func start(
        environment: [String] = [], launcher: [String] = [], arguments: [String] = []
    ) throws -> Coprocess {
        let words = launcher + [Coprocess.binary, "--config", "geopipe.yaml"] + arguments
        let coprocess = try Coprocess(
            Array(words.dropFirst()), in: URL(filePath: folder.path), program: words[0], environment: environment)
        try coprocess.send("HELO\t5\n")
        _ = try coprocess.answer()
        return coprocess
    }

    private func question(_ name: String, _ type: String = "A", in zone: String = "example.com") -> String {
        "Q\t\(name).\(zone)\tIN\t\(type)\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n"
    }

    /// Returns the next answers: the content of the first record of each, or `FAIL` or `END` if that is its first
    /// line.
    private func answers(_ count: Int, _ coprocess: Coprocess) throws -> [String] {
        try (0..<count).map { _ in
            let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
            return answer[0].split(separator: "\t").last.map(String.init) ?? ""
        }
    }

    /// The number of faults that it has logged.
    private func faults(_ coprocess: Coprocess) -> Int {
        String(decoding: coprocess.standardError, as: UTF8.self).split(separator: "\n")
            .count { $0.contains("internal error") }
    }

    /// Ends a coprocess that must not write any more.
    private func expectEnd(_ coprocess: Coprocess) throws {
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
        #expect(legible(coprocess.output) == "")
    }

    /// Returns the answer at a name of example.com; `nil` if the question is refused.
    private func ask(_ name: String, _ coprocess: Coprocess) throws -> String? {
        try coprocess.send(question(name))
        let answer = try coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
        if answer == ["FAIL"] { return nil }
        try #require(answer.count == 2 && answer[1] == "END", "\(answer)")
        return answer[0].split(separator: "\t").last.map(String.init)
    }

    @Test("only two signals from other processes end a coprocess")
    func signals() throws {
        let coprocess = try start()
        // The other signals stop a process, or belong to the C library.
        for signal in Set(1...64).subtracting([SIGKILL, SIGTERM, SIGSTOP, 32, 33].map(Int.init)).sorted() {
            for _ in 0..<3 { try #require(kill(coprocess.identifier, CInt(signal)) == 0) }
            try #require(try ask("www", coprocess) == "192.0.2.1", "signal \(signal)")
        }
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
        let another = try start()
        kill(another.identifier, SIGTERM)
        #expect(try another.ending() == Coprocess.Ending(status: SIGTERM, killed: true))
    }

    /// Compiles a library that makes a coprocess crash on answers with the names `fault` and `abort`, on the message
    /// that a line is too long, and on a file `fault.mmdb`.
    ///
    /// A file `trip-N` in its folder crashes the program once when it opens its image for the Nth time. With
    /// `REST=none` there is no file for unanswered lines, and with `REST=full` no space in it. A link `unfit` names
    /// an image that crashes each program when it opens it for the second time: the first time it only looks for one.
    private func library() throws -> String {
        try folder.write(
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <errno.h>
            #include <stdarg.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <unistd.h>

            static int rest = -1;

            int memfd_create(const char *name, unsigned flags) {
                int (*next)(const char *, unsigned) = dlsym(RTLD_NEXT, "memfd_create");
                const char *kind = getenv("REST");
                if (!kind || strcmp(name, "geopipe-rest")) return next(name, flags);
                if (!strcmp(kind, "full")) return rest = next(name, flags);
                errno = ENOSYS;
                return -1;
            }

            ssize_t write(int descriptor, const void *bytes, size_t count) {
                ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
                static size_t limit = 100;
                if (descriptor == rest && rest >= 0) {
                    if (count > limit) count = limit;
                    limit -= count;
                    if (count > 0) return next(descriptor, bytes, count);
                    errno = EFBIG;
                    return -1;
                }
                if (descriptor == 1 && memmem(bytes, count, "longer than", 11)) __builtin_trap();
                if (descriptor == 1 && memmem(bytes, count, "fault.example", 13)) __builtin_trap();
                if (descriptor == 1 && memmem(bytes, count, "abort.example", 13)) abort();
                return next(descriptor, bytes, count);
            }

            int open(const char *path, int flags, ...) {
                int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
                va_list more;
                va_start(more, flags);
                if (strstr(path, "fault.mmdb")) __builtin_trap();
                static int opens;
                if (strstr(path, ".image") && gettid() == getpid()) {
                    char unfit[256] = "";
                    static int unfit_opens;
                    if (readlink("unfit", unfit, 255) > 0 && strstr(path, unfit) && ++unfit_opens == 2) __builtin_trap();
                    char trip[16];
                    snprintf(trip, sizeof trip, "trip-%d", ++opens);
                    if (unlink(trip) == 0) __builtin_trap();
                }
                return next(path, flags, va_arg(more, int));
            }

            """.utf8, to: "fault.c")
        let library = "\(folder.path)/fault.so"
        let compiler = try Tool("cc").run(["-shared", "-fPIC", "-o", library, "\(folder.path)/fault.c", "-ldl"])
        try #require(compiler.status == 0, "\(compiler.output)")
        return library
    }

    @Test("a fault refuses the current question, and the process continues")
    func fault() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for name in ["fault", "abort", "fault", "fault", "fault"] {
            try #require(try ask(name, coprocess) == nil, "\(name)")
            if name != "fault" { try #require(try ask("www", coprocess) == "192.0.2.1") }
        }
        try #require(try ask("www", coprocess) == "192.0.2.1")
        let error = String(decoding: coprocess.standardError, as: UTF8.self)
        let lines = error.split(separator: "\n").filter { $0.contains("internal error") }
        #expect(lines.count == 5)
        #expect(lines.allSatisfy { $0.hasPrefix("geopipe[\(coprocess.identifier)]: internal error: signal ") })
        func refused(_ name: String) -> String {
            "; the question is refused: Q \(name).example.com IN A -1 192.0.2.1 127.0.0.1 203.0.113.0/24"
        }
        // The signal of a trap depends on the processor.
        #expect(lines.first?.contains(" (SIGILL), address 0x") == true || lines.first?.contains(" (SIGTRAP)") == true)
        #expect(lines.first?.hasSuffix(refused("fault")) == true)
        #expect(lines.dropFirst().first?.contains(": signal 6 (SIGABRT), instruction 0x") == true)
        #expect(lines.dropFirst().first?.hasSuffix(refused("abort")) == true)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test(
        "a fault loses only its own line of several",
        arguments: [
            ["www", "fault", "www"], ["fault", "www", "www"], ["www", "www", "abort"],
            ["fault", "www", "abort", "www", "fault"], ["www", "fault"],
        ])
    func batch(names: [String]) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        // The received part of a line waits for the rest.
        let last = question("www")
        try coprocess.send(names.map { question($0) }.joined() + last.prefix(9))
        #expect(try answers(names.count, coprocess) == names.map { $0 == "www" ? "192.0.2.1" : "FAIL" })
        try coprocess.send(String(last.dropFirst(9)))
        #expect(try coprocess.answer().first.map { String(decoding: $0, as: UTF8.self).hasSuffix("192.0.2.1") } == true)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }

    @Test("a fault does not repeat earlier answers: a zone transfer")
    func transfer() throws {
        // Its answer is sent in parts.
        let count = 30_000
        try folder.write("$TTL 60\n$GENERATE 1-\(count) host$ A 192.0.2.1\n".utf8, to: "large.zone")
        try folder.write(
            (folder.text(of: "geopipe.yaml") + "\n  example.info:\n"
                + "    file: large.zone\n    soa: { primary: ns., contact: h. }\n    ns: [ns.example.net.]\n").utf8,
            to: "geopipe.yaml")
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        try coprocess.send("AXFR\t1\texample.info\n" + ["www", "fault", "www"].map { question($0) }.joined())
        #expect(try coprocess.answer().count == count + 3)
        #expect(try answers(3, coprocess) == ["192.0.2.1", "FAIL", "192.0.2.1"])
        try expectEnd(coprocess)
    }

    @Test("a fault does not repeat earlier answers: more than one buffer")
    func large() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        let count = 300
        try coprocess.send(
            String(repeating: question("large", "TXT"), count: count) + question("fault") + question("www"))
        for number in 0..<count {
            try #require(try coprocess.answer().count == Self.largeCount + 1, "answer \(number)")
        }
        #expect(try answers(2, coprocess) == ["FAIL", "192.0.2.1"])
        try expectEnd(coprocess)
    }

    @Test("a second fault before the rest of the first is answered loses nothing", arguments: 1...2)
    func faultAfterFault(opening: Int) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        // Now the image exists.
        try #require(try ask("www", coprocess) == "192.0.2.1")
        try folder.write("".utf8, to: "trip-\(opening)")
        try coprocess.send(["www", "fault", "www"].map { question($0) }.joined() + question("www").prefix(9))
        #expect(try answers(3, coprocess) == ["192.0.2.1", "FAIL", "192.0.2.1"])
        try coprocess.send(String(question("www").dropFirst(9)))
        #expect(try answers(1, coprocess) == ["192.0.2.1"])
        #expect(faults(coprocess) == 3)
        try expectEnd(coprocess)
    }

    @Test("several faults before the rest of the first is answered refuse all of it")
    func faultsAfterFault() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for _ in 0..<2 { try #require(try ask("fault", coprocess) == nil) }
        try folder.write("".utf8, to: "trip-1")
        try coprocess.send(
            question("www") + question("fault") + question("www", "SOA") + question("www").prefix(9))
        #expect(try answers(4, coprocess) == ["FAIL", "FAIL", "FAIL", "END"])
        try coprocess.send(String(question("www").dropFirst(9)))
        #expect(try answers(1, coprocess) == ["FAIL"])
        try expectEnd(coprocess)
    }

    @Test("a fault while loading the first image loses no question that came with the greeting")
    func faultInGreeting() throws {
        let state = ["--state", "\(folder.path)/state"]
        let first = try start(arguments: state)
        try expectEnd(first)
        try folder.write("".utf8, to: "trip-2")
        let coprocess = try Coprocess(
            ["--config", "geopipe.yaml"] + state, in: URL(filePath: folder.path),
            environment: ["LD_PRELOAD=\(try library())"])
        try coprocess.send("HELO\t5\n" + question("www") + question("www"))
        #expect(try coprocess.answer().first?.starts(with: "OK".utf8) == true)
        #expect(try answers(2, coprocess) == ["192.0.2.1", "192.0.2.1"])
        #expect(faults(coprocess) == 1)
        try expectEnd(coprocess)
    }

    @Test("an image whose read crashed is skipped, and compiled again")
    func unfitImage() throws {
        let state = ["--state", "\(folder.path)/state"]
        try expectEnd(try start(arguments: state))
        let images = try #require(
            try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/state/images").first)
        let current = "\(folder.path)/state/images/\(images)/current"
        let name = try FileManager.default.destinationOfSymbolicLink(atPath: current)
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/unfit", withDestinationPath: name)
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"], arguments: state)
        #expect(try ask("www", coprocess) == "192.0.2.1")
        #expect(faults(coprocess) == 1)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: current) != name)
        // A later fault on a question does not use it again.
        try #require(try ask("fault", coprocess) == nil)
        #expect(try ask("www", coprocess) == "192.0.2.1")
        #expect(faults(coprocess) == 2)
        try expectEnd(coprocess)
    }

    @Test("lines that cannot be handed on are refused", arguments: ["none", "full"])
    func noRoom(rest: String) throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())", "REST=\(rest)"])
        try coprocess.send(question("www") + question("fault") + question("www", "SOA") + question("www"))
        #expect(try answers(5, coprocess) == ["FAIL", "FAIL", "FAIL", "END", "FAIL"])
        #expect(try ask("www", coprocess) == "192.0.2.1")
        try expectEnd(coprocess)
    }

    @Test("only SOA questions and commands are refused with END, which pdns waits for")
    func end() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        let soa = question("fault", "SOA", in: "example.org")
        for _ in 0..<2 {
            try coprocess.send(soa)
            #expect(try answers(2, coprocess) == ["FAIL", "END"])
        }
        try coprocess.send("CMD\tfault.example\n")
        #expect(try answers(2, coprocess) == ["FAIL", "END"])
        // After the last retry all questions are refused without another start.
        try coprocess.send(soa + question("www") + soa + question("www"))
        #expect(try answers(6, coprocess) == ["FAIL", "END", "FAIL", "FAIL", "END", "FAIL"])
        try coprocess.send(soa + question("www"))
        #expect(try answers(3, coprocess) == ["FAIL", "END", "FAIL"])
        try expectEnd(coprocess)
    }

    @Test("a fault on a line that is too long loses no line after it")
    func overlongLine() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        try coprocess.send(String(repeating: "x", count: 70_000))
        try coprocess.send("\n" + question("www") + question("www"))
        #expect(try answers(3, coprocess) == ["FAIL", "192.0.2.1", "192.0.2.1"])
        try expectEnd(coprocess)
    }

    @Test("a fault while loading keeps what was loaded before, and the next change is loaded")
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

    @Test("repeated faults refuse questions only for a while")
    func faults() throws {
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        for _ in 0..<4 { try #require(try ask("fault", coprocess) == nil) }
        try #require(try ask("www", coprocess) == nil)
        // Also without questions in between.
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

    /// Only root may hide /proc, and not in every container.
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
        "a program that cannot restart ends, so that pdns starts another (needs root)",
        .enabled(if: canHideProc, "only root can hide /proc"))
    func faultWithoutProgram() throws {
        // The program file is removed too, so a restart is impossible.
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
        // Its program file is gone, and no path leads to it.
        try FileManager.default.removeItem(atPath: copy)
        try #require(try ask("fault", coprocess) == nil)
        try #require(try ask("www", coprocess) == "192.0.2.1")
        try #require(try ask("fault", coprocess) == nil)
        #expect(try coprocess.ending() == Coprocess.Ending(status: 1))
    }
}
