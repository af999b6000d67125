import Support
import Testing

@testable import Platform

@Suite("Comparing bytes")
struct BytesTests {
    @Test("all bytes are compared, and none after them is read", arguments: 0...40)
    func equal(count: Int) {
        let bytes = (0..<count).map { UInt8($0 + 1) }
        func isEqual(_ other: [UInt8]) -> Bool {
            withBytesAtPageEnd(bytes) { first in
                withBytesAtPageEnd(other) { second in
                    first.withUnsafeBytes { first in
                        second.withUnsafeBytes { areEqual(first.baseAddress!, $0.baseAddress!, count: count) }
                    }
                }
            }
        }
        #expect(isEqual(bytes))
        for position in bytes.indices {
            var other = bytes
            other[position] ^= 0x80
            #expect(!isEqual(other))
        }
    }
}
