import Foundation
import State
import Testing

/// Drains during a rollout, which must keep the safety rules of NEW.
@Suite("The safety rules of a rollout")
struct RolloutSafetyTests: AtRolloutSite {
    let site: RolloutSite

    init() throws { site = try RolloutSite() }

    @Test("a drain that breaks a safety rule of NEW aborts it, once clients get it")
    func safety() throws {
        try folder.write(
            Self.text("192.0.2.2").replacing("in_use: 1", with: "in_use: 2").utf8, to: "safer.yaml")
        usleep(50_000)
        try expect(1, "rollout", "start", path("safer.yaml"))
        try expect(1, "drain", "oslo")
        #expect(try state.rollout().value?.isRunning == true)
        #expect(try expect(1, "rollout", "share", "5%").error.contains("safety rule in_use: 2"))
        try expect(1, "undrain", "oslo")
        try expect(1, "rollout", "share", "5%")
        #expect(try expect(1, "drain", "oslo").output.contains("is aborted: what is drained breaks"))
        #expect(try state.rollout().value?.end?.isAutomatic == true)
    }

    @Test(
        "the safety rules are those of NEW at the start, even if its file changes later, or NEW is an image file"
    )
    func safetyOfTheImage() throws {
        let safer = Self.text("192.0.2.2").replacing("in_use: 1", with: "in_use: 2")
        try folder.write(safer.utf8, to: "safer.yaml")
        usleep(50_000)
        try expect(1, "rollout", "start", path("safer.yaml"))
        try expect(1, "rollout", "share", "5%")
        try folder.write(Self.text("192.0.2.2").utf8, to: "safer.yaml")
        #expect(try expect(1, "drain", "oslo").output.contains("is aborted: what is drained breaks"))
        try expect(1, "undrain", "oslo")
        // Conversely, a rule that was added after the start does not apply.
        try expect(1, "rollout", "start", path("safer.yaml"))
        try expect(1, "rollout", "share", "5%")
        try folder.write(safer.utf8, to: "safer.yaml")
        #expect(try !expect(1, "drain", "oslo").output.contains("is aborted"))
        #expect(try expect(1, "rollout", "share", "6%").output.contains("6%"))
        try expect(0, "rollout", "abort")
        usleep(50_000)
        let image = path("safer.image")
        try expect(0, "compile", "-o", image, config: path("safer.yaml"))
        #expect(try expect(1, "rollout", "start", image).error.contains("safety rule in_use: 2"))
    }

    @Test("a drain uses the safety rules of the image in force while the configuration has errors")
    func safetyOfTheImageInForce() throws {
        try folder.write((Self.text("192.0.2.1") + "zones: [\n").utf8, to: "geopipe.yaml")
        try expect(1, "drain", "oslo")
        let refused = try expect(1, "drain", "ashburn")
        #expect(refused.error.contains("the safety rules of the image in force"))
        #expect(refused.error.contains("safety rule in_use: 1"))
    }

    @Test("map mentions a running rollout; an undrain does not check safety rules, which it cannot break")
    func notes() throws {
        try expect(1, "rollout", "start", path("next.yaml"))
        try expect(1, "rollout", "share", "50%")
        #expect(try expect(0, "map").error.contains("50% of the client networks get it; this is the old side"))
        let rollout = try #require(try state.rollout().value)
        let store = ImageStore(of: file, overrides: [], in: state)
        unlink(store.candidateFile(of: rollout.id))
        let words = "cannot determine whether that breaks a safety rule of the rollout \(rollout.id)"
        #expect(try expect(1, "drain", "oslo").output.contains(words))
        #expect(try !expect(1, "undrain", "oslo").output.contains(words))
    }
}
