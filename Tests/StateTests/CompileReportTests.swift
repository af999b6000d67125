import Testing

@testable import State

@Suite("The report of a compilation")
struct CompileReportTests {
    @Test("has no times that one cannot reckon with", arguments: [Int.min, .max, -1])
    func times(time: Int) throws {
        let lines = [["start", "\(min(time, -1))"], ["retry", "\(time)"], ["missing", "/a.mmdb", "\(time)"]]
        let report = try CompileReport(StateFile.text("geopipe compilation 1", lines))
        #expect(report.start == 0)
        #expect(report.retryAt == nil)
        #expect(report.missingSince.isEmpty)
    }
}
