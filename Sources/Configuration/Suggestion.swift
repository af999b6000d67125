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
        let distance = editDistance(letters, Array(folded(candidate).unicodeScalars))
        // At least one letter must match.
        guard distance <= limit, distance < letters.count, distance < best?.distance ?? .max else { continue }
        best = (distance, candidate)
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

/// Returns the number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
public func editDistance(_ a: String, _ b: String) -> Int {
    editDistance(Array(a.unicodeScalars), Array(b.unicodeScalars))
}

private func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var before: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
        var row = [i + 1]
        row.reserveCapacity(b.count + 1)
        for j in 0..<b.count {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
            row.append(cost)
        }
        (before, last) = (last, row)
    }
    return last[b.count]
}
