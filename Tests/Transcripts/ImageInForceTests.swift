import Foundation
import State
import Support
import Testing

/// Commands while the image in force was not compiled from the files on disk.
@Suite("An image in force that differs from the files on disk")
struct ImageInForceTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    @Test("an image file is committed only with --image-only, and is in force then")
    func image() throws {
        let image = path("next.image")
        let compiled = try Program.geopipe.run(
            ["compile", "--config", path("next.yaml"), "-o", image], in: folder)
        #expect(compiled.status == 0)
        try expect(1, "rollout", "start", image)
        #expect(try expect(1, "rollout", "commit").error.contains("--image-only"))
        #expect(try expect(0, "rollout", "commit", "--image-only").output.contains("are unchanged"))
        #expect(folder.text(of: "geopipe.yaml") == Self.text("192.0.2.1"))
        let status = try Program.geopipe.run(["status", "--json", "--config", file], in: folder)
        #expect(String(decoding: status.output, as: UTF8.self).contains("\"rollout\" : null"))
        // The image in force is not from the files on disk, and all commands say so.
        #expect(try problems().contains { $0.contains("was not compiled from \(file)") })
        try expectImageInTheirPlace("192.0.2.2")
        let id = try #require(try state.rollout().value?.new)
        #expect(try expect(1, "status").output.contains(id), "the image has the id with which it was started")
    }

    @Test(
        "query, explain and map use the image in force after going back, and say that it differs from the files on disk"
    )
    func queryAfterBack() throws {
        try folder.write(Self.text("192.0.2.3").utf8, to: "geopipe.yaml")
        usleep(50_000)
        try expect(0, "compile")
        #expect(try addresses().contains("192.0.2.3"))
        #expect(try expect(0, "rollout", "back").output.contains("are unchanged"))
        #expect(try problems().contains { $0.contains("is not that of the files on disk") })
        try expectImageInTheirPlace("192.0.2.1")
        // A changed file will be in force soon, so the files on disk are used.
        try folder.write(Self.text("192.0.2.4").utf8, to: "geopipe.yaml")
        let answer = try expect(0, "query", "www.example.com", "A", "192.0.2.200")
        #expect(answer.output.contains("192.0.2.4"))
        #expect(answer.error.contains("which are not in force yet"))
    }

    private func expectImageInTheirPlace(_ address: String) throws {
        let answer = try expect(0, "query", "www.example.com", "A", "192.0.2.200")
        #expect(answer.output.contains(address))
        #expect(answer.error.contains("answering from the image in force"))
        let explanation = try expect(0, "explain", "www.example.com", "192.0.2.200")
        #expect(explanation.output.contains("which does not match the files on disk"))
        #expect(explanation.output.contains(address))
        #expect(try expect(0, "map").error.contains("answering from the image in force"))
    }
}
