import Foundation
import Support
import Testing

/// The agent's page in a browser, with real answers and with recordings.
@Suite("The live page in a browser", .serialized, .watched)
struct PageTests {
    let site: LiveSite

    init() throws {
        site = try #require(LiveSite.shared)
    }

    static let clients: [(subnet: String, country: String, datacenter: String, latitude: Double, longitude: Double)] = [
        ("129.240.0.0/24", "NO", "oslo", 59.91, 10.75),
        ("128.40.0.0/24", "GB", "oslo", 51.51, -0.13), ("18.9.0.0/24", "US", "ashburn", 42.37, -71.11),
        ("166.111.0.0/24", "CN", "singapore", 39.9, 116.4), ("137.158.0.0/24", "ZA", "ashburn", -33.92, 18.42),
    ]

    /// Collects all hits that the page shows, by network and datacenter, in `seen`.
    static let collecting = """
        (() => { window.seen = {}; setInterval(() => {
          for (const hit of geopipe.view().hits) seen[`${hit.country} ${hit.datacenter}`] = hit; }, 50); })()
        """

    /// The text of each row of a table.
    static func rows(_ identifier: String) -> String {
        "[...document.querySelectorAll('#\(identifier) tr')].map((row) => row.textContent)"
    }

    /// Checks that the page requests only its own server, and has no errors.
    func expectQuiet(_ tab: Tab, _ url: String? = nil, at location: SourceLocation = #_sourceLocation) {
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
