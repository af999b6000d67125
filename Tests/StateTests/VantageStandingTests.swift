import Support
import Testing

@testable import State

@Suite("The vantage standing file")
struct VantageStandingTests {
    private static let standing = VantageStanding(
        time: 1_800_000_000, way: .cutOff, overruled: 2,
        points: [
            .init(name: "oslo", state: .own, age: nil, known: 0, unknown: 0, trouble: ""),
            .init(name: "nyc", state: .silent, age: 70, known: 3, unknown: 1, trouble: "timed out after 2 s"),
        ])

    @Test("is read as it was written, is replaced, and is gone without vantage points")
    func both() throws {
        let folder = try Folder()
        let state = StateDirectory(path: folder.path)
        #expect(try state.vantageStanding().value == nil)
        try state.tell(Self.standing)
        #expect(try state.vantageStanding().value == Self.standing)
        try state.tell(nil as VantageStanding?)
        try state.tell(nil as VantageStanding?)
        #expect(try state.vantageStanding().value == nil)
    }

    @Test("ignores lines of later versions, and refuses a truncated file")
    func others() throws {
        let text = StateFile.text(
            "geopipe vantage 1",
            [
                ["standing", "5", "quorum", "0", "more"], ["later", "x"],
                ["point", "a", "fresh", "1", "2", "3", "", "x"],
            ])
        let standing = try VantageStanding(text)
        #expect(standing.way == .quorum && standing.points.map(\.known) == [2])
        for broken in [
            String(text.dropLast(20)), text.replacing("quorum", with: "quarum"),
            StateFile.text("geopipe vantage 1", [["standing", "5", "else", "0"]]),
            StateFile.text(
                "geopipe vantage 1", [["standing", "5", "quorum", "0"], ["point", "a", "new", "", "0", "0", ""]]),
            StateFile.text("geopipe vantage 1", []),
        ] {
            #expect(throws: StateFile.Untrusted.self) { try VantageStanding(broken) }
        }
    }
}
