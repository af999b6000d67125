import Foundation
import Support
import Testing

@testable import Backend

@Suite("Where the state is")
struct StateReminderTests {
    private let folder: Folder
    private let file: String
    private let state: StateDirectory
    private let good =
        "zones: { example.com: { soa: { primary: ns.example.com., contact: a@b.com }, ns: [ns.example.com.] } }\n"

    init() throws {
        folder = try Folder()
        file = "\(folder.path)/geopipe.yaml"
        state = StateDirectory(path: "\(folder.path)/state")
        try folder.write(good.utf8, to: "geopipe.yaml")
        state.remember(for: file)
    }

    private func found(at path: String? = nil) -> String? { StateDirectory.of(file, at: path)?.path }

    @Test("is what somebody says, or else the configuration, or else what it was when that could be read")
    func order() throws {
        defer { StateDirectory.forget(for: file) }
        #expect(found() == nil, "a good configuration without a state has none")
        try folder.write("zones: [".utf8, to: "geopipe.yaml")
        #expect(found() == state.path)
        unlink(file)
        #expect(found() == state.path)
        try folder.write([0xff] + "\nstate_directory: other\nzones: [".utf8, to: "geopipe.yaml")
        #expect(found() == "\(folder.path)/other")
        #expect(found(at: "third") == "third")
        StateDirectory(path: "\(folder.path)/fourth").remember(for: file)
        unlink(file)
        #expect(found() == "\(folder.path)/fourth")
        StateDirectory.forget(for: file)
        #expect(found() != "\(folder.path)/fourth")
    }

    @Test("is not believed of a file that others may have left there")
    func foreign() throws {
        let reminder = StateDirectory.reminder(of: file)
        defer { unlink(reminder) }
        unlink(file)
        try #require(found() == state.path)
        let usual = StateDirectory.of("\(folder.path)/never", at: nil)?.path
        unlink(reminder)
        try folder.write("\(folder.path)/planted\n".utf8, to: "planted")
        try FileManager.default.createSymbolicLink(atPath: reminder, withDestinationPath: "\(folder.path)/planted")
        #expect(found() == usual)
        for text in ["", "\n", "relative\n", "/not/whole"] {
            unlink(reminder)
            try Data(text.utf8).write(to: URL(filePath: reminder))
            #expect(found() == usual, "\(text)")
        }
        unlink(reminder)
        mkfifo(reminder, 0o600)
        #expect(found() == usual)
        unlink(reminder)
        guard geteuid() == 0 else { return }
        try Data("\(state.path)\n".utf8).write(to: URL(filePath: reminder))
        #expect(found() == state.path)
        chown(reminder, 65_534, 65_534)
        #expect(found() == usual)
    }
}
