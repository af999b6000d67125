import Geography
import Routing
import State

extension Rollout {
    /// Returns whether the new image answers a client.
    ///
    /// - Parameters:
    ///   - resolver: the client's resolver; its place is used if the client's place is unknown.
    ///   - new: returns the new image; called only if the rule selects by place.
    package func reaches(_ client: IPPrefix, resolver: IPAddress?, new: () -> Snapshot?) -> Bool {
        guard isRunning else { return false }
        switch part {
        case .dark: return false
        case .share(let percent):
            return NetworkShare(percent: percent, salt: salt).contains(
                ClientNetwork(client.address, length: client.length).number)
        case .places(let areas):
            guard let places = new()?.places else { return false }
            let place = places.number(of: client.address, length: client.length)
            let known = place == 0 ? resolver.map { places.number(of: $0) } ?? 0 : place
            return places.isInside(areas)[Int(known)]
        }
    }
}
