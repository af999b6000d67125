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
}
