/// A two-letter code of a place, in upper case: ISO 3166-1 alpha-2 for countries, MaxMind's own for continents.
public struct PlaceCode: Hashable, Sendable, CustomStringConvertible {
    private let first: UInt8
    private let second: UInt8

    /// Reads two ASCII letters of either case; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        var letters = text.utf8.makeIterator()
        guard let first = letters.next().flatMap(upperCaseLetter), let second = letters.next().flatMap(upperCaseLetter),
            letters.next() == nil
        else { return nil }
        self.first = first
        self.second = second
    }

    /// Reads two ASCII letters of either case; `nil` for anything else.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 2, let first = upperCaseLetter(bytes[0]), let second = upperCaseLetter(bytes[1]) else {
            return nil
        }
        self.first = first
        self.second = second
    }

    /// The two letters.
    var letters: (UInt8, UInt8) { (first, second) }

    public var description: String { String(decoding: [first, second], as: UTF8.self) }

    /// The numbers that codes have as positions in a table.
    static let indices = 0..<(26 * 26)

    /// A number of this code alone, one of `indices`.
    var index: Int { Int(first - UInt8(ascii: "A")) * 26 + Int(second - UInt8(ascii: "A")) }

    /// What databases write for a country that is not known.
    var isUnknownCountry: Bool { first == second && (first == UInt8(ascii: "X") || first == UInt8(ascii: "Z")) }
}

extension PlaceCode {
    /// The continents' codes as MaxMind databases have them.
    public static let continents = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"].map { PlaceCode($0)! }
}

private func upperCaseLetter(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 0x20
    default: nil
    }
}
