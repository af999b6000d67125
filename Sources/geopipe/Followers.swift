import Glibc
import Platform
import State

/// Which coprocesses answer by the switches as they are now.
struct Followers {
    var count = 0
    /// The processes that do not yet.
    var others: [CoprocessStatus] = []

    /// The processes of which that cannot be told.
    var unreadable: [Int] = []

    /// Those of the configuration that never follow it.
    var apart: [CoprocessStatus] = []

    var all: Int { count + others.count + unreadable.count }

    /// Whether it is in force, and that in all coprocesses.
    var areAll: Bool { count > 0 && count == all }

    /// Milliseconds after which no coprocess runs if none has told of itself.
    private static let loneliness = 300

    /// Waits until all coprocesses follow, for at most `patience` milliseconds. This process is none of them.
    ///
    /// - Parameters:
    ///   - identity: tells what is to be followed; without, the switches.
    ///   - followed: what a coprocess follows.
    ///   - mayFollow: whether a coprocess counts at all.
    static func wait(
        for configuration: String, _ state: StateDirectory, patience: Int, identity current: (() -> String?)? = nil,
        followed: (CoprocessStatus) -> String? = { $0.switches },
        mayFollow: (CoprocessStatus) -> Bool = { _ in true }
    ) -> Followers {
        let start = milliseconds()
        while true {
            var followers = Followers()
            // Another operator may have switched more since: what follows that follows this, too.
            let identity = current.map { $0() } ?? (try? state.switches())?.identity
            for status in state.coprocesses(of: configuration) where status.process != Int(getpid()) {
                if !mayFollow(status) {
                    followers.apart.append(status)
                } else if identity != nil, followed(status) == identity {
                    followers.count += 1
                } else {
                    followers.others.append(status)
                }
            }
            followers.unreadable = (try? state.knownCoprocesses())?.unreadable ?? []
            let waited = milliseconds() - start
            if followers.others.isEmpty, followers.unreadable.isEmpty, followers.count > 0 || waited >= Self.loneliness
            {
                return followers
            }
            if waited >= patience { return followers }
            usleep(10_000)
        }
    }

    /// For people.
    var words: String { ([mainWords] + apartWords).joined(separator: "; ") }

    private static let shown = 5

    /// Those that never follow it, and why.
    private var apartWords: [String] {
        let words = apart.map { status in
            let reason =
                status.imageFile.map { "it answers from \($0) alone (--image)" }
                ?? "it runs with \(status.configuration), or with other databases (--database)"
            return "coprocess \(status.process) does not count: \(reason)"
        }
        return words.prefix(Self.shown)
            + (words.count > Self.shown ? ["and \(words.count - Self.shown) more do not count"] : [])
    }

    private var mainWords: String {
        let all = self.all
        let names =
            others.map { status in
                status.version == geopipeVersion
                    ? "\(status.process)" : "\(status.process) of version \(status.version)"
            } + unreadable.map { "\($0), whose status cannot be read" }
        let rest = names.count > Self.shown ? " and \(names.count - Self.shown) more" : ""
        let look = "\(names.prefix(Self.shown).joined(separator: ", "))\(rest); look at geopipe status"
        switch (count, all) {
        case (_, 0):
            return apart.isEmpty
                ? "no coprocess runs: nothing follows until pdns_server starts one"
                : "no coprocess follows: none that runs can"
        case (0, 1): return "the only coprocess does not follow yet: \(look)"
        case (0, _): return "none of \(all) coprocesses follows yet: \(look)"
        case (1, 1): return "the only coprocess follows"
        case (all, _): return "all \(all) coprocesses follow"
        default: return "\(count) of \(all) coprocesses follow, but not yet \(look)"
        }
    }
}
