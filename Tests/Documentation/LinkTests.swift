import Foundation
import Support
import Testing

@Suite("Links of the documentation")
struct LinkTests {
    @Test("lead to existing files and headings", arguments: Page.all)
    func links(page: Page) throws {
        let folder = URL(filePath: "\(Project.root)/\(page.path)").deletingLastPathComponent()
        for (line, target) in page.links where !target.contains("://") && !target.hasPrefix("mailto:") {
            let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let path =
                parts[0].isEmpty
                ? page.path
                : folder.appending(path: parts[0]).standardizedFileURL.path.replacing("\(Project.root)/", with: "")
            guard FileManager.default.fileExists(atPath: "\(Project.root)/\(path)") else {
                Issue.record("\(page.path):\(line): there is no \(path)")
                continue
            }
            guard parts.count > 1 else { continue }
            let anchors = Page(path)?.anchors ?? []
            #expect(anchors.contains(parts[1]), "\(page.path):\(line): \(path) has no heading #\(parts[1])")
        }
    }

    @Test("are found, and headings have the anchors of GitHub")
    func parsing() throws {
        let page = try #require(Page("docs/configuration.md"))
        #expect(page.anchors.isSuperset(of: ["state_directory", "client-identification-and-edns-scope"]))
        #expect(page.links.contains { $0.target == "health.md#running-the-agent" })
        #expect(Page.all.count > 8)
    }
}
