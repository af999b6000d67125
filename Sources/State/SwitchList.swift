import Geography

/// Changes of the switches by commands, and by replaying the history.
extension [Switch] {
    /// Adds a switch. It replaces an earlier one of the same kind for the same datacenter, service and areas.
    public mutating func set(_ entry: Switch) {
        removeAll {
            $0.action == entry.action && $0.datacenter == entry.datacenter && $0.service == entry.service
                && Set($0.areas) == Set(entry.areas)
        }
        append(entry)
    }

    /// Removes switches of a kind.
    ///
    /// - Parameters:
    ///   - service: removes only switches of this service; `nil` for all.
    ///   - areas: removes only the parts of switches that lie within these areas; empty for all.
    /// - Returns: the removed switches, each with the areas in which it has ended.
    public mutating func end(
        _ action: Switch.Action, of datacenter: String, service: String?, areas: [Area]
    ) -> [Switch] {
        func isCovered(_ area: Area) -> Bool { areas.contains { $0.covers(area) } }
        var ended: [Switch] = []
        self = compactMap { entry in
            guard entry.action == action, entry.datacenter == datacenter, service == nil || entry.service == service
            else { return entry }
            if areas.isEmpty {
                ended.append(entry)
                return nil
            }
            guard entry.areas.contains(where: isCovered) else { return entry }
            var (part, rest) = (entry, entry)
            part.areas.removeAll { !isCovered($0) }
            rest.areas.removeAll(where: isCovered)
            ended.append(part)
            return rest.areas.isEmpty ? nil : rest
        }
        return ended
    }

    /// Removes the switches that have ended by themselves.
    ///
    /// - Parameter time: in seconds since 1970.
    /// - Returns: the removed switches, in the order of their ends.
    mutating func expire(at time: Int) -> [Switch] {
        let expired = filter { !$0.isInForce(at: time) }
        removeAll { !$0.isInForce(at: time) }
        return expired.sorted { $0.until ?? 0 < $1.until ?? 0 }
    }
}
