import Addresses
import Answering
import Geography
import Routing

/// What changes for clients between two images: which of them are sent elsewhere, and what changes at names.
///
/// Where clients are sent is compared over the whole address space, while nothing is drained and all is up. A destination that
/// is drawn by weight counts by its weights.
public struct ImageDifference: Sendable {
    /// The services that both images have, in the order of the newer one; then those whose names have another service now.
    public var services: [Service] = []
    /// Services that only one of both has.
    public var addedServices: [String] = []
    public var removedServices: [String] = []
    public var names = NameDifference()
    /// Checks of addresses that only one of both has, in words.
    public var addedChecks: [String] = []
    public var removedChecks: [String] = []
    /// What numbers of IPv6 networks are parts of: the /48s of which the newer image knows the country; all of them if it knows
    /// none.
    public var ipv6Whole = 0x1p48
    /// Whether the traffic of moves is known.
    public var hasTraffic = false

    /// The IPv4 addresses and the IPv6 /48s of some clients, and their part in the traffic.
    public struct Amount: Sendable {
        /// Addresses, of 2^32; part of one where a weight changes.
        public var ipv4 = 0.0
        /// Networks of 48 bits: those in which some address is meant.
        public var ipv6 = 0.0
        /// Those of them that `ipv6Whole` is about.
        public var ipv6Known = 0.0
        /// Hits.
        public var hits = 0.0

        static func += (sum: inout Amount, amount: Amount) {
            sum.ipv4 += amount.ipv4
            sum.ipv6 += amount.ipv6
            sum.ipv6Known += amount.ipv6Known
            sum.hits += amount.hits
        }

        func times(_ factor: Double) -> Amount {
            Amount(
                ipv4: ipv4 * factor, ipv6: ipv6 * factor, ipv6Known: ipv6Known * factor, hits: hits * factor)
        }

        public var isZero: Bool { ipv4 == 0 && ipv6 == 0 && hits == 0 }
    }

    /// Clients that are sent from a datacenter to another.
    public struct Move: Sendable {
        /// `nil` for clients that have got no answer.
        public var from: String?
        /// `nil` for clients that will get no answer.
        public var to: String?
        public var amount: Amount
    }

    /// A country, with its continent; both `nil` where the place of clients is not known.
    public struct Country: Hashable, Sendable {
        public var country: String?
        public var continent: String?
    }

    /// What changes for one service.
    public struct Service: Sendable {
        /// Of names that another service answers for, both: `web -> shop`.
        public var name: String
        /// These names; empty for a service that both images have.
        public var reboundNames: [String] = []
        /// The largest first.
        public var moves: [Move] = []
        /// The same by country, the country with most of it first.
        public var countries: [(country: Country, moves: [Move])] = []
        /// All clients that move.
        public var moved = Amount()
        /// Clients that stay where they are, and for whom another order of datacenters holds when that one is away.
        public var reordered = Amount()
        /// Clients for whom answers hold in a narrower network than before, and in a wider one.
        public var narrower = Amount()
        public var wider = Amount()
        /// The number of networks that get answers of their own, which a resolver that tells its clients' networks asks for each.
        public var scopes = (old: Scopes(), new: Scopes())
        /// All hits of the service.
        public var hits = 0.0
        /// Tells services of which the same changes but for `settings` and traffic.
        public var route = 0
        /// Settings of the service that differ, as words.
        public var settings: [String] = []

        public var isUnchanged: Bool {
            reboundNames.isEmpty && moves.isEmpty && reordered.isZero && narrower.isZero && wider.isZero
                && settings.isEmpty
        }
    }

    /// Numbers of networks, each of which has one answer.
    public struct Scopes: Sendable {
        public var ipv4 = 0
        public var ipv6 = 0
    }

    /// Whether nothing was found that clients, resolvers or checks would notice.
    public var isIdentical: Bool {
        services.allSatisfy(\.isUnchanged) && addedServices.isEmpty && removedServices.isEmpty && names.isEmpty
            && addedChecks.isEmpty && removedChecks.isEmpty
    }

    /// How the clients of the services are sent, in the order of `services`; then of services that are new.
    var routes: [Route] = []

    /// How the clients of a service are sent.
    struct Route {
        /// `nil` for a service that is new, of which both sides are in the newer image.
        var old: ServiceInUse?
        var new: ServiceInUse
        var comparison: RouteComparison
        var traffic: Traffic.Service?
    }

    /// A part of the IPv6 networks whose place is known, from 0 to 1.
    public func ipv6Share(_ amount: Amount) -> Double { min(1, amount.ipv6Known / ipv6Whole) }

    /// Compares two images.
    ///
    /// - Parameters:
    ///   - traffic: hits by service and client, to say what part of the traffic moves; `nil` if they are not known.
    ///   - countsAll: whether clients are counted of whom nothing changes, as a plan needs it.
    public init(from old: Snapshot, to new: Snapshot, traffic: Traffic? = nil, countsAll: Bool = false) {
        hasTraffic = traffic != nil
        names = NameDifference(from: old, to: new)
        let siteCount = new.knownSiteCount
        if siteCount > 0 { ipv6Whole = Double(siteCount) }
        let oldServices = old.servicesInUse, newServices = new.servicesInUse
        let (oldNames, newNames) = (Set(oldServices.map(\.name)), Set(newServices.map(\.name)))
        addedServices = newServices.map(\.name).filter { !oldNames.contains($0) }
        removedServices = oldServices.map(\.name).filter { !newNames.contains($0) }
        let (oldChecks, newChecks) = (Set(old.healthTargets.map(\.identity)), Set(new.healthTargets.map(\.identity)))
        addedChecks = newChecks.subtracting(oldChecks).sorted()
        removedChecks = oldChecks.subtracting(newChecks).sorted()
        var known: [RouteComparison.Maps: (number: Int, route: RouteComparison)] = [:]
        func compare(_ before: ServiceInUse, _ service: ServiceInUse, _ rebinding: NameDifference.Rebinding?) {
            let maps = RouteComparison.Maps(
                old: before.map, new: service.map,
                countsAll: countsAll || traffic?.isByCountry == true || before.spread != service.spread)
            let (number, route) = known[maps] ?? (known.count, RouteComparison(old, new, maps))
            known[maps] = (number, route)
            // Names that have another service now are no traffic of this one.
            let gone = names.rebindings.filter { $0.old == before.name && rebinding == nil }.flatMap(\.names)
            let own = traffic?.service(before.name, only: rebinding?.names, except: gone)
            var result = route.result(before.spread, service.spread, own)
            result.name = service.name
            result.route = number << 8 | before.spread << 4 | service.spread
            result.settings = service.settings(since: before)
            if let rebinding {
                result.name = "\(before.name) -> \(service.name)"
                result.reboundNames = rebinding.names
            }
            services.append(result)
            routes.append(Route(old: before, new: service, comparison: route, traffic: own))
        }
        for service in newServices {
            guard let before = oldServices.first(where: { $0.name == service.name }) else { continue }
            compare(before, service, nil)
        }
        for rebinding in names.rebindings {
            guard let before = oldServices.first(where: { $0.name == rebinding.old }),
                let service = newServices.first(where: { $0.name == rebinding.new })
            else { continue }
            compare(before, service, rebinding)
        }
        guard countsAll else { return }
        for service in newServices where !routes.contains(where: { $0.new.name == service.name }) {
            let maps = RouteComparison.Maps(old: service.map, new: service.map, countsAll: true)
            routes.append(
                Route(old: nil, new: service, comparison: RouteComparison(new, new, maps), traffic: nil))
        }
    }
}

/// A service that some name has.
struct ServiceInUse {
    var name: String
    var map: Int
    /// From how many datacenters an answer is.
    var spread: Int
    var pick: Int
    var isSticky: Bool
    var answersWhenAllDown: Bool

    /// What differs from how it was before, in words.
    func settings(since old: ServiceInUse) -> [String] {
        func words(_ number: Int) -> String { number == Int(Int32.max) ? "all" : "\(number)" }
        var settings: [String] = []
        if pick != old.pick, spread == 1, old.spread == 1 {
            settings.append("pick: \(words(old.pick)) -> \(words(pick))")
        }
        if spread != old.spread { settings.append("spread: \(old.spread) -> \(spread)") }
        if isSticky != old.isSticky { settings.append("sticky: \(old.isSticky) -> \(isSticky)") }
        if answersWhenAllDown != old.answersWhenAllDown {
            func value(_ answers: Bool) -> String { answers ? "answer" : "nothing" }
            settings.append("when_all_down: \(value(old.answersWhenAllDown)) -> \(value(answersWhenAllDown))")
        }
        return settings
    }
}

extension Snapshot {
    /// The number of IPv6 /48s in which clients have a place.
    fileprivate var knownSiteCount: Int {
        withExtendedLifetime(self) {
            var (count, last) = (0, -1)
            AddressWalk.overIPv6 { first in
                let (place, scope) = places.lookup(.v6(first))
                if place != 0 {
                    let sites = AddressWalk.sites(ofIPv6: first, scope)
                    count += sites.upperBound - max(sites.lowerBound, last + 1) + 1
                    last = sites.upperBound
                }
                return scope
            }
            return count
        }
    }

    /// The services that some name has, in the order of the configuration.
    var servicesInUse: [ServiceInUse] {
        withExtendedLifetime(self) {
            var known: [Int: ServiceInUse] = [:]
            for service in answers.services.buffer where known[Int(service.service)] == nil {
                known[Int(service.service)] = ServiceInUse(
                    name: serviceNames[Int(service.service)], map: Int(service.map), spread: Int(service.spread),
                    pick: Int(service.pick), isSticky: service.isSticky, answersWhenAllDown: service.answersWhenAllDown)
            }
            return known.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
