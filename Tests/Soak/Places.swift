/// Places for drains, which are equal in both databases.
enum Places: Int, CaseIterable {
    case america = 1, some = 2

    /// The places as arguments of a command.
    var words: String { self == .america ? "continent:NA" : "NO,JP" }

    func contains(_ place: Countries.Place) -> Bool {
        self == .america ? place.continent == code("NA") : place.country == code("NO") || place.country == code("JP")
    }
}

/// Returns two letters as one number.
func code(_ letters: StaticString) -> UInt32 { UInt32(letters.utf8Start[0]) << 8 | UInt32(letters.utf8Start[1]) }
