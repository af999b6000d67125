/// The right records in one state of the server.
extension Oracle {
    /// Returns whether the database has the client in the United States.
    func isInUnitedStates(_ client: Client) -> Bool { databases[0].place(of: client).country == code("US") }

    /// Returns the preference list of a client, as in the configuration and networks of `Site`.
    func datacenters(
        _ question: Question, _ client: Client, _ countries: [UInt32], _ place: Countries.Place, _ world: [Int]
    ) -> [Datacenter] {
        if question == .list || question == .six {
            return world[Part.configuration.index] % 2 == 0 && countries[world[Part.database.index]] == code("JP")
                ? [.ashburn, .oslo, .singapore] : Datacenter.allCases
        }
        guard question == .web || question == .wildcard else { return Datacenter.allCases }
        let isInNetworks =
            switch client {
            case .ipv4(let bits): bits >> 28 == 1
            case .ipv6(let bits): bits >> 60 == 2
            }
        let networks = world[Part.networks.index]
        if networks > 0, isInNetworks { return (0..<3).map { Datacenter(rawValue: (networks + $0) % 3)! } }
        switch countries[world[Part.database.index]] {
        case code("US"): return [.ashburn, .oslo]
        case code("CA"): return [.singapore, .ashburn, .oslo]
        default: return [.oslo, .singapore, .ashburn]
        }
    }

    /// Returns the right records in one world.
    func records(
        _ question: Question, _ client: Client, _ countries: [UInt32], _ places: [Countries.Place], _ world: [Int],
        _ newSides: RolloutSides
    ) -> [[UInt8]] {
        let world = newSides.world(world)
        let service: Service
        switch question {
        case .zone:
            let version = world[Part.zone.index]
            return [[UInt8(version >> 8), UInt8(version & 0xff)]]
        case .fixed: return [[192, 0, 2, 252]]
        case .missing: return []
        case .web, .wildcard: service = .web
        case .list, .six: service = .api
        case .checked: service = .checked
        case .spread: service = .spread
        }
        let place = places[world[Part.database.index]]
        func isOpen(_ datacenter: Datacenter) -> Bool {
            let bits = world[Part.places(datacenter).index]
            return world[Part.drain(datacenter, nil).index] < 100 && world[Part.drain(datacenter, service).index] < 100
                && !Places.allCases.contains { bits & $0.rawValue != 0 && $0.contains(place) }
        }
        if question == .spread {
            let others: [Datacenter] =
                world[Part.order.index] == 100 ? [.ashburn, .singapore] : [.singapore, .ashburn]
            let chosen = ([.oslo] + others).first(where: isOpen) ?? .oslo
            return [[[192, 0, 2, 250], [198, 51, 100, 250], [203, 0, 113, 250]][chosen.rawValue]]
        }
        let list = datacenters(question, client, countries, place, world)
        let open = list.filter(isOpen)
        func well(_ datacenter: Datacenter) -> [Int] {
            let isForced = world[Part.force(datacenter).index] == 1
            return [0, 1].map { 2 * datacenter.rawValue + $0 }.filter { isForced || world[Part.health($0).index] == 1 }
        }
        func isUp(_ datacenter: Datacenter) -> Bool { service != .checked || !well(datacenter).isEmpty }
        // Without a datacenter that is open and up: a down one before a drained one, and if all are drained, one that
        // is up. A returning datacenter takes its clients gradually, unless they have no other datacenter.
        func takes(_ datacenter: Datacenter) -> Bool {
            world[Part.ramp(datacenter).index] == 0 || world[Part.force(datacenter).index] == 1
        }
        let taken = service == .checked ? open.first { isUp($0) && takes($0) } : nil
        let chosen = taken ?? open.first(where: isUp) ?? open.first ?? list.first(where: isUp) ?? list[0]
        switch question {
        case .web, .wildcard:
            let version = UInt8(world[Part.configuration.index])
            return [[[192, 0, 2, version], [198, 51, 100, version], [203, 0, 113, version]][chosen.rawValue]]
        case .six: return [[0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [UInt8(chosen.rawValue + 1)]]
        case .checked:
            let addresses = well(chosen)
            return (addresses.isEmpty ? [0, 1].map { 2 * chosen.rawValue + $0 } : addresses)
                .map { [127, 1, 0, UInt8($0 + 1)] }
        default: return [[[192, 0, 2, 251], [198, 51, 100, 251], [203, 0, 113, 251]][chosen.rawValue]]
        }
    }
}
