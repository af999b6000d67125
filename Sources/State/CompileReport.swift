import DNS
import Glibc
import Platform

/// What came of a compilation, in a file beside the images: coprocesses learn from it whether what is on disk has been tried.
public struct CompileReport: Sendable {
    /// When its files began to be read, in nanoseconds since 1970.
    public var start = 0
    /// The content id of the image that was made; `nil` if none was.
    public var image: String?
    /// What is wrong, if none was made; and what is wrong with zones that are kept.
    public var diagnostics: [String] = []
    /// All files that were read, or would have been, with their state then.
    public var inputs: [(path: String, state: String)] = []
    /// Whether an image was made, and could not be written: there may be no room.
    public var isUnwritable = false
    /// Whether the compiler did not come to its end.
    public var isCrash = false
    /// When it is to be tried again though nothing has changed, in seconds since 1970.
    public var retryAt: Int?
    /// Since when optional databases are missing that were there, in seconds since 1970.
    public var missingSince: [String: Int] = [:]

    private static let heading = "geopipe compilation 1"
    /// The number of complaints that are kept.
    private static let limit = 100

    public init() {}

    package var text: String {
        var lines: [[String]] = [["start", "\(start)"]]
        if let image { lines.append(["image", image]) }
        if isUnwritable { lines.append(["unwritable"]) }
        if isCrash { lines.append(["crash"]) }
        if let retryAt { lines.append(["retry", "\(retryAt)"]) }
        lines += missingSince.sorted { $0.key < $1.key }.map { ["missing", $0.key, "\($0.value)"] }
        let shown = diagnostics.flatMap { $0.split(separator: "\n").map(String.init) }
        lines += shown.prefix(Self.limit).map { ["complaint", $0] }
        if shown.count > Self.limit { lines.append(["complaint", "... and \(shown.count - Self.limit) more"]) }
        lines += inputs.map { ["input", $0.path, $0.state] }
        return StateFile.text(Self.heading, lines)
    }

    /// Reads what `text` wrote. Times that one cannot reckon with count as if they were not there.
    package init(_ text: String) throws(StateFile.Untrusted) {
        for line in try StateFile.lines(text, Self.heading) {
            switch (line.first, line.count) {
            case ("start", 2): start = Int(line[1]).flatMap { $0 >= 0 ? $0 : nil } ?? 0
            case ("image", 2): image = line[1]
            case ("unwritable", 1): isUnwritable = true
            case ("crash", 1): isCrash = true
            case ("retry", 2): retryAt = number(ofField: line[1])
            case ("missing", 3): missingSince[line[1]] = number(ofField: line[2])
            case ("complaint", 2): diagnostics.append(visible(line[1]))
            case ("input", 3): inputs.append((line[1], line[2]))
            default: break
            }
        }
    }

    /// Whether its files are still what they were.
    package var isCurrent: Bool { !inputs.isEmpty && changedInputs.isEmpty }

    /// The files that are not what they were, or are gone.
    package var changedInputs: [String] { FileState.changed(inputs) }

    /// The states of its files, as a watch compares with them.
    package var states: [String: FileState] {
        Dictionary(inputs.map { ($0.path, FileState(words: $0.state)) }, uniquingKeysWith: { a, _ in a })
    }
}
