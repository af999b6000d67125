import DNS
import Support
import Synchronization
import Testing

@testable import Answering

@Suite("A mailbox")
struct HandoverTests {
    private final class Parcel: Sendable {
        let sender: Int
        let number: Int
        private let alive: Counter

        init(_ number: Int, from sender: Int = 0, _ alive: Counter) {
            (self.sender, self.number, self.alive) = (sender, number, alive)
            alive.add(1)
        }

        deinit { alive.add(-1) }
    }

    private let alive = Counter()

    @Test("returns a value once")
    func leftAndTaken() {
        let place = Mailbox<Parcel>()
        #expect(place.take() == nil)
        place.leave(Parcel(1, alive))
        #expect(place.take()?.number == 1)
        #expect(place.take() == nil)
        #expect(alive.now == 0)
    }

    @Test("returns the last value, and releases earlier ones")
    func replaced() {
        let place = Mailbox<Parcel>()
        place.leave(Parcel(1, alive))
        place.leave(Parcel(2, alive))
        #expect(alive.now == 1)
        #expect(place.take()?.number == 2)
        #expect(place.take() == nil)
        #expect(alive.now == 0)
    }

    @Test("releases its value when it is released")
    func gone() {
        do {
            let place = Mailbox<Parcel>()
            place.leave(Parcel(1, alive))
            #expect(alive.now == 1)
        }
        #expect(alive.now == 0)
    }

    @Test("between many threads loses only old values, returns none twice, and keeps each sender's order")
    func manyThreads() {
        let place = Mailbox<Parcel>()
        let (senders, parcels) = (4, 20_000)
        let sending = Counter()
        sending.add(senders)
        let taken = Mutex<[[Parcel]]>([])
        inThreads(senders + 2) { thread in
            if thread < senders {
                for number in 0..<parcels { place.leave(Parcel(number, from: thread, alive)) }
                sending.add(-1)
            } else {
                var mine: [Parcel] = []
                while true {
                    let isLast = sending.now == 0
                    if let parcel = place.take() { mine.append(parcel) } else if isLast { break }
                }
                taken.withLock { $0.append(mine) }
            }
        }
        taken.withLock { taken in
            let all = taken.joined()
            #expect(!all.isEmpty)
            #expect(alive.now == all.count)
            #expect(Set(all.map { $0.sender * parcels + $0.number }).count == all.count)
            for mine in taken {
                for sender in 0..<senders {
                    let numbers = mine.filter { $0.sender == sender }.map(\.number)
                    #expect(zip(numbers, numbers.dropFirst()).allSatisfy(<))
                }
            }
            // The last value of all is the last value of its sender.
            #expect(all.contains { $0.number == parcels - 1 })
            taken = []
        }
        #expect(place.take() == nil)
        #expect(alive.now == 0)
    }
}
