import Glibc
import Platform

/// The vantage points as this server's agent sees them: whether a majority of them decides which addresses are up, or
/// only its own checks.
public struct VantageStanding: Equatable, Sendable {
    /// When it was reported, in seconds since 1970.
    public var time: Int
    public var way: Way
    /// The number of addresses whose state differs from the result of this server's own checks.
    public var overruled: Int
    /// The vantage points, in the order of the configuration.
    public var points: [Point]

    /// What decides whether an address is up.
    public enum Way: String, Sendable {
        /// The agent has just started, and not enough vantage points have been read yet; until then own checks decide.
        case gathering
        case quorum
        /// Fewer than half of the others can be read: own checks decide.
        case cutOff = "cut_off"
    }

    /// A vantage point.
    public struct Point: Equatable, Sendable {
        public var name: String
        public var state: State
        /// The age of its report, in seconds; `nil` without one.
        public var age: Int?
        /// The number of addresses in its report that this server checks too, and of those that it does not.
        public var known: Int
        public var unknown: Int
        /// Why the last read failed; empty if it succeeded.
        public var trouble: String

        public enum State: String, Sendable {
            /// This server's agent.
            case own
            /// Its report is valid.
            case fresh
            /// It has no valid report.
            case silent
        }

        public init(name: String, state: State, age: Int?, known: Int, unknown: Int, trouble: String) {
            (self.name, self.state, self.age) = (name, state, age)
            (self.known, self.unknown, self.trouble) = (known, unknown, trouble)
        }
    }

    public init(time: Int, way: Way, overruled: Int, points: [Point]) {
        (self.time, self.way, self.overruled, self.points) = (time, way, overruled, points)
    }

    /// The vantage points other than this server's agent.
    public var others: [Point] { points.filter { $0.state != .own } }
}

extension VantageStanding {
    private static let heading = "geopipe vantage 1"

    /// A line for the standing, and one for each vantage point.
    var text: String {
        StateFile.text(
            Self.heading,
            [["standing", "\(time)", way.rawValue, "\(overruled)"]]
                + points.map { point in
                    [
                        "point", point.name, point.state.rawValue, point.age.map { "\($0)" } ?? "", "\(point.known)",
                        "\(point.unknown)", point.trouble,
                    ]
                })
    }

    /// Reads what `text` wrote. Lines of other kinds are ignored.
    init(_ text: String) throws(StateFile.Untrusted) {
        let lines = try StateFile.lines(text, Self.heading)
        guard let first = lines.first, first.count >= 4, first[0] == "standing", let time = number(ofField: first[1]),
            let way = Way(rawValue: first[2]), let overruled = number(ofField: first[3])
        else { throw StateFile.Untrusted(description: "its standing is missing") }
        self.init(time: time, way: way, overruled: overruled, points: [])
        for fields in lines.dropFirst() where fields.first == "point" {
            guard fields.count >= 7, let state = Point.State(rawValue: fields[2]),
                let known = number(ofField: fields[4]),
                let unknown = number(ofField: fields[5])
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is not a vantage point") }
            points.append(
                Point(
                    name: visible(fields[1]), state: state, age: number(ofField: fields[3]), known: known,
                    unknown: unknown, trouble: visible(fields[6])))
        }
    }
}

extension StateDirectory {
    /// The path of the file; missing without vantage points.
    public var vantageFile: String { path + "/vantage" }

    /// Reads the standing that the agent has reported last.
    public func vantageStanding() throws(Failure) -> Found<VantageStanding> {
        try find(vantageFile) { text throws(StateFile.Untrusted) in try VantageStanding(text) }
    }

    /// Writes the standing; `nil` if there are no vantage points, which removes the file.
    public func tell(_ standing: VantageStanding?) throws(Failure) {
        guard let standing else {
            try asOwner { () throws(Failure) in
                if unlink(vantageFile) != 0, errno != ENOENT { throw Failure("remove", vantageFile) }
            }
            return
        }
        // It is written every few seconds, and need not survive a crash.
        try write(standing.text, to: vantageFile, isDurable: false)
    }
}
