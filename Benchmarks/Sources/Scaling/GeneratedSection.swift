/// The generated section of a page, between two marks.
public enum GeneratedSection {
    public static let begin = "<!-- begin: written by make scale -->"
    public static let end = "<!-- end: written by make scale -->"

    /// Returns the page with `section` between the marks; `nil` unless it has each mark exactly once, in order.
    public static func replaced(in page: String, with section: String) -> String? {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        let begins = lines.indices.filter { lines[$0] == begin }, ends = lines.indices.filter { lines[$0] == end }
        guard begins.count == 1, ends.count == 1, begins[0] < ends[0] else { return nil }
        return (lines[...begins[0]].map(String.init) + ["", section, ""] + lines[ends[0]...].map(String.init)).joined(
            separator: "\n")
    }
}
