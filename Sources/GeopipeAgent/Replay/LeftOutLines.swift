/// Lines of a hits log that a replay has not shown as they are written: each once, however often it is read.
struct LeftOutLines {
    /// The lines that are neither hits nor events, by where in the file they begin.
    private(set) var foreign: Set<Int> = []
    /// Those whose time is far from that of the lines around them.
    private(set) var stray: Set<Int> = []
    /// Those that are shown, later than their time says, because they come after later ones.
    private(set) var late: Set<Int> = []

    /// The most of each kind that are counted.
    private static let limit = 100_000

    mutating func add(foreign offset: Int) { Self.add(offset, to: &foreign) }
    mutating func add(stray offset: Int) { Self.add(offset, to: &stray) }
    mutating func add(late offset: Int) { Self.add(offset, to: &late) }

    private static func add(_ offset: Int, to lines: inout Set<Int>) {
        if lines.count < limit { lines.insert(offset) }
    }

    /// What a person should know of them; empty if there are none.
    var diagnostics: [String] {
        [
            (foreign, " is no hit, and is left out", "s are no hits, and are left out"),
            (
                stray, " has a time that is far from those of the lines around it, and is left out",
                "s have times that are far from those of the lines around them, and are left out"
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
