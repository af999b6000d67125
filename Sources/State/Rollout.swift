import Geography
import Routing

/// A rollout: a new image answers a part of the clients, until it is committed or aborted.
///
/// The image in force is the old side, which still follows the files on disk. The new side is an image file that
/// never changes.
public struct Rollout: Hashable, Sendable {
    /// The id: the time of its start in UTC. It also selects the client networks of its shares.
    public var id: String
    public var progress = Progress.running
    /// The clients that the new image answers.
    public var part = Part.dark
    /// The operator who started it. Other operators may only end it.
    public var owner: String
    /// When it was started, in seconds since 1970.
    public var since: Int
    /// The reason; may be empty.
    public var reason = ""
    /// The name of the folder of images, which identifies configuration, databases and format.
    public var images: String
    /// The content id of the new image.
    public var new: String
    /// The content id of the image that was in force at the start.
    public var old: String
    /// The absolute path of the configuration or image file that the new image comes from.
    public var source: String
    /// Whether `source` is a configuration.
    public var isConfiguration: Bool
    /// The absolute path of the configuration in use.
    public var configuration: String
    /// The `contentIdentity` of `configuration` at the start.
    public var configurationState: String
    /// The id of the plan that it carries out; empty for none.
    public var plan = ""
    /// Datacenters that were down for a service at the start, as `SERVICE/DATACENTER`. They do not abort the rollout.
    public var down: [String] = []
    /// By how many percentage points the refusal rate of the new side may exceed that of the old side. Above that the
    /// rollout is aborted.
    public var refusalLimit = 1
    /// The commit, written before it changes anything; `nil` before the first commit.
    public var commit: Commit?
    /// Who ended it, when and why; `nil` while it runs.
    public var end: End?

    public enum Progress: String, Sendable {
        case running
        /// The new image is in force.
        case committed
        /// The old image answers all clients again.
        case aborted
        /// It was committed, and then taken back: the image from before the commit is in force again.
        case back
    }

    public struct Commit: Hashable, Sendable {
        /// The `contentIdentity` of the new configuration; empty if the configuration does not change.
        public var content: String
        /// The file name of the image that was in force before.
        public var image: String

        public init(content: String, image: String) {
            self.content = content
            self.image = image
        }
    }

    /// The part of the clients that the new image answers.
    public enum Part: Hashable, Sendable {
        /// No client. The differences are only counted.
        case dark
        /// A percentage of the client networks, 1...100.
        case share(Int)
        /// The clients in these areas.
        case places([Area])
    }

    public struct End: Hashable, Sendable {
        public var user: String
        /// In seconds since 1970.
        public var time: Int
        /// The reason; may be empty.
        public var reason: String
        /// Whether a coprocess aborted it, not an operator.
        public var isAutomatic: Bool
        /// The path of the backup of the replaced configuration; empty for none.
        public var backup: String

        public init(user: String, time: Int, reason: String, isAutomatic: Bool = false, backup: String = "") {
            self.user = user
            self.time = time
            self.reason = reason
            self.isAutomatic = isAutomatic
            self.backup = backup
        }
    }

    public init(
        id: String, owner: String, since: Int, images: String, old: String, new: String, source: String,
        isConfiguration: Bool, configuration: String, configurationState: String
    ) {
        self.id = id
        self.owner = owner
        self.since = since
        self.images = images
        self.old = old
        self.new = new
        self.source = source
        self.isConfiguration = isConfiguration
        self.configuration = configuration
        self.configurationState = configurationState
    }

    public var isRunning: Bool { progress == .running }

    /// Makes the shares of this rollout independent of those of other rollouts.
    public var salt: UInt64 { identity(of: "rollout \(id)") }

    /// The clients that get the new image, in words.
    public var partWords: String {
        switch part {
        case .dark: "dark: no client gets it"
        case .share(let percent): "\(percent)% of the client networks get it"
        case .places(let areas): "clients in \(areaWords(areas)) get it"
        }
    }
}
