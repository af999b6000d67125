import Configuration
import Foundation
import Geography
import Platform
import Support
import Testing

@testable import State

@Suite("The switch file")
struct SwitchFileTests {
    private static let samples = [
        drained("oslo"),
        drained("ashburn", service: "web", share: 1, until: 1_800_000_000, reason: "kjøling svikter 🔥"),
        drained("far.west-1", share: 99, reason: "\u{301}, \u{fffd}, \\t and \"quotes\""),
    ]

    private static let placed = Switch(
        datacenter: "oslo", service: nil, areas: [Area("NO")!, Area("US-CA")!, Area("continent:AF")!], share: 100,
        until: nil, user: "operator", since: 1_700_000_000, reason: "")
    private static let forced = Switch(
        .force, datacenter: "ashburn", service: "web", share: 100, until: 1_800_000_000, user: "operator",
        since: 1_700_000_000, reason: "checks are wrong")

    /// Reads these bytes as a switch file.
    private func switches(_ bytes: some Sequence<UInt8>) throws -> [Switch] {
        try SwitchFile.switches(String(decoding: Array(bytes), as: UTF8.self))
    }

    @Test(
        "is read as it was written",
        arguments: [[], Array(samples.prefix(1)), samples, samples + [placed], [forced]])
    func roundTrip(samples: [Switch]) throws {
        #expect(try switches(SwitchFile.text(samples).utf8) == samples)
    }

    @Test("keeps the format of older versions, unless it has switches that they do not know")
    func versions() throws {
        #expect(SwitchFile.text(Self.samples).hasPrefix("geopipe switches 1\noslo\t\t100\t\toperator\t1700000000\t\n"))
        for entry in [Self.placed, Self.forced] {
            #expect(SwitchFile.text(Self.samples + [entry]).hasPrefix("geopipe switches 2\noslo\t"))
        }
        let bad = SwitchFile.text([Self.placed]).replacing("NO,US-CA", with: "NO,,CA").split(separator: "\n").dropLast()
        #expect(throws: StateFile.Untrusted.self) {
            try SwitchFile.switches(
                StateFile.text("geopipe switches 2", [bad[1].split(separator: "\t").map(String.init)]))
        }
    }

    @Test("replaces tabs and newlines in fields with spaces")
    func controlCharacters() throws {
        let entry = drained("oslo", reason: "a\tb\nc\r\nd\u{0}e")
        #expect(try switches(SwitchFile.text([entry]).utf8).map(\.reason) == ["a b c d e"])
    }

    @Test("is refused if it is truncated anywhere")
    func torn() {
        let bytes = Array(SwitchFile.text(Self.samples).utf8)
        for end in 0..<bytes.count {
            #expect(throws: StateFile.Untrusted.self, "torn after \(end) bytes") { try switches(bytes[..<end]) }
        }
    }

    @Test("is refused if any bit is flipped")
    func flipped() {
        let bytes = Array(SwitchFile.text(Self.samples).utf8)
        for position in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[position] ^= 1 << bit
                #expect(throws: StateFile.Untrusted.self, "bit \(bit) of byte \(position)") { try switches(flipped) }
            }
        }
    }

    @Test("is refused if anything is added to it")
    func longer() {
        let text = SwitchFile.text(Self.samples)
        for addition in ["x", "\n", " ", text] {
            #expect(throws: StateFile.Untrusted.self) { try switches((text + addition).utf8) }
        }
    }
}
