import FoundationXML
import Foundation
import Scaling
import Testing

@Suite("The parts of a report")
struct ReportPartsTests {
    @Test("measurements are read by series, number and figure")
    func measurements() throws {
        let read = try Measurements(
            "# a machine\nreceivers\t2\tper_second\t40\nreceivers\t1\tper_second\t20\nreceivers\t2\tper_second\t44\n")
        #expect(read.comments == ["a machine"])
        #expect(read["receivers", "per_second"].numbers == [1, 2])
        #expect(read["receivers", "per_second"][2] == [40, 44])
        #expect(read["receivers", "per_second"].medians == [20, 42])
        #expect(read["senders", "per_second"].numbers.isEmpty)
        #expect(read.series(with: "per_second", prefix: "rec") == ["receivers"])
    }

    @Test(
        "a malformed line is named", arguments: ["a\t1\tb", "a\tone\tb\t1", "a\t1\tb\tnan", "a 1 b 2", "a\t1\tb\t2\t3"])
    func malformed(line: String) {
        #expect(throws: Measurements.Malformed.self) { try Measurements("# fine\n" + line) }
    }

    @Test("a picture is well-formed XML with a title and a description, even if names have special characters")
    func picture() {
        var curve = Chart.Curve("σ < 1 & \"κ\"")
        curve.dots = [(1, 10), (10, 50)]
        curve.circles = curve.dots
        curve.line = curve.dots
        curve.band = [(1, Interval(low: 9, high: 11)), (10, Interval(low: 40, high: 60))]
        for isLogarithmic in [false, true] {
            let chart = Chart(
                title: "<growth>", across: "threads", upwards: "answers/s", isLogarithmic: isLogarithmic,
                curves: [curve, curve])
            let svg = Picture(title: "A & B", description: "What it shows", charts: [chart, chart, chart]).svg
            #expect(XMLParser(data: Data(svg.utf8)).parse())
            #expect(svg.contains("<title id=\"title\">A &amp; B</title>"))
            #expect(svg.contains("<desc id=\"description\">What it shows</desc>"))
            #expect(!svg.contains("nan") && !svg.contains("inf") && !svg.contains("–"))
        }
    }

    @Test("a picture of one value, or of none, is well-formed XML")
    func emptyPicture() {
        var curve = Chart.Curve("one")
        for circles in [[], [(1.0, 0.0)]] {
            curve.circles = circles
            for isLogarithmic in [false, true] {
                let chart = Chart(title: "t", across: "x", upwards: "y", isLogarithmic: isLogarithmic, curves: [curve])
                let svg = Picture(title: "t", description: "d", charts: [chart]).svg
                #expect(XMLParser(data: Data(svg.utf8)).parse())
                #expect(!svg.contains("nan") && !svg.contains("inf") && !svg.contains("–"))
            }
        }
    }

    @Test("the section between the markers is replaced, and nothing else")
    func section() {
        let page = "# Page\n\(GeneratedSection.begin)\nold\n\(GeneratedSection.end)\nend\n"
        let expected = "# Page\n\(GeneratedSection.begin)\n\nnew\n\n\(GeneratedSection.end)\nend\n"
        #expect(GeneratedSection.replaced(in: page, with: "new") == expected)
        #expect(GeneratedSection.replaced(in: expected, with: "new") == expected)
        #expect(GeneratedSection.replaced(in: "# Page\n", with: "new") == nil)
        #expect(
            GeneratedSection.replaced(in: "\(GeneratedSection.end)\n\(GeneratedSection.begin)\n", with: "new") == nil)
    }

    @Test("numbers are formatted with significant digits")
    func numbers() {
        #expect(
            [0, 0.001_234, 0.354, 1.44, 12.3, 999.6, 12_345.6].map { short($0) } == [
                "0", "0.0012", "0.35", "1.4", "12", "1000", "12,346",
            ])
        #expect(short(Interval(low: 0.01, high: 0.2)) == "0.010 to 0.20")
        #expect(
            [(1_234_567.0, 0), (-0.04, 1), (2.345, 2), (9_999, 0)].map { fixed($0.0, $0.1) } == [
                "1,234,567", "0.0", "2.35", "9999",
            ])
        #expect(fixed(.nan) == "–")
    }
}
