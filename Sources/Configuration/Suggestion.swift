/// Returns `; did you mean 'x'?` with the word of `known` that is nearest to `word`, or else the known words.
///
/// - Parameter listing: false to return nothing if no word is near, because there are too many to list.
public func suggestion(for word: String, among known: some Collection<String>, listing: Bool = true) -> String {
    if let near = nearest(to: word, among: known) { return "; did you mean '\(near)'?" }
    guard listing, !known.isEmpty else { return "" }
    let shown = 20
    let rest = known.count > shown ? " and \(known.count - shown) more" : ""
    return "; known here: \(known.prefix(shown).joined(separator: ", "))\(rest)"
}

/// Returns the word of `known` that differs from `word` only in case, accents and punctuation, or else the nearest one
/// that is close enough to be a typo; `nil` if there is none.
public func nearest(to word: String, among known: some Collection<String>) -> String? {
    // A longer word is no name, and comparing it takes time.
    guard word.utf8.count <= 256 else { return nil }
    let plain = folded(word)
    guard !plain.isEmpty else { return nil }
    if let same = known.first(where: { folded($0) == plain }) { return same }
    let limit = allowedDistance(plain)
    let letters = Array(plain.unicodeScalars)
    // A different length alone is a distance.
    let candidates = known.lazy.filter { abs($0.unicodeScalars.count - letters.count) <= limit + 2 }
    var best: (distance: Int, word: String)?
    for candidate in candidates {
        // At least one letter must match.
        let most = min(limit, letters.count - 1, (best?.distance ?? .max) - 1)
        if let distance = editDistance(letters, Array(folded(candidate).unicodeScalars), atMost: most) {
            best = (distance, candidate)
        }
    }
    return best?.word
}

/// Returns the name of `known` that was probably meant: the nearest one, or one that differs in words that people add
/// to names of cities, or the longest one that `name` begins with.
public func nearestName(to name: String, among known: some Collection<String>) -> String? {
    let plain = folded(name)
    guard !plain.isEmpty else { return nil }
    if let same = known.first(where: { folded($0) == plain }) { return same }
    let words = essentialWords(plain)
    if !words.isEmpty, let same = known.first(where: { essentialWords(folded($0)) == words }) { return same }
    let beginnings = known.filter {
        let other = essentialWords(folded($0))
        return !other.isEmpty && other.count < words.count && words.starts(with: other)
    }
    return nearest(to: name, among: known) ?? beginnings.max { $0.count < $1.count }
}

/// Returns the text in lower case, without accents, with one space for each run of punctuation.
public func folded(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return foldedASCII(text.utf8) }
    var result = ""
    var isAfterWord = false
    for scalar in text.lowercased().unicodeScalars where !isAccent(scalar) {
        guard scalar.properties.isAlphabetic || scalar.properties.numericType != nil else {
            // An apostrophe is part of its word.
            if scalar != "'" && scalar != "\u{2019}" { isAfterWord = !result.isEmpty }
            continue
        }
        if isAfterWord { result += " " }
        isAfterWord = false
        if scalar.isASCII { result.unicodeScalars.append(scalar) } else { result += plainLetters(scalar) }
    }
    return result
}

/// Does the same for ASCII, which does not need the tables of Unicode.
private func foldedASCII(_ text: String.UTF8View) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var isAfterWord = false
    for byte in text {
        let lower = byte | 0x20
        guard UInt8(ascii: "a")...UInt8(ascii: "z") ~= lower || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else {
            if byte != UInt8(ascii: "'") { isAfterWord = !result.isEmpty }
            continue
        }
        if isAfterWord { result.append(UInt8(ascii: " ")) }
        isAfterWord = false
        // A digit has this bit, too.
        result.append(lower)
    }
    return String(decoding: result, as: UTF8.self)
}

/// Returns whether a character only modifies the letter before it, such as a combining accent.
private func isAccent(_ scalar: Unicode.Scalar) -> Bool {
    !scalar.isASCII && scalar.properties.generalCategory == .nonspacingMark
}

/// Returns a lower-case letter without its accents, in the Latin alphabet if possible.
private func plainLetters(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "ß": return "ss"
    case "æ": return "ae"
    case "œ": return "oe"
    case "ı": return "i"
    case "ð": return "d"
    case "þ": return "th"
    default: break
    }
    // Unicode names é LATIN SMALL LETTER E WITH ACUTE.
    let prefix = "LATIN SMALL LETTER "
    guard let name = scalar.properties.name, name.hasPrefix(prefix) else { return String(scalar) }
    let letter = name.dropFirst(prefix.count)
    return letter.dropFirst().hasPrefix(" WITH ") ? letter.prefix(1).lowercased() : String(scalar)
}

/// Returns the words of a folded city name, without those that only say that it is a city.
private func essentialWords(_ name: String) -> [String] {
    let general: Set<String> = ["city", "town", "municipality", "metropolitan", "greater", "the", "of"]
    let short = ["saint": "st", "sankt": "st", "fort": "ft", "mount": "mt"]
    return name.split(separator: " ").map(String.init).filter { !general.contains($0) }.map { short[$0] ?? $0 }
}

/// Returns the edit distance up to which a word counts as a typo: smaller for short words, which are near to others by
/// chance.
private func allowedDistance(_ word: String) -> Int {
    switch word.unicodeScalars.count {
    case ...5: 1
    case ...8: 2
    default: 3
    }
}

/// Returns the number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `nil` if it
/// is more than `limit`.
public func editDistance(_ a: String, _ b: String, atMost limit: Int) -> Int? {
    // Each insertion and each deletion changes the length by one.
    guard abs(a.unicodeScalars.count - b.unicodeScalars.count) <= limit else { return nil }
    return editDistance(Array(a.unicodeScalars), Array(b.unicodeScalars), atMost: limit)
}

private func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar], atMost limit: Int) -> Int? {
    guard abs(a.count - b.count) <= limit else { return nil }
    var last = Array(0...b.count)
    var (before, row) = (last, last)
    for i in a.indices {
        row[0] = i + 1
        var least = row[0]
        for j in b.indices {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
            row[j + 1] = cost
            least = min(least, cost)
        }
        // No later row has a smaller number.
        guard least <= limit else { return nil }
        (before, last, row) = (last, row, before)
    }
    return last[b.count] <= limit ? last[b.count] : nil
}
