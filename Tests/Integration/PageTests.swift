import Foundation
import Support
import Testing

/// The agent's page in a browser, with real answers and with recordings.
@Suite("The live page in a browser", .serialized, .watched)
struct PageTests {
    private let site: LiveSite

    init() throws {
        site = try #require(LiveSite.shared)
    }

    private static let clients:
        [(subnet: String, country: String, datacenter: String, latitude: Double, longitude: Double)] = [
            ("129.240.0.0/24", "NO", "oslo", 59.91, 10.75),
            ("128.40.0.0/24", "GB", "oslo", 51.51, -0.13), ("18.9.0.0/24", "US", "ashburn", 42.37, -71.11),
            ("166.111.0.0/24", "CN", "singapore", 39.9, 116.4), ("137.158.0.0/24", "ZA", "ashburn", -33.92, 18.42),
        ]

    /// Collects all hits that the page shows, by network and datacenter, in `seen`.
    private static let collecting = """
        (() => { window.seen = {}; setInterval(() => {
          for (const hit of geopipe.view().hits) seen[`${hit.country} ${hit.datacenter}`] = hit; }, 50); })()
        """

    /// The text of each row of a table.
    private static func rows(_ identifier: String) -> String {
        "[...document.querySelectorAll('#\(identifier) tr')].map((row) => row.textContent)"
    }

    /// Checks that the page requests only its own server, and has no errors.
    private func expectQuiet(_ tab: Tab, _ url: String? = nil, at location: SourceLocation = #_sourceLocation) {
        #expect(tab.diagnostics() == [], sourceLocation: location)
        let strange = tab.requests().filter { !$0.hasPrefix(url ?? site.url) && !$0.hasPrefix("data:") }
        #expect(strange == [], sourceLocation: location)
    }

    @Test("answers through pdns appear at their clients, with their datacenters, and in the tables")
    func answers() async throws {
        try await inThread { [site] in
            try site.withTab { tab in
                try tab.evaluate(Self.collecting)
                let isSeen = Self.clients.map { "seen['\($0.country) \($0.datacenter)']" }.joined(separator: " && ")
                let isListed = ["Norway", "United Kingdom", "United States", "China", "South Africa"]
                    .map { "\(Self.rows("country-rows")).some((row) => row.startsWith('\($0)'))" }
                let networks = Self.clients.map { client in
                    "\(Self.rows("network-rows")).some((row) => row.startsWith('\(client.subnet)'))"
                }
                let others = [
                    "\(Self.rows("name-rows")).some((row) => row.startsWith('my.geo.example.com'))",
                    "\(Self.rows("service-rows")).some((row) => row.startsWith('web'))",
                    "geopipe.view().second.rate.answered > 0", "geopipe.view().second.image !== null",
                ]
                for condition in [isSeen] + isListed + networks + others {
                    try tab.wait(for: condition) {
                        try site.ask("my.geo.example.com", from: Self.clients.map(\.subnet))
                        usleep(50_000)
                    }
                }
                for client in Self.clients {
                    let hit = "seen['\(client.country) \(client.datacenter)']"
                    let (latitude, longitude) = (try tab.number("\(hit).lat"), try tab.number("\(hit).lon"))
                    #expect(abs(latitude - client.latitude) < 1 && abs(longitude - client.longitude) < 1, "\(client)")
                }
                // No client of these networks went elsewhere.
                let seen = try tab.text(
                    "Object.keys(seen).filter((key) => /^(NO|GB|US|CN|ZA) /.test(key)).sort().join()")
                #expect(seen == "CN singapore,GB oslo,NO oslo,US ashburn,ZA ashburn")
                try tab.wait(for: "document.getElementById('n-rate').textContent !== '–'")
                expectQuiet(tab)
            }
        }
    }

    @Test("a drain and its end are shown, with their events")
    func drain() async throws {
        try await inThread { [site] in
            try site.withTab { tab in
                let state = "geopipe.view().datacenters.find((site) => site.name === 'oslo').state"
                try tab.wait(for: "\(state) === 'in_use'")
                for (command, words, wanted) in [
                    (["drain", "oslo", "--reason", "cooling"], "drained", "drained"),
                    (["undrain", "oslo"], "undrained", "in_use"),
                ] {
                    let start = ContinuousClock.now
                    try site.geopipe(command)
                    let done = ContinuousClock.now
                    try tab.wait(for: "\(state) === '\(wanted)'")
                    let shown = ContinuousClock.now
                    try tab.wait(
                        for: """
                            geopipe.view().events.some((event) => event.kind === 'switch' && event.datacenter === 'oslo' \
                            && / \(words)\\b/.test(event.text))
                            """)
                    print(
                        "the page shows '\(command[0])' \(shown - start) after its start, \(shown - done) after its end;",
                        "its event \(ContinuousClock.now - done) after its end")
                    try tab.wait(
                        for: """
                            [...document.querySelectorAll('#change-list li')].some((item) => / \(words)\\b/.test(item.textContent))
                            """)
                    let cell = "[...document.querySelectorAll('#site-rows tr')].find((row) => row.site === 'oslo')"
                    try tab.wait(for: "\(cell).dataset.state === '\(wanted)'")
                }
                expectQuiet(tab)
            }
        }
    }

    @Test("names of any bytes, queried over DNS, do not harm the page")
    func hostileNames() async throws {
        let suffix = ["wild", "geo", "example", "com"].map { Array($0.utf8) }
        // pdns itself answers SERVFAIL for names with other characters; recordings have them as well.
        let whole = [63, 63, 63, 40].map { [UInt8](repeating: UInt8(ascii: "/"), count: $0) }
        let known = [[Array("@/: \\.".utf8)], [Array("javascript:alert".utf8)], whole].map { $0 + suffix }
        let unknown = [
            [Array("<script>alert(1)</script>".utf8)], [Array("\"'><img src=x onerror=alert(1)>".utf8)],
            [Array("\u{202e}\u{2066}evil\u{200b}".utf8)], [63, 63, 63, 40].map { [UInt8](repeating: 60, count: $0) },
            [[0, 10, 13, 27, 127, 255, 46, 92]],
            [Array("</title><svg onload=alert(1)>".utf8), Array("${alert(1)}".utf8)],
        ].map { $0 + suffix }
        try await inThread { [site] in
            try site.withTab("#view=tables") { tab in
                let elements = "document.querySelectorAll('script, img, iframe, a').length"
                let before = try tab.number(elements)
                try tab.wait(for: "\(Self.rows("name-rows")).some((row) => row.includes('wild.geo.example.com'))") {
                    try site.ask(known, from: ["129.240.0.0/24"])
                    _ = try DNSClient(port: site.server.port).ask(
                        unknown.map { DNSClient.Question(labels: $0, .a, from: "129.240.0.0/24") },
                        timeout: Browser.timeout)
                    usleep(50_000)
                }
                let rows = try tab.text("\(Self.rows("name-rows")).join('\\n')")
                #expect(
                    try tab.evaluate("/[^\\n\\P{C}]/u.test(\(Self.rows("name-rows")).join('\\n'))") as? Bool == false,
                    "\(rows)")
                #expect(try tab.number(elements) == before)
                expectQuiet(tab)
            }
        }
    }


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


    @Test("a missing agent is reported, and the numbers are marked as stale; the page reconnects by itself")
    func connection() async throws {
        try await inThread { [site] in
            try site.withTab { tab in
                try tab.wait(for: "document.getElementById('link').dataset.link === 'live'")
                #expect(try tab.evaluate("document.getElementById('stale').hidden") as? Bool == true)
                site.endAgent(SIGKILL)
                try tab.wait(
                    for: """
                        document.getElementById('link').dataset.link === 'lost' && document.documentElement.dataset.stale === 'true' \
                        && !document.getElementById('stale').hidden
                        """)
                let words = try tab.text("document.getElementById('stale').textContent")
                #expect(words.contains("The connection to the agent is lost") && words.contains(" ago."), "\(words)")
                try site.startAgent()
                try tab.wait(
                    for: """
                        document.getElementById('link').dataset.link === 'live' && document.documentElement.dataset.stale === 'false' \
                        && document.getElementById('stale').hidden && geopipe.view().connected
                        """)
                // A refused connection is in the browser's log, and nothing else is.
                let diagnostics = tab.diagnostics().filter { complaint in
                    !["net::ERR_CONNECTION", "net::ERR_INCOMPLETE", "net::ERR_EMPTY_RESPONSE"].contains {
                        complaint.contains($0)
                    }
                }
                #expect(diagnostics == [])
            }
        }
    }


    /// Main regions that overlap, and cards that do, as far as they are visible.
    private static let overlaps = """
        (() => {
          const seen = (node) => {
            let { left, top, right, bottom } = node.getBoundingClientRect();
            for (let outer = node.parentElement; outer !== null; outer = outer.parentElement) {
              if (getComputedStyle(outer).overflowY === 'visible' || outer === document.body || outer === document.documentElement) continue;
              const box = outer.getBoundingClientRect();
              [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
              [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
            }
            return { name: node.id || node.className, left, top, right, bottom };
          };
          const overlaps = [];
          for (const choice of ['header.top, #alerts, main > *', '.card']) {
            const boxes = [...document.querySelectorAll(choice)].filter((node) => node.checkVisibility()).map(seen)
              .filter((box) => box.right > box.left && box.bottom > box.top);
            for (const one of boxes) for (const other of boxes) {
              if (one === other) continue;
              const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
              const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
              if (wide > 1 && high > 1) overlaps.push(`${one.name} on ${other.name}`);
            }
          }
          return overlaps.join(', ');
        })()
        """

    @Test(
        "fits the window of a phone, a desk and a wall, in both themes",
        arguments: [(360, 740), (1_280, 800), (3_840, 2_160)], [false, true])
    func layout(size: (width: Int, height: Int), isDark: Bool) async throws {
        try await inThread { [site] in
            try site.withTab(width: size.width, height: size.height, isDark: isDark) { tab in
                for view in ["globe", "map", "tables"] {
                    try tab.evaluate("location.hash = '#view=\(view)'")
                    try tab.wait(
                        for:
                            "geopipe.view().view === '\(view)' && document.querySelectorAll('#site-rows tr').length === 3"
                    ) {
                        try site.ask("my.geo.example.com", from: Self.clients.map(\.subnet))
                    }
                    #expect(try tab.number("document.documentElement.scrollWidth - innerWidth") <= 0, "\(view)")
                    #expect(try tab.text(Self.overlaps) == "", "\(view)")
                }
                try tab.evaluate("location.hash = ''")
                try tab.wait(for: "geopipe.view().view === 'globe' && geopipe.view().counts.marks > 0")
                let picture = try tab.picture()
                try #require(picture.count > 24)
                func number(_ position: Int) -> Int {
                    picture[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) }
                }
                #expect(number(16) == size.width && number(20) == size.height)
                // A page of one colour takes some thousand bytes.
                #expect(picture.count > 20_000, "the picture is \(picture.count) bytes")
                let paper = try tab.text("getComputedStyle(document.documentElement).backgroundColor")
                #expect((paper == "rgb(11, 16, 23)") == isDark, "\(paper)")
                expectQuiet(tab)
            }
        }
    }

    @Test("keys change the view and the URL, and open the help")
    func keys() async throws {
        try await inThread { [site] in
            try site.withTab { tab in
                for (key, view, hash) in [
                    ("m", "map", "#view=map"), ("t", "tables", "#view=tables"), ("g", "globe", ""),
                ] {
                    try tab.press(key)
                    try tab.wait(for: "geopipe.view().view === '\(view)' && location.hash === '\(hash)'")
                    try tab.wait(
                        for: "document.querySelector('nav [data-view=\(view)]').getAttribute('aria-current') === 'page'"
                    )
                }
                try tab.press("?")
                try tab.wait(for: "document.getElementById('help').open")
                try tab.press("m")
                #expect(try tab.text("geopipe.view().view") == "globe", "keys do nothing below the help")
                try tab.press("Escape", code: 27)
                try tab.wait(for: "!document.getElementById('help').open")
                try tab.evaluate("location.hash = '#datacenter=oslo'")
                try tab.wait(
                    for: "geopipe.view().datacenter === 'oslo' && !document.getElementById('inspector').hidden")
                try tab.press("Escape", code: 27)
                try tab.wait(for: "document.getElementById('inspector').hidden && location.hash === ''")
                expectQuiet(tab)
            }
        }
    }
}
