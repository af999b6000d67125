import Testing

@testable import State

@Suite("A compile report")
struct CompileReportTests {
    @Test("ignores times out of range", arguments: [Int.min, .max, -1])
    func times(time: Int) throws {
        let lines = [["start", "\(min(time, -1))"], ["retry", "\(time)"], ["missing", "/a.mmdb", "\(time)"]]
        let report = try CompileReport(StateFile.text("geopipe compilation 1", lines))
        #expect(report.start == 0)
        #expect(report.retryAt == nil)
        #expect(report.missingSince.isEmpty)
    }
}
