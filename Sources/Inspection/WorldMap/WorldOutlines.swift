import Geography

/// A position on the globe, in degrees. Longitudes may exceed 180, so that outlines stay connected.
public struct MapPosition: Sendable {
    public var latitude: Double
    public var longitude: Double

    public init(latitude: Double, longitude: Double) {
        (self.latitude, self.longitude) = (latitude, longitude)
    }
}

/// The outlines and positions of countries for a world map.
public enum WorldOutlines {
    /// The outline of a country.
    public struct Outline: Sendable {
        public var country: PlaceCode
        /// The rings of its parts and of holes in them, the largest first. The last point of a ring does not repeat
        /// the first. Longitudes are -168.5...191.5: the map begins at `cut`.
        public var rings: [[MapPosition]]
    }

    /// The westernmost longitude of outlines.
    public static let cut = -168.5

    /// The outlines of countries, to a tenth of a degree, in the order of their codes. Countries too small for that are in `dots`.
    public static let all: [Outline] = parse(outlineData)

    /// The positions of the countries of ISO 3166-1 that have no outline, in the order of their codes.
    public static let dots: [(country: PlaceCode, position: MapPosition)] = dotData.split(separator: "\n").map { line in
        let fields = line.split(separator: " ")
        return (
            PlaceCode(fields[0])!, MapPosition(latitude: Double(fields[1])!, longitude: Double(fields[2])!)
        )
    }

    /// Reads the format that scripts/outlines writes. Each country begins after an empty line with its code and its
    /// rings. Each ring has the number of its points, and the difference of each point to the one before, longitude
    /// first, in tenths of a degree.
    private static func parse(_ text: String) -> [Outline] {
        var digits = OutlineDigits(text)
        var outlines: [Outline] = []
        while let code = digits.nextCode() {
            var rings: [[MapPosition]] = []
            while let count = digits.nextNumber() {
                var (x, y) = (0, 0)
                rings.append(
                    (0..<count).map { _ in
                        x += digits.nextNumber()!
                        y += digits.nextNumber()!
                        return MapPosition(latitude: Double(y) / 10, longitude: Double(x) / 10)
                    })
            }
            outlines.append(Outline(country: code, rings: rings))
        }
        return outlines
    }

    private static let dotData = """
        AD 42.5 1.6
        AG 17.1 -61.8
        AI 18.2 -63.1
        AS -14.3 -170.7
        AW 12.5 -70.0
        AX 60.2 20.0
        BB 13.2 -59.5
        BH 26.1 50.6
        BL 17.9 -62.8
        BM 32.3 -64.8
        BQ 12.2 -68.3
        BV -54.4 3.4
        CC -12.2 96.8
        CK -21.2 -159.8
        CV 15.1 -23.6
        CW 12.2 -69.0
        CX -10.5 105.7
        DM 15.4 -61.4
        FM 6.9 158.2
        FO 62.0 -6.9
        GD 12.1 -61.7
        GG 49.5 -2.6
        GI 36.1 -5.3
        GP 16.2 -61.6
        GS -54.3 -36.8
        GU 13.4 144.8
        HK 22.3 114.2
        HM -53.1 73.5
        IM 54.2 -4.5
        IO -7.3 72.4
        JE 49.2 -2.1
        KI 1.4 173.0
        KM -11.7 43.3
        KN 17.3 -62.7
        KY 19.3 -81.3
        LC 13.9 -61.0
        LI 47.2 9.5
        MC 43.7 7.4
        MF 18.1 -63.1
        MH 7.1 171.2
        MO 22.2 113.5
        MP 15.2 145.7
        MQ 14.6 -61.0
        MS 16.7 -62.2
        MT 35.9 14.4
        MU -20.3 57.6
        MV 4.2 73.5
        NF -29.0 168.0
        NR -0.5 166.9
        NU -19.1 -169.9
        PF -17.6 -149.4
        PM 46.8 -56.3
        PN -25.1 -130.1
        PW 7.4 134.5
        RE -21.1 55.5
        SC -4.6 55.5
        SG 1.3 103.8
        SH -16.0 -5.7
        SM 43.9 12.5
        ST 0.2 6.6
        SX 18.0 -63.1
        TC 21.8 -71.8
        TK -9.2 -171.8
        TO -21.2 -175.2
        TV -8.5 179.2
        UM 19.3 166.6
        VA 41.9 12.5
        VC 13.3 -61.2
        VG 18.4 -64.6
        VI 18.0 -64.8
        WF -13.3 -176.2
        WS -13.8 -172.1
        YT -12.8 45.2
        """
}

/// Reads numbers from the characters that scripts/outlines writes.
private struct OutlineDigits {
    private let bytes: [UInt8]
    private var position = 0

    /// The digit of each character.
    private static let values: [Int] = {
        var values = [Int](repeating: 0, count: 128)
        var count = 0
        for character in UInt8(33)..<127 where !"\"\\#`".utf8.contains(character) {
            values[Int(character)] = count
            count += 1
        }
        return values
    }()
    private static let base = 90
    /// The number of digits that are complete numbers.
    private static let small = base - 10

    init(_ text: String) { bytes = Array(text.utf8) }

    /// Returns the code of the next country; `nil` at the end.
    mutating func nextCode() -> PlaceCode? {
        while position < bytes.count, bytes[position] == UInt8(ascii: "\n") { position += 1 }
        guard position < bytes.count else { return nil }
        defer { position += 2 }
        return PlaceCode(String(decoding: bytes[position..<(position + 2)], as: UTF8.self))
    }

    /// Returns the next number; `nil` at the end of the country.
    mutating func nextNumber() -> Int? {
        guard let first = nextDigit() else { return nil }
        var value = first
        if first >= Self.small {
            value = first < Self.base - 1 ? first - Self.small : 9
            if first < Self.base - 1 {
                value = Self.small + value * Self.base + nextDigit()!
            } else {
                value = Self.small + 9 * Self.base + nextDigit()! * Self.base
                value += nextDigit()!
            }
        }
        return value & 1 == 0 ? value / 2 : -(value + 1) / 2
    }

    /// Returns the next digit on this line or the next one; `nil` before an empty line, and at the end.
    private mutating func nextDigit() -> Int? {
        if position < bytes.count, bytes[position] == UInt8(ascii: "\n") { position += 1 }
        guard position < bytes.count, bytes[position] != UInt8(ascii: "\n") else { return nil }
        defer { position += 1 }
        return Self.values[Int(bytes[position])]
    }
}
