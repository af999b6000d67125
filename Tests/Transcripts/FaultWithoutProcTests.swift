import Foundation
import Support
import Testing

@Suite("Faults without /proc")
struct FaultWithoutProcTests: AtFaultSite {
    let site: FaultSite

    init() throws { site = try FaultSite() }

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
