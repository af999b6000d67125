import Glibc
import Platform

/// How the agent of this server stands with the vantage points: whether most of them decide which addresses are up, or it goes by its
/// own checks.
public struct VantageStanding: Equatable, Sendable {
    /// When it was told, in seconds since 1970.
    public var time: Int
    public var way: Way
    /// How many addresses count otherwise than the checks of this server say.
    public var overruled: Int
    /// In the order of the configuration.
    public var points: [Point]

    /// By what an address is up or down.
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
        /// Since its report was asked for, in seconds; `nil` without one.
        public var age: Int?
        /// The addresses of its report that this server checks, too, and those that it does not.
        public var known: Int
        public var unknown: Int
        /// Why it could not be read last; empty if it could.
        public var trouble: String

        public enum State: String, Sendable {
            /// This agent itself.
            case own
            /// Its report counts.
            case fresh
            /// It has no report that counts.
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

    /// The others.
    public var others: [Point] { points.filter { $0.state != .own } }
}

extension VantageStanding {
    private static let heading = "geopipe vantage 1"

    /// A line for the whole, and one for each vantage point.
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

    /// Reads what `text` wrote. Lines of other kinds are passed over.
    init(_ text: String) throws(StateFile.Untrusted) {
        let lines = try StateFile.lines(text, Self.heading)
        guard let first = lines.first, first.count >= 4, first[0] == "standing", let time = number(ofField: first[1]),
            let way = Way(rawValue: first[2]), let overruled = number(ofField: first[3])
        else { throw StateFile.Untrusted(description: "it does not say how the agent stands") }
        self.init(time: time, way: way, overruled: overruled, points: [])
        for fields in lines.dropFirst() where fields.first == "point" {
            guard fields.count >= 7, let state = Point.State(rawValue: fields[2]),
                let known = number(ofField: fields[4]),
                let unknown = number(ofField: fields[5])
            else { throw StateFile.Untrusted(description: "'\(fields.joined(separator: " "))' is no vantage point") }
            points.append(
                Point(
                    name: visible(fields[1]), state: state, age: number(ofField: fields[3]), known: known,
                    unknown: unknown, trouble: visible(fields[6])))
        }
    }
}

extension StateDirectory {
    /// The file of how the agent stands with the vantage points; not there without any.
    public var vantageFile: String { path + "/vantage" }

    /// What the agent has told last of how it stands with the vantage points.
    public func vantageStanding() throws(Failure) -> Found<VantageStanding> {
        try find(vantageFile) { text throws(StateFile.Untrusted) in try VantageStanding(text) }
    }

    /// Tells how the agent stands; `nil` if there are no vantage points.
    public func tell(_ standing: VantageStanding?) throws(Failure) {
        guard let standing else {
            try asOwner { () throws(Failure) in
                if unlink(vantageFile) != 0, errno != ENOENT { throw Failure("remove", vantageFile) }
            }
            return
        }
        // It is told again every few seconds, and need not outlive a crash.
        try write(standing.text, to: vantageFile, isDurable: false)
    }
}
