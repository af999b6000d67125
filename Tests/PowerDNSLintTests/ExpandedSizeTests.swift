import Testing

@testable import PowerDNSLint

@Suite("The size of a regular expression")
struct ExpandedSizeTests {
    @Test(
        "is small for one that pdns can use",
        arguments: [
            "", "^(www|x)[a-z]{1,2}\\.example\\.com$", "^.*;(A|AAAA|ANY)$", "(a+b+c+)+", "[]{99}+]+", "\\(a)+{", "))+",
        ])
    func small(text: String) { #expect(expandedSize(ofRegularExpression: text) < 100) }

    @Test(
        "is large for repetitions of repetitions",
        arguments: [
            "a" + String(repeating: "+", count: 40), "(((b{99}){99}){99})",
            String(repeating: "(", count: 20) + "a"
                + String(repeating: ")+", count: 20),
        ])
    func large(text: String) { #expect(expandedSize(ofRegularExpression: text) > 100_000) }
}
