import Foundation
import Platform
import Support
import Synchronization
import Testing

@testable import State

@Suite("Watched files")
struct FileWatchTests {
    @Test("a loop of links is another state than a link to nothing, also as text")
    func loop() throws {
        let folder = try Folder()
        let path = "\(folder.path)/link"
        try #require(symlink("link", path) == 0)
        let loop = FileState(path)
        #expect(loop == FileState(path) && loop == FileState(words: loop.words))
        try #require(unlink(path) == 0 && symlink("nothing", path) == 0)
        #expect(FileState(path) == .nothing && loop != .nothing && loop != .unknown)
    }

    /// A change below a folder in which `current` is a link to `old`, and `old/sub` and `new/sub` have a `file` each.
    /// The watched path is `current/sub/file`.
    enum Event: String, CaseIterable, CustomTestStringConvertible {
        case written = "the file is written"
        case restored = "the file is written with as many bytes, and gets its old time back"
        case replaced = "another file takes its place"
        case removed = "the file is removed"
        case linkSwapped = "the link on the way leads elsewhere"
        case linkRemoved = "the link on the way is removed"
        case folderSwapped = "another folder takes the place of the file's"
        case upperFolderMoved = "the folder that the link leads to moves away"
        case becomesLink = "a link takes its place"

        var testDescription: String { rawValue }

        func happen(in root: String) throws {
            let manager = FileManager.default
            let file = "\(root)/old/sub/file"
            switch self {
            case .written:
                try Data("longer than before".utf8).write(to: URL(filePath: file))
            case .restored:
                let time = try #require(try manager.attributesOfItem(atPath: file)[.modificationDate])
                try Data("eno".utf8).write(to: URL(filePath: file))
                try manager.setAttributes([.modificationDate: time], ofItemAtPath: file)
            case .replaced:
                rename("\(root)/new/sub/file", file)
            case .removed:
                try manager.removeItem(atPath: file)
            case .linkSwapped:
                try manager.createSymbolicLink(atPath: "\(root)/next", withDestinationPath: "new")
                rename("\(root)/next", "\(root)/current")
            case .linkRemoved:
                try manager.removeItem(atPath: "\(root)/current")
            case .folderSwapped:
                rename("\(root)/old/sub", "\(root)/old/before")
                rename("\(root)/new/sub", "\(root)/old/sub")
            case .upperFolderMoved:
                rename("\(root)/old", "\(root)/older")
            case .becomesLink:
                try manager.createSymbolicLink(atPath: "\(root)/next", withDestinationPath: "new/sub/file")
                rename("\(root)/next", file)
            }
        }
    }

    private let folder: Folder
    private var root: String { folder.path }
    private var path: String { "\(root)/current/sub/file" }

    init() throws {
        folder = try Folder()
        for (name, text) in [("old", "one"), ("new", "two")] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(name)/sub", withIntermediateDirectories: true)
            try folder.write(text.utf8, to: "\(name)/sub/file")
        }
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/current", withDestinationPath: "old")
    }

    @Test("send an event, and have changed once, when", arguments: Event.allCases)
    func changed(event: Event) throws {
        let watch = Watcher([path])
        #expect(!watch.hasChanged())
        try event.happen(in: root)
        #expect(watch.hasNews())
        #expect(watch.hasChanged())
        #expect(!watch.hasChanged())
    }

    @Test("have not changed when they are read, or another file in their folder is written")
    func unchanged() throws {
        let watch = Watcher([path])
        #expect(folder.text(of: "current/sub/file") == "one")
        #expect(!watch.hasNews(within: 0))
        try folder.write("other".utf8, to: "old/sub/other")
        #expect(!watch.hasNews(within: 100))
        #expect(!watch.hasChanged())
    }

    @Test("may be missing, and change when they appear")
    func comes() throws {
        let watch = Watcher(["\(root)/old/later"])
        #expect(!watch.hasChanged())
        try folder.write("late".utf8, to: "old/later")
        #expect(watch.hasNews())
        #expect(watch.hasChanged())
    }

    @Test("send events after their folder was removed and made again")
    func folderMadeAnew() throws {
        let watch = Watcher([path])
        try FileManager.default.removeItem(atPath: "\(root)/old")
        try FileManager.default.createDirectory(atPath: "\(root)/old/sub", withIntermediateDirectories: true)
        try folder.write("one".utf8, to: "old/sub/file")
        #expect(watch.hasChanged())
        watch.watch([path])
        _ = watch.hasNews(within: 0)
        try folder.write("again".utf8, to: "old/sub/file")
        #expect(watch.hasNews())
        #expect(watch.hasChanged())
    }

    @Test("have changed if they or a link to them changed after a read began")
    func changedBefore() throws {
        let link = "\(root)/current"
        // time(2) may lag slightly behind file times.
        #expect(!Watcher([path], readSince: time(nil) + 2).hasChanged())
        #expect(Watcher([path], readSince: time(nil) - 3_600).hasChanged())
        sleep(1)
        let start = time(nil)
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "new")
        #expect(Watcher([path], readSince: start).hasChanged())
        #expect(!Watcher(["\(root)/new/sub/file"], readSince: start).hasChanged())
    }

    @Test("may have changed if they are missing and their folder changed after a read began")
    func goneBefore() throws {
        sleep(1)
        let start = time(nil)
        #expect(!Watcher(["\(root)/old/sub/missing"], readSince: start + 2).hasChanged())
        try FileManager.default.removeItem(atPath: path)
        #expect(Watcher([path], readSince: start).hasChanged())
        #expect(Watcher(["\(root)/old/sub/missing/too"], readSince: start).hasChanged())
        #expect(!Watcher(["\(root)/new/sub/missing"], readSince: start).hasChanged())
    }

    @Test("have changed if they are removed just when the watch begins")
    func goesMeanwhile() throws {
        let paths = (0..<100).map { "\(root)/old/sub/\($0)" }
        for path in paths { try #require(FileManager.default.createFile(atPath: path, contents: nil)) }
        sleep(1)
        let start = time(nil)
        let begun = Atomic<Int>(-1)
        let gone = Atomic<Int>(-1)
        let remover = Thread {
            var random = SeededGenerator(seed: 1)
            for (number, path) in paths.enumerated() {
                while begun.load(ordering: .acquiring) < number {}
                for _ in 0..<Int.random(in: 0..<300, using: &random) { _ = begun.load(ordering: .acquiring) }
                unlink(path)
                gone.store(number, ordering: .releasing)
            }
        }
        remover.start()
        for (number, path) in paths.enumerated() {
            begun.store(number, ordering: .releasing)
            let watch = Watcher([path], readSince: start)
            while gone.load(ordering: .acquiring) < number { usleep(10) }
            try #require(watch.hasChanged(), "\(number)")
        }
    }

    @Test("are compared with their states at the start of the watch, until changes are read")
    func watchedAgain() throws {
        let watch = Watcher([path])
        try folder.write("changed".utf8, to: "old/sub/file")
        try folder.write("new".utf8, to: "another")
        watch.watch([path, "\(root)/another"])
        #expect(watch.paths == [path, "\(root)/another"])
        #expect(watch.hasChanged())
        watch.watch(["\(root)/another"])
        try folder.write("not watched any more".utf8, to: "old/sub/file")
        #expect(!watch.hasChanged())
    }
}

/// A file watch in a class, for use inside of expectations.
private final class Watcher {
    private var files = FileWatch()

    init(_ paths: Set<String>, readSince start: Int = .max) { watch(paths, readSince: start) }

    var paths: Set<String> { files.paths }

    /// - Parameter start: as in `FileWatch`; by default a time in the future.
    func watch(_ paths: Set<String>, readSince start: Int = .max) { files.watch(paths, readSince: start) }

    func hasChanged() -> Bool { files.hasChanged() }

    /// Whether there are events, which are consumed.
    func hasNews(within milliseconds: CInt = 5_000) -> Bool {
        let deadline = ContinuousClock.now + .milliseconds(Int(milliseconds))
        repeat {
            var request = pollfd(fd: files.descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&request, 1, min(milliseconds, 100)) == 1, files.takeEvents() { return true }
        } while ContinuousClock.now < deadline
        return false
    }
}
