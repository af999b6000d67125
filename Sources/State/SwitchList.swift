import Geography

/// What commands do to the switches, and a history that is read again.
extension [Switch] {
    /// Puts a switch in force, in the place of an earlier one of the same kind for the same datacenter, service and places.
    public mutating func set(_ entry: Switch) {
        removeAll {
            $0.action == entry.action && $0.datacenter == entry.datacenter && $0.service == entry.service
                && Set($0.areas) == Set(entry.areas)
        }
        append(entry)
    }

    /// Takes out the switches of a kind.
    ///
    /// - Parameters:
    ///   - service: those for this service alone; all without.
    ///   - areas: of switches for some places, those that are in these areas wholly; all if it is empty.
    /// - Returns: what has ended, each with the places in which it did.
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

    /// Takes out the switches that have ended by themselves.
    ///
    /// - Parameter time: in seconds since 1970.
    /// - Returns: these, the one that ended first at the beginning.
    mutating func expire(at time: Int) -> [Switch] {
        let expired = filter { !$0.isInForce(at: time) }
        removeAll { !$0.isInForce(at: time) }
        return expired.sorted { $0.until ?? 0 < $1.until ?? 0 }
    }
}
