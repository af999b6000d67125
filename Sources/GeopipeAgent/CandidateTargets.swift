import Answering
import Configuration
import Image
import Platform
import State

/// The health targets of the candidate image while a rollout runs. The configuration may not have them yet.
struct CandidateTargets: Sendable {
    private let configuration: String
    private let directory: StateDirectory
    /// The rollout of `targets`; `nil` for none.
    private var rollout: String?
    private(set) var targets: [HealthTarget] = []
    /// When the rollout was found committed, in seconds of the monotonic clock; `nil` while it runs.
    private var commit: Double?
    private var diagnostic: String?

    /// Seconds for which the targets of a committed rollout stay, until the configuration has them with their states.
    private static let succession = 10.0

    /// - Parameters:
    ///   - file: the configuration's file.
    ///   - directory: the state directory of its rollouts.
    init(_ file: String, _ directory: StateDirectory) {
        (configuration, self.directory) = (absolutePath(file), directory)
    }

    /// Reads the rollout again. If that fails, nothing changes.
    ///
    /// - Parameter now: seconds of the monotonic clock.
    /// - Returns: whether the targets have changed.
    mutating func look(at now: Double) -> Bool {
        let found: Rollout?
        do throws(StateDirectory.Failure) {
            found = try directory.rollout().value
        } catch {
            say("\(error); keeping the current checks of the rollout")
            return false
        }
        guard let found, isOwn(found), found.isRunning else {
            diagnostic = nil
            guard let rollout else { return false }
            if found?.id == rollout, found?.progress == .committed {
                let start = commit ?? now
                commit = start
                if now - start < Self.succession { return false }
            }
            log.info("no more checks only for the rollout \(rollout)")
            (self.rollout, targets, commit) = (nil, [], nil)
            return true
        }
        if found.id == rollout { return false }
        do throws(Image.Refusal) {
            guard let store = ImageStore.named(found.images, in: directory) else {
                throw Image.Refusal("its images are gone, or have another format than this program's")
            }
            targets = try ImageSummary(path: store.candidateFile(of: found.id), owners: store.owners).healthTargets
        } catch {
            say("cannot read the health targets of the rollout \(found.id): \(error)")
            return false
        }
        (rollout, commit, diagnostic) = (found.id, nil, nil)
        let count = targets.count
        log.info("the rollout \(found.id) has \(count) target\(count == 1 ? "" : "s") to check")
        return true
    }

    private func isOwn(_ rollout: Rollout) -> Bool {
        rollout.configuration == configuration || realPath(rollout.configuration) == realPath(configuration)
    }

    /// Logs a message, unless it repeats the last one.
    private mutating func say(_ words: String) {
        if words != diagnostic { log.error("\(words)") }
        diagnostic = words
    }
}

extension [HealthTarget] {
    /// Returns these targets and those that only `others` has. A target of both lists keeps the settings of this one.
    func joined(with others: [HealthTarget]) -> [HealthTarget] {
        var joined = self
        var positions = Dictionary(indices.map { (self[$0].identity, $0) }, uniquingKeysWith: { first, _ in first })
        for other in others {
            guard let position = positions[other.identity] else {
                positions[other.identity] = joined.count
                joined.append(other)
                continue
            }
            let known = Set(joined[position].uses)
            joined[position].uses += other.uses.filter { !known.contains($0) }
            joined[position].comesBack = Swift.max(joined[position].comesBack, other.comesBack)
        }
        return joined
    }
}
