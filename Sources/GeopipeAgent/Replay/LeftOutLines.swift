/// Lines of a hits log that a replay did not show as written: each counts once, however often it is read.
struct LeftOutLines {
    /// The offsets of lines that are neither hits nor events.
    private(set) var foreign: Set<Int> = []
    /// The offsets of lines whose time is far from that of their neighbours.
    private(set) var stray: Set<Int> = []
    /// The offsets of lines that are shown later than their time, because they follow later lines.
    private(set) var late: Set<Int> = []

    /// The maximum number of lines of each kind that are counted.
    private static let limit = 100_000

    mutating func add(foreign offset: Int) { Self.add(offset, to: &foreign) }
    mutating func add(stray offset: Int) { Self.add(offset, to: &stray) }
    mutating func add(late offset: Int) { Self.add(offset, to: &late) }

    private static func add(_ offset: Int, to lines: inout Set<Int>) {
        if lines.count < limit { lines.insert(offset) }
    }

    /// Messages for a person; empty if there are no such lines.
    var diagnostics: [String] {
        [
            (foreign, " is not a hit, and is left out", "s are not hits, and are left out"),
            (
                stray, " has a time far from those of the lines around it, and is left out",
                "s have times far from those of the lines around them, and are left out"
            ),
            (
                late, " is out of order, and is shown late",
                "s are out of order, as after a clock was set back, and are shown late"
            ),
        ].filter { !$0.0.isEmpty }.map { lines, one, several in
            let count = lines.count < Self.limit ? "\(lines.count)" : "\(Self.limit) or more"
            return "\(count) line" + (lines.count == 1 ? one : several)
        }
    }
}
