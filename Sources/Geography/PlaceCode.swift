/// A two-letter code in upper case: ISO 3166-1 alpha-2 for countries, MaxMind's codes for continents.
public struct PlaceCode: Hashable, Sendable, CustomStringConvertible {
    private let first: UInt8
    private let second: UInt8

    /// Reads two ASCII letters of either case; `nil` for any other text.
    public init?(_ text: some StringProtocol) {
        var letters = text.utf8.makeIterator()
        guard let first = letters.next().flatMap(upperCaseLetter), let second = letters.next().flatMap(upperCaseLetter),
            letters.next() == nil
        else { return nil }
        self.first = first
        self.second = second
    }

    /// Reads two ASCII letters of either case; `nil` for any other text.
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

    /// The range of `index`, for tables by code.
    static let indices = 0..<(26 * 26)

    /// The number of this code in `indices`, different for each code.
    var index: Int { Int(first - UInt8(ascii: "A")) * 26 + Int(second - UInt8(ascii: "A")) }

    /// Whether databases use this code for an unknown country: XX or ZZ.
    var isUnknownCountry: Bool { first == second && (first == UInt8(ascii: "X") || first == UInt8(ascii: "Z")) }
}

extension PlaceCode {
    /// The codes of the continents in MaxMind databases.
    public static let continents = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"].map { PlaceCode($0)! }
}

private func upperCaseLetter(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 0x20
    default: nil
    }
}
