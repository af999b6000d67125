import DNS
import Glibc
import Platform

/// The result of a compilation, in a file next to the images. Coprocesses read from it whether the files on disk have
/// been compiled already.
public struct CompileReport: Sendable {
    /// When the compiler began to read files, in nanoseconds since 1970.
    public var start = 0
    /// The content id of the new image; `nil` if there is none.
    public var image: String?
    /// The errors, if there is no image; otherwise the errors of zones that keep their earlier content.
    public var diagnostics: [String] = []
    /// All input files, including missing ones, with their states at that time.
    public var inputs: [(path: String, state: String)] = []
    /// Whether the image could not be written, for example because the disk is full.
    public var isUnwritable = false
    /// Whether the compiler crashed or was killed.
    public var isCrash = false
    /// When to retry even if no file has changed, in seconds since 1970; `nil` for never.
    public var retryAt: Int?
    /// Since when each optional database is missing that was there before, in seconds since 1970.
    public var missingSince: [String: Int] = [:]

    private static let heading = "geopipe compilation 1"
    /// The maximum number of diagnostic lines in the file.
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

    /// Reads what `text` wrote. Times out of range are ignored.
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

    /// Whether no input file has changed.
    package var isCurrent: Bool { !inputs.isEmpty && changedInputs.isEmpty }

    /// The input files that have changed or are gone.
    package var changedInputs: [String] { FileState.changed(inputs) }

    /// The states of the input files, for `FileWatch`.
    package var states: [String: FileState] {
        Dictionary(inputs.map { ($0.path, FileState(words: $0.state)) }, uniquingKeysWith: { a, _ in a })
    }
}
