/// `; did you mean 'x'?` with the word of `known` that is nearest to `word`, or else which words are known.
///
/// - Parameter listing: false to say nothing if no word is near, for there are too many to be listed.
public func suggestion(for word: String, among known: some Collection<String>, listing: Bool = true) -> String {
    // Who has many to choose from is only served by what is near.
    let candidates = listing ? Array(known) : known.filter { abs($0.utf8.count - word.utf8.count) <= 2 }
    let distances = candidates.map { (distance: editDistance(word.lowercased(), $0.lowercased()), word: $0) }
    guard let nearest = distances.min(by: { $0.distance < $1.distance }) else { return "" }
    if nearest.distance <= max(2, word.count / 2) { return "; did you mean '\(nearest.word)'?" }
    guard listing else { return "" }
    return "; known here: \(known.joined(separator: ", "))"
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make `b` of `a`.
public func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var cost = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
