import Foundation
import Support
import Testing

extension PageTests {
    /// A server of a recording, whose page is at `url`.
    private func withReplay(_ file: String, _ options: [String] = [], _ body: (_ url: String) throws -> Void) throws {
        let log = site.folder.appending(path: "replay-log-\(UUID().uuidString)")
        try Data().write(to: log)
        let process = try LiveSite.program("geopipe-agent").start(
            ["replay", "--live", "127.0.0.1:0"] + options + [file], seconds: 1_800,
            output: try FileHandle(forWritingTo: log))
        defer {
            for child in (try? children(of: process.processIdentifier)) ?? [] { kill(child, SIGINT) }
            if !eventually({ !process.isRunning }) { process.terminate() }
            process.waitUntilExit()
        }
        var url: String?
        _ = try eventually(within: .seconds(Browser.timeout)) {
            let text = try String(contentsOf: log, encoding: .utf8)
            url = text.firstMatch(of: /Watch it at (http:\S+) until/).map { String($0.1) }
            return url != nil || !process.isRunning
        }
        let said = try String(contentsOf: log, encoding: .utf8)
        try body(try #require(url, "\(said)"))
    }

    /// Half an hour of hits, twenty a second: from a thousand networks, for a thousand names, some of which are
    /// hostile.
    private func recording() throws -> String {
        let start = 1_795_426_440
        var text = ""
        for second in 0..<1_800 {
            for part in 0..<20 {
                let number = second * 20 + part
                let (latitude, longitude) = (Double(number * 37 % 120) - 60, Double(number * 53 % 360) - 180)
                let name =
                    number % 50 == 0
                    ? "<img src=x onerror=alert(\(number % 7))>\\u202e.example.com" : "n\(number % 1_000).example.com"
                let country = ["NO", "US", "SG", "<b>", "", "BR"][number % 6]
                let datacenter = ["oslo", "ashburn", "singapore", "<script>alert(1)</script>"][number % 4]
                text += """
                    {"time":"\(Self.stamp(start + second, part * 50))","client":"10.\(number % 4).\(number % 250).0/24",\
                    "country":"\(country)","latitude":\(latitude),"longitude":\(longitude),"name":"\(name)",\
                    "datacenters":["\(datacenter)"],"service":"s\(number % 5)<i>","scope":24,"weight":\(1 + number % 9)}

                    """
            }
        }
        let file = site.folder.appending(path: "recording.json")
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    private static func stamp(_ seconds: Int, _ milliseconds: Int) -> String {
        let date = Date(timeIntervalSince1970: Double(seconds))
        return date.formatted(.iso8601).dropLast() + String(format: ".%03dZ", milliseconds)
    }

    @Test("a recording plays, pauses, jumps and changes speed by the page, and the page does not grow")
    func replay() async throws {
        let file = try recording()
        let configuration = "\(site.folder.path)/geopipe.yaml"
        try await inThread { [self] in
            try withReplay(file, ["--config", configuration, "--paused"]) { url in
                try site.withTab(url: url) { tab in
                    let view = "geopipe.view()"
                    #expect(try tab.text("\(view).mode") == "replay")
                    try tab.wait(for: "\(view).replay.paused && \(view).datacenters.length >= 3")
                    let length = try tab.number("\(view).replay.to - \(view).replay.from")
                    #expect(length > 1_799 && length < 1_800)
                    // One control of each kind: a key, a list, a slider, a button.
                    func choose(_ identifier: String, _ value: String, _ events: String...) throws {
                        let send = events.map { "node.dispatchEvent(new Event('\($0)', { bubbles: true }));" }.joined()
                        try tab.evaluate(
                            "(() => { const node = document.getElementById('\(identifier)'); node.value = \(value); \(send) })()"
                        )
                    }
                    try tab.press(" ")
                    try tab.wait(for: "!\(view).replay.paused && \(view).replay.position > \(view).replay.from + 0.5")
                    try tab.wait(
                        for: "\(view).hits.length > 0 && \(view).hits.some((hit) => hit.datacenter === 'oslo')")
                    try tab.evaluate("document.getElementById('replay-play').click()")
                    try tab.wait(for: "\(view).replay.paused")
                    let position = try tab.number("\(view).replay.position")
                    #expect(position < 1_795_426_440 + 120, "it has stood still since the button was pressed")
                    try choose("replay-position", "\(1_795_426_440 + 900)", "input", "change")
                    try tab.wait(for: "Math.abs(\(view).replay.position - \(1_795_426_440 + 900)) < 1.5")
                    try tab.wait(for: "Math.abs(\(view).second.rate.answered - 100) < 5")
                    try choose("replay-speed", "'300'", "change")
                    try tab.wait(for: "\(view).replay.speed === 300 && \(view).replay.paused")

                    // All of it twice: the second time must not need more memory than the first.
                    try tab.call("HeapProfiler.enable")
                    var used: [(heap: Double, nodes: Int)] = []
                    for _ in 0..<2 {
                        try choose("replay-position", "\(1_795_426_440)", "input", "change")
                        try tab.wait(for: "\(view).replay.position < \(1_795_426_440 + 60)")
                        try tab.evaluate("document.getElementById('replay-play').click()")
                        try tab.wait(for: "!\(view).replay.paused")
                        try tab.wait(for: "\(view).replay.paused && \(view).replay.position >= \(view).replay.to - 1")
                        // Temporary objects, such as fading hits, are the same both times.
                        try tab.wait(for: "\(view).hits.length === 0")
                        used.append(try tab.memory())
                    }
                    print(
                        "half an hour of hits takes the page",
                        used.map { "\(Int($0.heap / 1_000)) kB and \($0.nodes) nodes" }.joined(separator: ", then "))
                    #expect(used[1].heap < used[0].heap * 1.25 + 500_000)
                    #expect(used[1].nodes < used[0].nodes + 300)
                    // Names of the recording are text.
                    try tab.evaluate("location.hash = '#view=tables'")
                    try tab.wait(for: "\(Self.rows("name-rows")).some((row) => row.includes('<img src=x'))")
                    #expect(try tab.number("document.querySelectorAll('img').length") == 0)
                    #expect(try tab.evaluate("/\\u202e/.test(document.body.textContent)") as? Bool == false)
                    expectQuiet(tab, url)
                }
            }
        }
    }

    @Test("the example's recording is shown with the example's datacenters")
    func example() async throws {
        try await inThread { [self] in
            let recording = "\(Project.root)/examples/recordings/demo.json"
            try withReplay(recording, ["--config", "\(Project.root)/examples/geopipe.yaml", "--speed", "60"]) { url in
                try site.withTab(url: url) { tab in
                    try tab.wait(
                        for: "geopipe.view().hits.some((hit) => hit.country === 'NO' && hit.datacenter === 'oslo')")
                    try tab.wait(for: "geopipe.view().datacenters.length === 3 && geopipe.view().counts.marks > 0")
                    expectQuiet(tab, url)
                }
            }
        }
    }

    @Test("a token signs a browser in once, and without locations of datacenters the globe has none")
    func token() async throws {
        let file = site.folder.appending(path: "token")
        try "correct-horse-battery-staple\n".write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        try await inThread { [self] in
            let recording = "\(Project.root)/examples/recordings/demo.json"
            try withReplay(recording, ["--live-token-file", file.path, "--speed", "60"]) { url in
                let tab = try Tab(site.browser)
                defer { tab.close() }
                try tab.open(url)
                try tab.wait(for: "/token/.test(document.body.textContent) && window.geopipe === undefined")
                try tab.open("\(url)?token=correct-horse-battery-staple")
                try tab.wait(for: "geopipe.view().hits.length > 0 && geopipe.view().datacenters.length === 3")
                #expect(try tab.text("location.href") == url)
                #expect(try tab.text("document.cookie") == "", "no script can read it")
                #expect(try tab.number("geopipe.view().counts.marks") == 0)
                try tab.wait(for: "\(Self.rows("site-rows")).some((row) => row.startsWith('oslo'))")
                try tab.open(url)
                try tab.wait(for: "geopipe.view().connected")
            }
        }
    }

}
