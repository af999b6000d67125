import Foundation
import Support
import Testing

@testable import Backend

@Suite("The last good configuration")
struct LastGoodTests {
    private let folder: Folder
    private let lastGood: LastGood

    init() throws {
        folder = try Folder()
        lastGood = LastGood(of: folder.path + "/a.yaml", in: StateDirectory(path: folder.path + "/state"))
    }

    @Test("is what was read, not what is there when it is copied")
    func changed() throws {
        try folder.write("good".utf8, to: "a.yaml")
        let file = folder.path + "/a.yaml"
        let read = [file: FileState(file)]
        try folder.write("not good".utf8, to: "a.yaml")
        try lastGood.keep(read)
        #expect(lastGood.root == nil)
        try lastGood.keep([file: FileState(file)])
        let root = try #require(lastGood.root)
        #expect(folder.text(of: String((root + file).dropFirst(folder.path.count + 1))) == "not good")
    }

    @Test("is copied again if somebody has damaged the copies, and not otherwise")
    func damaged() throws {
        try folder.write("good".utf8, to: "a.yaml")
        let file = folder.path + "/a.yaml"
        let state = [file: FileState(file), folder.path + "/missing": FileState(folder.path + "/missing")]
        try lastGood.keep(state)
        let first = try #require(lastGood.root)
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: first)
        func copy() -> String? { folder.text(of: String((first + file).dropFirst(folder.path.count + 1))) }
        try lastGood.keep(state)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: first) == link)
        for damage in [
            { try Data("evil".utf8).write(to: URL(filePath: first + file)) },
            { unlink(first + file) },
            { unlink(first) },
            { unlink((first as NSString).deletingLastPathComponent + "/files") },
            { try FileManager.default.removeItem(atPath: folder.path + "/state") },
        ] as [() throws -> Void] {
            try damage()
            try lastGood.keep(state)
            #expect(copy() == "good")
        }
    }
}
