import Answering
import Geography
import Platform
import State

extension ConfigurationOptions {
    /// Prints a note if a rollout runs, which the image in force does not contain.
    func noteRollout() {
        guard let store = imageStore(), let rollout = (try? store.state.rollout())?.value, rollout.isRunning,
            rollout.images == store.name
        else { return }
        printError(
            "the rollout \(rollout.id) runs: \(rollout.partWords); this is the old side; for the new one add --image \(store.candidateFile(of: rollout.id))"
        )
    }

    /// Prints a note if a client gets the new side of a rollout, which the image in force does not contain.
    func noteRollout(_ client: IPPrefix, resolver: IPAddress?) {
        guard let store = imageStore(), let rollout = (try? store.state.rollout())?.value, rollout.images == store.name
        else { return }
        let file = store.candidateFile(of: rollout.id)
        guard rollout.reaches(client, resolver: resolver, new: { try? Snapshot(path: file, owners: store.owners) })
        else { return }
        printError(
            "the rollout \(rollout.id) runs, and this client gets its new side; this is the old side; for the new one add --image \(file)"
        )
    }
}
