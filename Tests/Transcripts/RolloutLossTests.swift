import Foundation
import State
import Support
import Testing

/// Files of a rollout that are removed or damaged while it runs.
@Suite("Lost files of a rollout")
struct RolloutLossTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    /// A coprocess that answers from the new side.
    private func begin() throws -> Coprocess {
        let coprocess = try start("--config", file)
        try expect(0, "rollout", "start", path("next.yaml"))
        try expect(0, "rollout", "share", "100%")
        try #require(try answer(of: coprocess).contains("192.0.2.2"))
        return coprocess
    }

    private func image() throws -> String {
        let rollout = try #require(try state.rollout().value)
        return path("state/images/\(rollout.images)/rollout-\(rollout.id).candidate")
    }

    private func isAnsweredSoon(_ address: String, by coprocess: Coprocess) -> Bool {
        eventually(within: Coprocess.timeout) { (try? answer(of: coprocess).contains(address)) == true }
    }

    @Test("a coprocess that has mapped a removed image restores it, for coprocesses that start")
    func removedImage() throws {
        let coprocess = try begin()
        let image = try image()
        try FileManager.default.removeItem(atPath: image)
        #expect(eventually(within: Coprocess.timeout) { FileManager.default.fileExists(atPath: image) })
        #expect(try answer(of: coprocess).contains("192.0.2.2"))
        let second = try start("--config", file)
        #expect(try answer(of: second).contains("192.0.2.2"))
        #expect(try json(0, "rollout", "status")["followers"] as? Int == 2)
        #expect(try !problems().contains { $0.contains("rollout") })
        for process in [coprocess, second] { #expect(try process.finish().status == 0) }
    }

    @Test("a coprocess that has mapped a replaced image restores it")
    func replacedImage() throws {
        let coprocess = try begin()
        let image = try image()
        let whole = try Data(contentsOf: URL(filePath: image))
        // A new file in its place does not change the mapped one.
        try FileManager.default.removeItem(atPath: image)
        try damaged(whole).write(to: URL(filePath: image), options: .atomic)
        #expect(try answer(of: coprocess).contains("192.0.2.2"))
        #expect(eventually(within: Coprocess.timeout) { (try? Data(contentsOf: URL(filePath: image))) == whole })
        try expect(0, "rollout", "share", "50%")
        #expect(try coprocess.finish().status == 0)
    }

    /// Returns an image with a changed byte near its end.
    private func damaged(_ image: Data) -> Data {
        var image = image
        image[image.count - image.count / 4] ^= 0x55
        return image
    }

    @Test("no client gets a damaged image any more, and only an abort is possible")
    func damagedImage() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        let image = try image()
        let whole = try Data(contentsOf: URL(filePath: image))
        try FileManager.default.removeItem(atPath: image)
        try damaged(whole).write(to: URL(filePath: image))
        for step in [["share", "50%"], ["places", "NO"], ["commit", "--take-over"]] {
            let refused = try expect(2, "rollout", step[0], step[1]).error
            #expect(refused.contains("is damaged") && refused.contains("geopipe rollout abort"), "\(refused)")
        }
        #expect(try state.rollout().value?.part == .dark)
        try Data("rubbish".utf8).write(to: URL(filePath: image))
        let words = "it is not in force, and all clients get the image in force"
        #expect(try problems().contains { $0.contains(words) })
        #expect(try expect(1, "rollout", "status").output.contains(words))
        let coprocess = try start("--config", file)
        #expect(try answer(of: coprocess).contains("192.0.2.1"))
        #expect(try expect(0, "rollout", "abort").output.contains("aborted"))
        try expect(0, "rollout", "start", path("next.yaml"))
        #expect(try coprocess.finish().status == 0)
    }

    @Test(
        "removed files end it in all coprocesses, and status reports the loss until an abort or a start"
    )
    func removedFiles() throws {
        let coprocess = try begin()
        let id = try #require(try state.rollout().value?.id)
        for name in ["rollout", "rollout.copy"] { try FileManager.default.removeItem(atPath: path("state/\(name)")) }
        #expect(isAnsweredSoon("192.0.2.1", by: coprocess))
        #expect(try problems().contains { $0.contains("the files of the rollout \(id) are gone") })
        #expect(try expect(1, "rollout", "status").output.contains("geopipe rollout abort acknowledges that"))
        #expect(try json(1, "rollout", "status")["lost"] as? String == id)
        #expect(try expect(1, "rollout", "share", "5%").error.contains("no rollout runs"))
        #expect(try expect(0, "rollout", "abort").output.contains("aborted \(id)"))
        #expect(try !problems().contains { $0.contains(id) })
        #expect(try expect(1, "rollout", "abort").error.contains("no rollout runs"))
        let status = try expect(0, "rollout", "status").output
        #expect(status.contains("aborted the rollout \(id)") && !status.contains("never was"), "\(status)")
        try expect(0, "rollout", "start", path("next.yaml"))
        #expect(try coprocess.finish().status == 0)
    }

    @Test("corrupt files end it in all coprocesses, and an abort renames them")
    func tornFiles() throws {
        let coprocess = try begin()
        for name in ["rollout.copy", "rollout"] { try folder.write("rubbish".utf8, to: "state/\(name)") }
        #expect(isAnsweredSoon("192.0.2.1", by: coprocess))
        #expect(
            try problems().contains { $0.contains("is corrupt") && $0.contains("all clients get the image in force") }
        )
        #expect(try expect(2, "rollout", "status").error.contains("geopipe rollout abort renames the file"))
        #expect(try expect(0, "rollout", "abort").error.contains("rollout.untrusted"))
        #expect(try !problems().contains { $0.contains("is corrupt") && !$0.hasPrefix("coprocess") })
        #expect(folder.text(of: "state/rollout.untrusted") == "rubbish")
        try expect(0, "rollout", "start", path("next.yaml"))
        #expect(try coprocess.finish().status == 0)
    }

    @Test("the loss of one of both files changes nothing for clients, and the next step restores it")
    func oneFile() throws {
        let coprocess = try begin()
        try folder.write("rubbish".utf8, to: "state/rollout")
        #expect(try problems().contains { $0.contains("using the backup copy") })
        #expect(try answer(of: coprocess).contains("192.0.2.2"))
        let second = try start("--config", file)
        #expect(try answer(of: second).contains("192.0.2.2"))
        try expect(0, "rollout", "share", "100%")
        #expect(try !problems().contains { $0.contains("using the backup copy") })
        for process in [coprocess, second] { #expect(try process.finish().status == 0) }
    }
}
