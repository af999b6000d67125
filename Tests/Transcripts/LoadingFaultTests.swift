import Foundation
import Support
import Testing

@Suite("Faults while a coprocess loads")
struct LoadingFaultTests: AtFaultSite {
    let site: FaultSite

    init() throws { site = try FaultSite() }

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

    @Test("a fault while loading keeps what was loaded before, and the next change is loaded")
    func faultInLoading() throws {
        let good = folder.text(of: "geopipe.yaml")
        let coprocess = try start(environment: ["LD_PRELOAD=\(try library())"])
        try #require(try ask("www", coprocess) == "192.0.2.1")
        func replace(_ text: String, saying words: String) throws {
            try folder.write(text.utf8, to: "new")
            try #require(rename("\(folder.path)/new", "\(folder.path)/geopipe.yaml") == 0)
            let isSaid = try eventually(within: Coprocess.timeout) {
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
        let isNew = try eventually(within: Coprocess.timeout) { try ask("www", coprocess) == "192.0.2.9" }
        #expect(isNew)
        #expect(try coprocess.finish() == Coprocess.Ending(status: 0))
    }
}
