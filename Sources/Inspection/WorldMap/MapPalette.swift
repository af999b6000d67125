/// How datacenters look on a map: each has a letter, a colour that the colour-blind can tell from the others (Okabe and Ito, 2008), and
/// beyond eight a texture on that colour.
public struct MapPalette: Sendable {
    /// The datacenters that have a place in it, in the order of their letters.
    public let datacenters: [String]
    private let numbers: [String: Int]

    /// A palette for all datacenters that get clients in some of these pictures, so that each looks alike in all of them.
    public init(of pictures: [ClientShares]) {
        var names: [String] = []
        var known: Set<String> = []
        for picture in pictures {
            let used = Set(picture.places.flatMap { $0.shares.compactMap(\.datacenter) })
            for name in picture.datacenters.map(\.name) where used.contains(name) && known.insert(name).inserted {
                names.append(name)
            }
        }
        datacenters = names
        numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    }

    /// The position of a datacenter; `nil` if it gets no clients.
    func number(of datacenter: String) -> Int? { numbers[datacenter] }

    /// `A` to `Z`, then `AA` and so on.
    static func letter(_ number: Int) -> String {
        let last = String(UnicodeScalar(UInt8(ascii: "A") + UInt8(number % 26)))
        return number < 26 ? last : letter(number / 26 - 1) + last
    }

    /// Of light and dark pictures. The last ones are the black of the original, which no dark picture could have.
    static let colours: [(light: String, dark: String)] = [
        ("#0072b2", "#0072b2"), ("#e69f00", "#e69f00"), ("#009e73", "#009e73"), ("#cc79a7", "#cc79a7"),
        ("#56b4e9", "#56b4e9"), ("#d55e00", "#d55e00"), ("#f0e442", "#f0e442"), ("#4d4d4d", "#bdbdbd"),
    ]

    /// The textures that colours get when they come again, as elements of a pattern of 8 by 8; the class `ink` contrasts with them.
    static let textures = [
        #"<path class="ink" d="M0 0h2v8h-2z"/>"#,
        #"<circle class="ink" cx="4" cy="4" r="2"/>"#,
        #"<path class="ink" d="M0 0h8v2h-8z"/>"#,
        #"<path class="ink" d="M0 0h8v2h-6v6h-2z"/>"#,
    ]

    /// The fill of a datacenter, as attributes of an element.
    ///
    /// - Parameter prefix: what all ids of the picture begin with.
    func fill(_ number: Int, _ prefix: String) -> String {
        number < Self.colours.count ? "class=\"p\(number)\"" : "fill=\"url(#\(prefix)t\(number))\""
    }

    /// The textures that some datacenter needs, as patterns.
    func patterns(_ prefix: String) -> String {
        (0..<datacenters.count).dropFirst(Self.colours.count).map { number in
            let (round, colour) = number.quotientAndRemainder(dividingBy: Self.colours.count)
            let texture = Self.textures[(round - 1) % Self.textures.count]
            return "<pattern id=\"\(prefix)t\(number)\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                + "<rect class=\"p\(colour)\" width=\"8\" height=\"8\"/>\(texture)</pattern>\n"
        }.joined()
    }
}
