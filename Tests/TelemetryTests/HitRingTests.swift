import Foundation
import Geography
import Testing

@testable import Telemetry

@Suite("Hit ring")
struct HitRingTests {
    private let tally = SnapshotCounters(zoneCount: 0, services: ["web"], datacenters: ["oslo"]) { _ in "" }

    private func put(_ ring: HitRing, _ number: Int, _ name: String = "www.example.com", datacenters: [Int32] = [0]) {
        let bytes = Array(name.utf8)
        ring.put(
            sampleKey: UInt32(number), tally: tally.number, service: 0, client: .v4(UInt32(number)), clientLength: 32,
            resolver: .v6(UInt128(number) << 64), scope: 24, name: bytes.span, datacenterCount: datacenters.count
        ) { datacenters[$0] }
    }

    private func taken(_ ring: HitRing) -> [Hit] {
        var hits: [Hit] = []
        ring.take { hits.append($0) }
        return hits
    }

    @Test("hits come out unchanged and in order")
    func order() throws {
        let ring = HitRing()
        let name = #"*.tab\009.EXAMPLE.com"#
        let bytes = Array(name.utf8)
        let datacenters: [Int32] = [7, 0, 65_536]
        ring.put(
            sampleKey: .max, tally: tally.number, service: 3, client: IPAddress("2001:db8::")!, clientLength: 56,
            resolver: IPAddress("192.0.2.1")!, scope: 128, name: bytes.span, datacenterCount: 3
        ) { datacenters[$0] }
        put(ring, 1, "")
        let hits = taken(ring)
        try #require(hits.count == 2)
        #expect(hits[0].tally == tally.number)
        #expect(hits[0].sampleKey == .max)
        #expect(hits[0].service == 3)
        #expect(hits[0].client.description == "2001:db8::")
        #expect(hits[0].clientLength == 56)
        #expect(hits[0].resolver.description == "192.0.2.1")
        #expect(hits[0].scope == 128)
        #expect(hits[0].name == name)
        #expect(hits[0].datacenters == [7, 0, 65_536])
        #expect(hits[1].name == "")
        #expect(hits[1].client == .v4(1))
        #expect(taken(ring).isEmpty)
    }

    @Test("at most 1024 bytes of a name are kept")
    func longName() {
        let ring = HitRing()
        put(ring, 1, String(repeating: "x", count: 5_000))
        #expect(taken(ring).map(\.name) == [String(repeating: "x", count: 1_024)])
    }

    @Test("the ring wraps with hits of any length", arguments: [0, 1, 15, 16, 255, 1_024])
    func wrapping(nameLength: Int) {
        let ring = HitRing()
        var expected = 0
        for number in 0..<20_000 {
            put(
                ring, number, String(repeating: "n", count: nameLength),
                datacenters: Array(repeating: 3, count: number % 17))
            guard number % 7 == 0 else { continue }
            ring.take { hit in
                #expect(hit.client == .v4(UInt32(expected)))
                #expect(hit.name.utf8.count == nameLength)
                #expect(hit.datacenters == Array(repeating: 3, count: expected % 17))
                expected += 1
            }
        }
        ring.take { _ in expected += 1 }
        #expect(expected == 20_000)
        #expect(ring.droppedHits == 0)
    }

    @Test("hits that do not fit are dropped and counted")
    func full() {
        let ring = HitRing()
        for number in 0..<100_000 { put(ring, number) }
        let hits = taken(ring)
        #expect(hits.count + ring.droppedHits == 100_000)
        #expect(hits.count > 1_000)
        #expect(hits.map(\.client) == (0..<UInt32(hits.count)).map { .v4($0) })
        put(ring, 7)
        #expect(taken(ring).map(\.client) == [.v4(7)])
    }

    @Test("the wanted part of the hits is as large as was set")
    func share() {
        let ring = HitRing()
        #expect(!ring.wants(0))
        ring.want(1)
        #expect(ring.wants(0) && ring.wants(.max))
        ring.want(0.25)
        #expect(ring.wants(1 << 30 - 1) && !ring.wants(1 << 30))
        ring.wantAtLeast(0.1)
        #expect(ring.wants(1 << 30 - 1))
        ring.wantAtLeast(0.5)
        #expect(ring.wants(1 << 31 - 1) && !ring.wants(1 << 31))
        ring.want(0)
        #expect(!ring.wants(0))
    }

    @Test("one thread may fill the ring while another empties it")
    func threads() async {
        let ring = HitRing()
        let count = 300_000
        let producer = Thread {
            for number in 0..<count { put(ring, number, "\(number)", datacenters: [Int32(number)]) }
        }
        producer.start()
        var received = 0
        var last = -1
        let deadline = ContinuousClock.now + .seconds(60)
        while received + ring.droppedHits < count, ContinuousClock.now < deadline {
            ring.take { hit in
                let number = Int(hit.sampleKey)
                #expect(number > last)
                #expect(hit.name == "\(number)" && hit.datacenters == [number] && hit.client == .v4(UInt32(number)))
                last = number
                received += 1
            }
        }
        #expect(received + ring.droppedHits == count)
    }
}
