import Glibc
import Platform
import State

/// The coprocesses that follow the current switches, and those that do not.
struct Followers {
    var count = 0
    /// The processes that do not follow yet.
    var others: [CoprocessStatus] = []

    /// The processes whose status cannot be read.
    var unreadable: [Int] = []

    /// Coprocesses of this configuration that never follow it.
    var apart: [CoprocessStatus] = []

    var all: Int { count + others.count + unreadable.count }

    /// Whether all coprocesses follow, and there is at least one.
    var areAll: Bool { count > 0 && count == all }

    /// Milliseconds after which a missing report means that no coprocess runs.
    private static let loneliness = 300

    /// Waits until all coprocesses follow, at most `timeout` milliseconds. This process does not count.
    ///
    /// - Parameters:
    ///   - identity: the identity of what must be followed; `nil` for the switches.
    ///   - followed: returns the identity that a coprocess follows.
    ///   - mayFollow: whether a coprocess counts at all.
    static func wait(
        for configuration: String, _ state: StateDirectory, timeout: Int, identity current: (() -> String?)? = nil,
        followed: (CoprocessStatus) -> String? = { $0.switches },
        mayFollow: (CoprocessStatus) -> Bool = { _ in true }
    ) -> Followers {
        let start = milliseconds()
        while true {
            var followers = Followers()
            // Another operator may have switched more since: a coprocess that follows that follows this, too.
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
            if waited >= timeout { return followers }
            usleep(10_000)
        }
    }

    var words: String { ([mainWords] + apartWords).joined(separator: "; ") }

    private static let shown = 5

    /// The coprocesses that never follow, and why.
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
        let look = "\(names.prefix(Self.shown).joined(separator: ", "))\(rest); see geopipe status"
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
