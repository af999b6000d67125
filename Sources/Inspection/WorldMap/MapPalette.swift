/// The look of datacenters on a map: each has a letter and a colour of a palette for the colour-blind (Okabe and Ito,
/// 2008). From the ninth on they also have a texture.
public struct MapPalette: Sendable {
    /// The datacenters, in the order of their letters.
    public let datacenters: [String]
    private let numbers: [String: Int]

    /// Makes a palette for all datacenters that get clients in any of these pictures, so that each looks the same in
    /// all of them.
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

    /// Returns the position of a datacenter; `nil` if it gets no clients.
    func number(of datacenter: String) -> Int? { numbers[datacenter] }

    /// Returns `A` to `Z`, then `AA` and so on.
    static func letter(_ number: Int) -> String {
        let last = String(UnicodeScalar(UInt8(ascii: "A") + UInt8(number % 26)))
        return number < 26 ? last : letter(number / 26 - 1) + last
    }

    /// The colours of light and dark pictures. The last one replaces the palette's black, which would not work in
    /// dark pictures.
    static let colours: [(light: String, dark: String)] = [
        ("#0072b2", "#0072b2"), ("#e69f00", "#e69f00"), ("#009e73", "#009e73"), ("#cc79a7", "#cc79a7"),
        ("#56b4e9", "#56b4e9"), ("#d55e00", "#d55e00"), ("#f0e442", "#f0e442"), ("#4d4d4d", "#bdbdbd"),
    ]

    /// The textures of repeated colours, as elements of an 8 by 8 pattern; the class `ink` contrasts with the colour.
    static let textures = [
        #"<path class="ink" d="M0 0h2v8h-2z"/>"#,
        #"<circle class="ink" cx="4" cy="4" r="2"/>"#,
        #"<path class="ink" d="M0 0h8v2h-8z"/>"#,
        #"<path class="ink" d="M0 0h8v2h-6v6h-2z"/>"#,
    ]

    /// Returns the fill of a datacenter, as attributes of an element.
    ///
    /// - Parameter prefix: the prefix of all ids of the picture.
    func fill(_ number: Int, _ prefix: String) -> String {
        number < Self.colours.count ? "class=\"p\(number)\"" : "fill=\"url(#\(prefix)t\(number))\""
    }

    /// The textures that datacenters need, as patterns.
    func patterns(_ prefix: String) -> String {
        (0..<datacenters.count).dropFirst(Self.colours.count).map { number in
            let (round, colour) = number.quotientAndRemainder(dividingBy: Self.colours.count)
            let texture = Self.textures[(round - 1) % Self.textures.count]
            return "<pattern id=\"\(prefix)t\(number)\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                + "<rect class=\"p\(colour)\" width=\"8\" height=\"8\"/>\(texture)</pattern>\n"
        }.joined()
    }
}
