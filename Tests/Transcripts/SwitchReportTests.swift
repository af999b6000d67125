import Foundation
import Support
import Testing

@testable import State

/// Output and refusals of the commands for switches.
@Suite("Switch commands")
struct SwitchReportTests {
    private static let (oslo, ashburn) = (["192.0.2.251"], ["198.51.100.251"])

    private func json(_ text: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("print the number of coprocesses that follow, also as JSON")
    func followers() throws {
        let site = try Site()
        let first = site.coprocess!
        try site.start()
        let drain = try site.run("drain", "oslo", "--service", "api", "--json")
        #expect(drain.status == 0 && drain.error == "", "\(drain)")
        let outcome = try json(drain.output)
        #expect(outcome["changed"] as? Bool == true)
        #expect(outcome["followers"] as? Int == 2)
        #expect(outcome["coprocesses"] as? Int == 2)
        #expect((outcome["stranded"] as? [Any])?.isEmpty == true)
        // When the command ends, the next question is answered by the new switches.
        #expect(try site.contents("api") == Self.ashburn)
        try first.send("Q\tapi.example.com\tIN\tANY\t-1\t192.0.2.1\t127.0.0.1\t203.0.113.0/24\n")
        #expect(try first.answer().contains { String(decoding: $0, as: UTF8.self).hasSuffix("\t198.51.100.251") })
        let all = try json(try site.run("drain", "oslo", "--json").output)
        let stranded = try #require(all["stranded"] as? [[String: Any]])
        #expect(stranded.map { $0["map"] as? String } == ["places"])
        #expect(stranded.first?["rules"] as? [String] == ["network 10.0.0.0/8", "country NO"])
        #expect(stranded.first?["datacenter"] as? String == "oslo")
        #expect(try site.run("undrain", "oslo").output.hasSuffix("\nall 2 coprocesses follow\n"))
    }

    @Test("exit 1 if coprocesses do not follow, and keep the switch")
    func stopped() throws {
        let site = try Site()
        #expect(try eventually(within: Coprocess.timeout) { try site.questions() == 1 })
        kill(site.coprocess.identifier, SIGSTOP)
        let drain = try site.run("drain", "oslo")
        kill(site.coprocess.identifier, SIGCONT)
        #expect(drain.status == 1)
        let words = "the only coprocess does not follow yet: \(site.coprocess.identifier); see geopipe status\n"
        #expect(drain.output.hasSuffix(words), "\(drain)")
        #expect(try eventually(within: Coprocess.timeout) { try site.contents("api") == Self.ashburn })
    }

    @Test("list what can be undrained, and how")
    func undrain() throws {
        let site = try Site()
        let nothing = try site.run("undrain", "oslo", "--service", "api")
        #expect(nothing == (0, "oslo for service api was not drained; nothing is changed\n", ""))
        try #require(site.run("drain", "oslo").status == 0)
        let part = try site.run("undrain", "oslo", "--service", "api")
        #expect(part.status == 1)
        #expect(
            part.output
                == "oslo for service api is still drained: oslo is, for all services; first geopipe undrain oslo, then set again what should stay\n"
        )
        let place = try site.run("undrain", "oslo", "--places", "NO")
        #expect(place.status == 1)
        #expect(place.output.hasPrefix("oslo in NO is still drained: oslo is, for more places than that; "), "\(place)")
        #expect(try site.run("undrain", "oslo").status == 0)
        try #require(site.run("drain", "oslo", "--places", "NO").status == 0)
        let wider = try site.run("undrain", "oslo", "--places", "continent:EU")
        #expect(wider.status == 0 && wider.output.hasPrefix("ended: oslo in NO was drained since "), "\(wider)")
        try #require(site.run("drain", "oslo").status == 0)
        #expect(try site.contents("api") == Self.ashburn)
    }

    @Test("drain for some places, and undrain some of them")
    func places() throws {
        let site = try Site()
        let drain = try site.run("drain", "oslo", "--places", "NO,continent:AF", "--for", "2h")
        #expect(drain.status == 0, "\(drain)")
        #expect(drain.output.hasPrefix("drained: oslo in NO, continent:AF, until "))
        let (norwegian, kenyan) = ("129.240.1.0/24", "197.136.1.0/24")
        #expect(try site.contents("api", from: norwegian) == Self.ashburn)
        #expect(try site.contents("api", from: kenyan) == Self.ashburn)
        #expect(try site.contents("api") == Self.oslo)
        #expect(try site.run("status").output.contains(#/oslo +drained in NO, continent:AF, since /#))
        let explain = try site.run("explain", "api.example.com", "129.240.1.1")
        #expect(explain.output.contains("drained: oslo in NO, continent:AF by "), "\(explain)")
        #expect(explain.output.contains(#/\n  1 +oslo +[^ ]+( km)? +drained /#), "\(explain)")
        #expect(
            try !site.run("explain", "api.example.com", "203.0.113.1").output.contains(
                #/\n  1 +oslo +[^ ]+( km)? +drained /#))
        let undrain = try site.run("undrain", "oslo", "--places", "continent:AF")
        #expect(
            undrain.status == 0 && undrain.output.hasPrefix("ended: oslo in continent:AF was drained "), "\(undrain)")
        #expect(try site.contents("api", from: norwegian) == Self.ashburn)
        #expect(try site.contents("api", from: kenyan) == Self.oslo)
        // An image without Norway.
        try site.write(.database, 2)
        try site.expect(.database, 2)
        #expect(try eventually(within: Coprocess.timeout) { try site.contents("api", from: norwegian) == Self.oslo })
        let isTold = try eventually(within: Coprocess.timeout) {
            let status = try site.run("status")
            return status.status == 1
                && status.output.contains("a drain has no effect in NO: the image has no clients there\n")
        }
        #expect(isTold)
        let unknown = try site.run("drain", "ashburn", "--places", "NO")
        #expect(unknown.status == 1 && unknown.error.hasPrefix("the image knows no clients in 'NO'"), "\(unknown)")
    }

    @Test("list only those rules as stranded that clients of the drained places reach")
    func stranded() throws {
        let site = try Site()
        func stranded(_ words: String...) throws -> [String] {
            let ending = try Program.geopipe.run(
                words + ["--json", "--config", "current/geopipe.yaml"], in: site.folder)
            let outcome = try json(String(decoding: ending.output, as: UTF8.self))
            return (outcome["stranded"] as? [[String: Any]])?.flatMap { $0["rules"] as? [String] ?? [] } ?? ["?"]
        }
        // Norway has its own rule, and the rest of Europe the default.
        #expect(try stranded("drain", "ashburn", "--places", "NO") == [])
        #expect(try stranded("drain", "ashburn", "--places", "continent:EU") == ["the default"])
        #expect(try stranded("undrain", "ashburn") == [])
        #expect(try stranded("drain", "oslo", "--places", "continent:EU") == ["network 10.0.0.0/8", "country NO"])
        #expect(try stranded("drain", "oslo", "--places", "continent:AF") == ["network 10.0.0.0/8"])
        #expect(try stranded("drain", "ashburn", "--service", "web", "--places", "KE") == ["the default"])
    }

    @Test("do not read zones, and print JSON even if they refuse")
    func brokenZones() throws {
        let site = try Site(isStarted: false)
        try site.folder.write(Site.Part.configuration.badContent, to: "release/geopipe.yaml")
        let refused = try site.run("drain", "osl", "--json")
        #expect(refused.status == 1)
        #expect(refused.error == "there is no datacenter osl in current/geopipe.yaml\n")
        let outcome = try json(refused.output)
        #expect(outcome["changed"] as? Bool == false && outcome["followers"] as? Int == 0)
        #expect((outcome["stranded"] as? [Any])?.isEmpty == true)
        #expect(outcome["notes"] as? [String] == ["there is no datacenter osl in current/geopipe.yaml"])
    }

    @Test("force a datacenter up until auto, and show it everywhere")
    func force() throws {
        let site = try Site(isStarted: false)
        let text = String(decoding: Site.Part.configuration.content(1), as: UTF8.self)
        try site.folder.write(
            text.replacing("api: { map: all,", with: "api: { map: all, check: { tcp: 80 },").utf8,
            to: "release/geopipe.yaml")
        try site.start()
        let now = Int(Date().timeIntervalSince1970)
        let down = HealthReport.State(isUp: false, since: now, reportedAt: now, reason: "no answer")
        try StateDirectory(path: site.path("state")).tell(
            HealthReport(time: now, process: 4711, states: ["tcp://192.0.2.251:80": down]))
        #expect(try eventually(within: Coprocess.timeout) { try site.contents("api") == Self.ashburn })
        let force = try site.run("force", "oslo", "up", "--service", "api", "--reason", "the check is wrong")
        #expect(force == (0, "forced up: oslo for service api\nthe only coprocess follows\n", ""))
        #expect(try site.contents("api") == Self.oslo)
        let status = try site.run("status").output
        #expect(
            status.contains(
                #/oslo +forced up for service api, since .*: the check is wrong; down for service api, 0 of 1 addresses up\n/#
            ), "\(status)")
        let explain = try site.run("explain", "api.example.com", "203.0.113.1").output
        #expect(explain.contains("forced up: oslo for service api by "), "\(explain)")
        #expect(try site.run("force", "ashburn", "up", "--service", "web").output.contains("count as up anyway\n"))
        let auto = try site.run("force", "oslo", "auto")
        #expect(
            auto.status == 0 && auto.output.hasPrefix("ended: oslo for service api was forced up since "), "\(auto)")
        #expect(try site.contents("api") == Self.ashburn)
        let again = try site.run("force", "oslo", "auto")
        #expect(again == (0, "oslo was not forced up; nothing is changed\n", ""))
    }

    @Test("refuse to break a safety rule unless it is overridden with a reason, which is in the history")
    func safety() throws {
        let site = try Site(isStarted: false)
        let text = String(decoding: Site.Part.configuration.content(1), as: UTF8.self)
        try site.folder.write(("safety: { in_use: 2 }\n" + text).utf8, to: "release/geopipe.yaml")
        try site.start()
        let refused = try site.run("drain", "oslo", "--reason", "routers")
        #expect(refused.status == 1 && refused.output == "")
        #expect(
            refused.error
                == "safety rule in_use: 2: 1 of 2 datacenters would stay in use (ashburn); nothing is changed; add --override in_use --reason \"WHY\"\n"
        )
        #expect(try site.contents("api") == Self.oslo)
        #expect(try site.run("history").output == "no switch was ever changed\n")
        try site.folder.write("torn".utf8, to: "state/switches")
        let torn = try site.run("drain", "oslo")
        #expect(torn.status == 2 && torn.error.hasPrefix("the switches cannot be read: "), "\(torn)")
        #expect(site.folder.text(of: "state/switches") == "torn", "a refused drain writes nothing")
        unlink(site.path("state/switches"))
        #expect(try site.run("drain", "oslo", "--share", "50%").status == 0)
        let overridden = try site.run("drain", "oslo", "--override", "in_use", "--reason", "fire")
        #expect(overridden.status == 0, "\(overridden)")
        #expect(overridden.output.contains("\noverridden: safety rule in_use: 2: 1 of 2 "), "\(overridden)")
        #expect(try site.run("undrain", "oslo").status == 0)
        #expect(try site.run("undrain", "oslo").status == 0)
        let history = try site.run("history")
        let lines = history.output.split(separator: "\n")
        #expect(lines.count == 3, "\(history)")
        #expect(lines.first?.contains(#/^[0-9-]+ [0-9:]+  .+  drained 50% of oslo$/#) == true)
        #expect(lines.dropFirst().first?.hasSuffix("  drained oslo, overriding in_use: fire") == true)
        #expect(lines.last?.hasSuffix("  undrained oslo") == true)
        let entries = try json(try site.run("history", "--json").output)["history"] as? [[String: Any]]
        #expect(entries?.map { $0["action"] as? String } == ["drain", "drain", "undrain"])
        #expect(entries?[1]["overridden"] as? [String] == ["in_use"])
    }

    @Test("work through pdnsutil, and do not count the coprocess that runs them")
    func passedOn() throws {
        let site = try Site()
        func command(_ text: String) throws -> [String] {
            try site.coprocess.send("CMD\t\(text)\n")
            return try site.coprocess.answer().map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(
            try command("drain ashburn --service api --places NO") == [
                "drained: ashburn for service api in NO",
                "no coprocess runs: nothing follows until pdns_server starts one", "END",
            ])
        #expect(try command("force oslo up").first == "forced up: oslo")
        #expect(try command("history").count == 3)
        #expect(try command("undrain ashburn --json").first == "{")
    }

    @Test("print the reason for a failed write")
    func full() throws {
        let site = try Site(isStarted: false)
        let shell = try Program("sh")
        let ending = try shell.run(
            [
                "-c", "(trap '' XFSZ; ulimit -f 0; exec \"$0\" drain oslo --config current/geopipe.yaml) 2>&1 | cat",
                Coprocess.binary,
            ], in: site.folder)
        let output = String(decoding: ending.output, as: UTF8.self)
        #expect(output.contains(#/cannot write .*switches: File too large/#), "\(output)\(ending.error)")
    }
}
