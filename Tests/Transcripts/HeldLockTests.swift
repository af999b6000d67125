import Foundation
import Support
import Testing

@Suite("A compiler's lock that another process keeps")
struct HeldLockTests: AtFaultSite {
    let site: FaultSite
    private let state: [String]

    init() throws {
        site = try FaultSite()
        state = ["--state", "\(site.folder.path)/state"]
        try expectEnd(try start(arguments: state))
    }

    /// Takes the lock as a stopped compiler has it, which began two hours ago.
    private func keepLock() throws -> FileHandle {
        let path = "\(folder.path)/state/images/"
        let images = try #require(try FileManager.default.contentsOfDirectory(atPath: path).first)
        let lock = try FileHandle(forUpdating: URL(filePath: "\(path)\(images)/lock"))
        try #require(flock(lock.fileDescriptor, LOCK_EX | LOCK_NB) == 0)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7_200)], ofItemAtPath: "\(path)\(images)/lock")
        return lock
    }

    @Test("a coprocess without an image compiles its own, and names the process")
    func withoutImage() throws {
        let lock = try keepLock()
        let path = "\(folder.path)/state/images/"
        let images = path + (try FileManager.default.contentsOfDirectory(atPath: path)[0])
        for name in try FileManager.default.contentsOfDirectory(atPath: images) where name != "lock" {
            try FileManager.default.removeItem(atPath: "\(images)/\(name)")
        }
        let coprocess = try start(arguments: state)
        #expect(try ask("www", coprocess) == "192.0.2.1")
        let said = String(decoding: coprocess.standardError, as: UTF8.self)
        #expect(said.contains("process \(getpid()) has held the lock \(images)/lock"), "\(said)")
        try expectEnd(coprocess)
        try lock.close()
    }

    @Test("a coprocess with an image compiles a changed configuration for itself")
    func withImage() throws {
        let lock = try keepLock()
        let coprocess = try start(arguments: state)
        #expect(try ask("www", coprocess) == "192.0.2.1")
        let text = folder.text(of: "geopipe.yaml").replacing("A: 192.0.2.1 ", with: "A: 192.0.2.9 ")
        try folder.write(text.utf8, to: "new")
        try #require(rename("\(folder.path)/new", "\(folder.path)/geopipe.yaml") == 0)
        let isNew = try eventually(within: Coprocess.timeout) { try ask("www", coprocess) == "192.0.2.9" }
        #expect(isNew)
        try expectEnd(coprocess)
        try lock.close()
    }
}
