import Configuration
import Foundation
import Geography
import Platform
import State
import Support
import Testing

@testable import Answering
@testable import Compiler
@testable import geopipe_agent

/// The part of a live view that comes from files.
@Suite("The files of a live view")
struct LiveLookTests {
    private let folder: Folder
    private let request: CompileRequest
    private let state: StateDirectory
    private let store: ImageStore

    init() throws {
        folder = try Folder()
        let text = """
            datacenters: { oslo: { location: [59.91, 10.75], capacity: 30 }, ashburn: {} }
            maps:
              halves: { networks: { 0.0.0.0/1: oslo, "::/0": oslo }, default: ashburn }
              all: { default: [oslo, ashburn] }
            services:
              web: { map: halves, answers: &answers { oslo: 192.0.2.1, ashburn: 192.0.2.2 } }
              mail: { map: all, answers: *answers }
            state_directory: state
            zones:
              example.com:
                soa: { primary: ns.example.com., contact: a@b.com, serial: 1 }
                ns: [ns.example.com.]
                records: { ns: { A: 192.0.2.53 }, www: { service: web, TXT: '"x"' }, mail: { service: mail } }

            """
        request = CompileRequest(configuration: try folder.write(text.utf8, to: "geopipe.yaml"))
        state = StateDirectory(path: "\(folder.path)/state")
        store = ImageStore(of: request.configuration, overrides: [], in: state)
        // A file written in the same clock tick as it is read may have changed since.
        usleep(50_000)
    }

    private func compile() throws {
        let outcome = Compilation(request, previous: store.current().snapshot, previousReport: store.report()).run()
        try store.publish(try #require(outcome.image, "\(outcome.diagnostics)"))
        try store.write(outcome.report)
    }

    private var sites: [ConfigurationFollower.Site] {
        get throws {
            try Configuration.load(request.configuration).datacenters.map {
                .init(name: $0.name, coordinates: $0.location, capacity: $0.capacity)
            }
        }
    }

    private func object(_ text: String) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    }

    @Test("give the states of datacenters, the image in force, and events since the last reading")
    func look() throws {
        try compile()
        let now = Int(Date().timeIntervalSince1970)
        var look = StateDirectoryView(request.configuration, state, sites: try sites)
        let (scene, events) = look.take(at: now)
        #expect(
            scene.datacenters == [
                .init(
                    name: "oslo", coordinates: Coordinates(latitude: 59.91, longitude: 10.75), state: "in_use",
                    capacity: 30),
                .init(name: "ashburn", state: "in_use"),
            ])
        let image = try #require(scene.image)
        #expect(image.id == store.current().snapshot?.image.id)
        #expect(events == [LiveEvent(time: Double(image.since), kind: .reload, text: "image \(image.id) is in force")])
        #expect(scene.rollout == nil)
        try state.change(recording: { _ in
            [HistoryEntry(time: now, user: "ops", .drain, datacenter: "oslo", until: now + 60, reason: "cooling")]
        }) { switches in
            switches = [
                Switch(
                    datacenter: "oslo", service: nil, share: 100, until: now + 60, user: "ops", since: now,
                    reason: "cooling")
            ]
        }
        var next = look.take(at: now + 1)
        #expect(next.scene.datacenters.map(\.state) == ["drained", "in_use"])
        try #require(next.events.count == 1)
        #expect(next.events[0].kind == .switch)
        #expect(next.events[0].datacenter == "oslo")
        #expect(next.events[0].text.hasPrefix("ops drained oslo, until "), "\(next.events[0].text)")
        #expect(next.events[0].text.hasSuffix(": cooling"))
        next = look.take(at: now + 2)
        #expect(next.events.isEmpty)
        next = look.take(at: now + 61)
        #expect(next.events.map(\.text) == ["the drain of oslo ended by itself: cooling"])
        #expect(next.scene.datacenters.map(\.state) == ["in_use", "in_use"])
        var late = StateDirectoryView(request.configuration, state, sites: [])
        #expect(late.take(at: now + 4_000).events.isEmpty, "of the last hour nothing")
    }

    @Test("give the destinations of clients")
    func destinations() async throws {
        try compile()
        let inquiry = LiveQueryRunner(request.configuration, state)
        let all = try object(try await inquiry.destinations(country: "", datacenter: nil))
        let expected = """
            {"services":[
              {"name":"web","parts":[{"datacenter":"ashburn","country":"","share":0.5},{"datacenter":"oslo","country":"","share":0.5}]},
              {"name":"mail","parts":[{"datacenter":"oslo","country":"","share":1}]}]}
            """
        #expect(all == (try object(expected)), "\(all)")
        let ashburn = try object(try await inquiry.destinations(country: nil, datacenter: "ashburn"))
        #expect(
            ashburn
                == (try object(
                    #"{"services":[{"name":"web","parts":[{"datacenter":"ashburn","country":"","share":0.5}]},{"name":"mail","parts":[]}]}"#
                )), "\(ashburn)")
        let norway = try object(try await inquiry.destinations(country: "no", datacenter: nil))
        #expect(norway == (try object(#"{"services":[{"name":"web","parts":[]},{"name":"mail","parts":[]}]}"#)))
    }

    @Test("explain the answer of a client")
    func explain() async throws {
        try compile()
        let inquiry = LiveQueryRunner(request.configuration, state)
        let explanation = try object(try await inquiry.explain("www.example.com.", client: "192.0.2.0/24", type: nil))
        let service = try #require(explanation["service"] as? NSDictionary)
        #expect(service["chosen"] as? [String] == ["ashburn"])
        #expect((service["rules"] as? [NSDictionary])?.first?["rule"] as? String == "default")
        let records = try #require((explanation["answer"] as? NSDictionary)?["records"] as? [String])
        #expect(records.count == 2)
        let only = try object(try await inquiry.explain("www.example.com", client: "10.0.0.1", type: "a"))
        let addresses = try #require((only["answer"] as? NSDictionary)?["records"] as? [String])
        #expect(addresses.map { $0.hasSuffix("\tA\t192.0.2.1") } == [true], "\(addresses)")
    }

    @Test("reject invalid questions with a message, and say if there is no image")
    func refusals() async throws {
        let inquiry = LiveQueryRunner(request.configuration, state)
        func status(_ body: () async throws(LiveRefusal) -> String) async -> Int? {
            do throws(LiveRefusal) {
                _ = try await body()
                return nil
            } catch {
                #expect(!error.message.isEmpty)
                return error.status
            }
        }
        func destinations(_ country: String?, _ datacenter: String?) async -> Int? {
            await status { () throws(LiveRefusal) in
                try await inquiry.destinations(country: country, datacenter: datacenter)
            }
        }
        func explain(_ name: String, _ client: String, _ type: String? = nil) async -> Int? {
            await status { () throws(LiveRefusal) in try await inquiry.explain(name, client: client, type: type) }
        }
        #expect(await destinations("NO", nil) == 503)
        #expect(await explain("www.example.com", "192.0.2.1") == 503)
        try compile()
        #expect(await destinations(nil, nil) == 400)
        #expect(await destinations("Norway", nil) == 400)
        #expect(await destinations(nil, "olso") == 404)
        #expect(await destinations("NO", "oslo") == nil)
        #expect(await explain("www.example.com", "192.0.2.300") == 400)
        #expect(await explain("www example.com", "192.0.2.1") == 400)
        #expect(await explain("", "192.0.2.1") == 400)
        #expect(await explain(String(repeating: "x.", count: 5_000), "192.0.2.1") != 503)
        #expect(await explain("www.example.com", "192.0.2.1", "NONSENSE") == 400)
        #expect(await explain("www.example.com", "192.0.2.1", "AAAA") == nil)
        inquiry.letGo(at: monotonicTime() + 3_600)
        #expect(await destinations("NO", nil) == nil)
    }
}
