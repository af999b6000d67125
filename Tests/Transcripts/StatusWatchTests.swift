import Foundation
import Testing

@Suite("geopipe status --watch")
struct StatusWatchTests: AtStatusSite {
    let site: StatusSite

    init() throws { site = try StatusSite() }

    @Test("--watch draws on a terminal until Ctrl-C, and restores it")
    func watch() throws {
        var keyboard: CInt = -1
        var screen: CInt = -1
        try #require(openpty(&keyboard, &screen, nil, nil, nil) == 0)
        let terminal = FileHandle(fileDescriptor: keyboard, closeOnDealloc: true)
        let process = Process()
        process.executableURL = URL(filePath: Coprocess.binary)
        process.arguments = ["status", "--watch", "--config", "geopipe.yaml"]
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.environment = ["TERM": "xterm"]
        process.standardOutput = FileHandle(fileDescriptor: screen, closeOnDealloc: true)
        process.standardInput = FileHandle.nullDevice
        // Threads of tests block most signals, and children inherit that.
        var none = sigset_t()
        var blocked = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &blocked)
        try process.run()
        pthread_sigmask(SIG_SETMASK, &blocked, nil)
        var output = ""
        func read(until words: String) throws {
            while !output.contains(words) {
                let data = terminal.availableData
                try #require(!data.isEmpty, "\(output)")
                output += String(decoding: data, as: UTF8.self)
            }
        }
        try read(until: "none running")
        output = String(output.drop { $0 != "\u{1b}" })
        #expect(output.hasPrefix("\u{1b}[?1049h\u{1b}[?25l"), "\(output.debugDescription)")
        output = ""
        // It redraws periodically.
        try read(until: "none running")
        process.interrupt()
        try read(until: "\u{1b}[?25h\u{1b}[?1049l")
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    }

    @Test("--watch is refused in a pipe")
    func watchInPipe() throws {
        let refused = try run("status", "--watch")
        #expect(refused.code == 2 && refused.output == "")
        #expect(
            refused.error
                == "status --watch needs a terminal; elsewhere run geopipe status repeatedly, or status --json\n")
    }
}
