import Routing
import Support
import Testing

@Suite("Shares of client networks")
struct NetworkShareTests {
    @Test("a share has the requested size within sampling error", arguments: [1, 5, 20, 50, 99])
    func size(percent: Int) {
        let count = 100_000
        for salt in [UInt64](arrayLiteral: 0, 1, .max, 0x9e37_79b9_7f4a_7c15) {
            let share = NetworkShare(percent: percent, salt: salt)
            let part = Double(percent) / 100
            // Consecutive networks, as in a block of addresses, and distant ones.
            for stride in [UInt64](arrayLiteral: 1, 0x1_0000_0001) {
                let inside = (0..<count).count { share.contains(UInt64($0) &* stride) }
                // Four standard deviations.
                let error = 4 * (Double(count) * part * (1 - part)).squareRoot()
                #expect(abs(Double(inside) - Double(count) * part) < error, "salt \(salt), stride \(stride)")
            }
        }
    }

    @Test("a larger share includes every network of a smaller one: 5, 20, 50 and 100% over all /24 of IPv4")
    func growth() {
        let shares = [5, 20, 50, 100].map { NetworkShare(percent: $0, salt: 42) }
        var back = 0
        var counts = [0, 0, 0, 0]
        for network in 0..<UInt64(1) << 24 {
            var isInside = false
            for position in 0..<4 {
                let isIn = shares[position].contains(network)
                if isInside, !isIn { back += 1 }
                isInside = isIn
                if isIn { counts[position] += 1 }
            }
        }
        #expect(back == 0)
        #expect(counts[3] == 1 << 24)
        #expect(counts[0] < counts[1] && counts[1] < counts[2])
    }

    @Test("shares with different salts are independent")
    func independence() {
        let (one, two) = (NetworkShare(percent: 50, salt: 1), NetworkShare(percent: 50, salt: 2))
        let both = (0..<UInt64(100_000)).count { one.contains($0) && two.contains($0) }
        #expect(24_000...26_000 ~= both)
    }
}
