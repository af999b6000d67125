import Testing

@testable import Addresses

/// Ranges over the 256 addresses of one byte can be compared with the plain list of 256 values.
@Suite("Address ranges")
struct AddressRangesTests {
    @Test("map, combine and replace agree with a list of all values")
    func agreesWithList() {
        for _ in 0..<500 {
            let (a, b) = (randomRanges(), randomRanges())
            #expect(values(a.ranges) == a.values)
            #expect(values(a.ranges.map { $0 / 2 }) == a.values.map { $0 / 2 })
            #expect(
                values(a.ranges.combined(with: b.ranges) { $0 * 10 + $1 })
                    == zip(a.values, b.values).map { $0 * 10 + $1 })
            let replaced = a.ranges.replaced(where: b.ranges) { $0 / 2 + $1 }
            let combined = a.ranges.combined(with: b.ranges) { $1 == 0 ? $0 : $0 / 2 + $1 }
            #expect(replaced.starts == combined.starts)
            #expect(replaced.values == combined.values)
        }
    }

    @Test("adjacent ranges have different values")
    func neighboursDiffer() {
        for _ in 0..<200 {
            let ranges = randomRanges().ranges.map { $0 / 2 }
            #expect(zip(ranges.values, ranges.values.dropFirst()).allSatisfy { $0 != $1 })
            #expect(ranges.starts == ranges.starts.sorted())
        }
    }

    private func randomRanges() -> (ranges: AddressRanges<UInt8>, values: [UInt32]) {
        var ranges = AddressRanges<UInt8>(everywhere: 0)
        var values: [UInt32] = []
        var value: UInt32 = 0
        for address in UInt8.min...UInt8.max {
            if address == 0 || Int.random(in: 0..<20) == 0 {
                value = .random(in: 0..<4)
                ranges.append(from: address, value: value)
            }
            values.append(value)
        }
        return (ranges, values)
    }

    private func values(_ ranges: AddressRanges<UInt8>) -> [UInt32] {
        (UInt8.min...UInt8.max).map { address in
            ranges.values[ranges.starts.lastIndex { $0 <= address }!]
        }
    }
}
