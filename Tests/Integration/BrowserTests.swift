import Foundation
import Support
import Testing

/// The output of `geopipe map` and `geopipe diff --html` in a browser.
@Suite("In a browser", .serialized)
struct BrowserTests {
    private let folder: Folder

    init() throws {
        folder = try Folder()
        let ending = try Program.geopipe.run(
            [
                "map", "--config", "\(Project.root)/examples/geopipe.yaml", "--state", "\(folder.path)/state", "-o",
                "\(folder.path)/page.html",
            ], in: folder)
        try #require(ending.status == 0, "\(ending.error)")
    }

    /// Opens a page of the folder in Chromium, which resolves no host, and returns its network log.
    private func open(_ page: String, _ arguments: [String]) throws -> (output: String, log: String) {
        let profile = folder.unique("profile")
        let log = folder.unique("log")
        // Root has no sandbox; its shared memory is in files of the folder.
        let pipe = Pipe()
        let browser = try Tool("chromium").start(
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-default-apps", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND",
                "--user-data-dir=\(profile)", "--log-net-log=\(log)",
            ] + arguments + ["file://\(folder.path)/\(page)"], seconds: 120, output: pipe)
        let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        browser.waitUntilExit()
        try #require(browser.terminationStatus == 0, "\(output)")
        return (output, try String(contentsOfFile: log, encoding: .utf8))
    }

    /// The URLs that pages requested. The browser requests some by itself, for no page. Each event is on its own line.
    private func requests(_ log: String) -> [String] {
        log.split(separator: "\n").filter { !$0.contains("\"initiator\":\"not an origin\"") }.compactMap { event in
            event.firstMatch(of: #/"initiator":"[^"]*".*"url":"(https?:[^"]*)"/#).map { String($0.output.1) }
        }
    }

    /// The width and height in pixels of a PNG picture, and its file size.
    private func picture(_ path: String) throws -> (width: Int, height: Int, bytes: Int) {
        let bytes = Array(try Data(contentsOf: URL(filePath: path)))
        try #require(bytes.count > 24)
        func number(_ position: Int) -> Int { bytes[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) } }
        return (number(16), number(20), bytes.count)
    }

    @Test(
        "the whole page is drawn, on a large and a small screen, and requests nothing else",
        arguments: [1200, 400])
    func drawn(width: Int) throws {
        let picture = "\(folder.path)/\(width).png"
        let (_, log) = try open("page.html", ["--window-size=\(width),1000", "--screenshot=\(picture)"])
        let drawn = try self.picture(picture)
        #expect(drawn.width == width && drawn.height == 1000)
        // A page of one colour takes some thousand bytes.
        #expect(drawn.bytes > 40_000, "the picture is \(drawn.bytes) bytes")
        #expect(log.contains("page.html"), "the log has what the browser opened")
        #expect(requests(log) == [])
    }

    @Test("a request of a page is noticed")
    func noticed() throws {
        try folder.write("<!DOCTYPE html><title>x</title><img src=\"http://192.0.2.1/dot.png\">".utf8, to: "other.html")
        let (_, log) = try open("other.html", ["--dump-dom"])
        #expect(requests(log).contains("http://192.0.2.1/dot.png"))
    }

    @Test("the browser finds the picture, the legend and the table of all countries")
    func contents() throws {
        let (page, _) = try open("page.html", ["--dump-dom"])
        #expect(page.contains("<svg") && page.contains("</svg>") && page.contains("</html>"))
        #expect(page.contains("Norway: oslo 100%"))
        #expect(page.contains(">Norway (NO)</th><td>oslo</td>"))
        #expect(page.contains("<span>oslo <b>"))
    }

    /// Writes the page of a change that sends Norway to Singapore.
    private func writeDifference() throws {
        let example = try String(contentsOfFile: "\(Project.root)/examples/geopipe.yaml", encoding: .utf8)
            .replacing("demo/demo.mmdb", with: Project.demonstration)
        try folder.write(example.utf8, to: "old.yaml")
        try folder.write(example.replacing("NO: [oslo, ashburn]", with: "NO: [singapore, oslo]").utf8, to: "new.yaml")
        let ending = try Program.geopipe.run(
            ["diff", "old.yaml", "new.yaml", "--html", "--state", "\(folder.path)/state"], in: folder)
        try #require(ending.status == 0, "\(ending.error)")
        try folder.write(ending.output, to: "change.html")
    }

    @Test("the page of a change shows both maps, with different colours, and requests nothing else")
    func change() throws {
        try writeDifference()
        let (page, log) = try open("change.html", ["--dump-dom"])
        #expect(log.contains("change.html"), "the log has what the browser opened")
        #expect(requests(log) == [])
        #expect(page.contains("go, before") && page.contains("go, after"))
        // Each map alone on the screen: a missing one leaves one colour.
        let written = folder.text(of: "change.html")
        let figures = written.components(separatedBy: "<figure>").dropFirst().compactMap {
            $0.components(separatedBy: "</figure>").first
        }
        try #require(figures.count == 2)
        #expect(figures[0].contains("Norway: oslo") && figures[1].contains("Norway: singapore"))
        let head = try #require(written.components(separatedBy: "<figure>").first)
        var sizes: [Int] = []
        for (number, figure) in figures.enumerated() {
            try folder.write("\(head)<figure>\(figure)</figure></html>".utf8, to: "map\(number).html")
            let file = "\(folder.path)/map\(number).png"
            _ = try open("map\(number).html", ["--window-size=1200,900", "--screenshot=\(file)"])
            let drawn = try picture(file)
            #expect(drawn.width == 1200 && drawn.height == 900)
            #expect(drawn.bytes > 40_000, "the picture is \(drawn.bytes) bytes")
            sizes.append(drawn.bytes)
        }
        #expect(sizes[0] != sizes[1], "a country has another colour")
    }
}
