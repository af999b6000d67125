import Addresses
import Answering
import Geography
import Routing

/// The difference between two images for clients: which clients move to other datacenters, and which names change.
///
/// Destinations are compared over the whole address space, with nothing drained and everything up. A weighted
/// destination counts by its weights.
public struct ImageDifference: Sendable {
    /// The services that both images have, in the order of the newer one. Then one entry for each pair of services
    /// between which names move.
    public var services: [Service] = []
    /// Services that only one image has.
    public var addedServices: [String] = []
    public var removedServices: [String] = []
    public var names = NameDifference()
    /// Checks of addresses that only one image has, in words.
    public var addedChecks: [String] = []
    public var removedChecks: [String] = []
    /// The number of IPv6 /48s that shares refer to: those whose country the newer image knows; all /48s if it knows
    /// none.
    public var ipv6Whole = 0x1p48
    /// Whether the traffic of moves is known.
    public var hasTraffic = false

    /// A number of clients: IPv4 addresses, IPv6 /48s and hits.
    public struct Amount: Sendable {
        /// The number of IPv4 addresses. Fractional if a weight changes.
        public var ipv4 = 0.0
        /// The number of IPv6 /48s that contain any of the clients.
        public var ipv6 = 0.0
        /// The number of these /48s whose country is known.
        public var ipv6Known = 0.0
        /// The number of hits.
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

    /// Clients that move from one datacenter to another.
    public struct Move: Sendable {
        /// `nil` for clients that had no answer.
        public var from: String?
        /// `nil` for clients that will get no answer.
        public var to: String?
        public var amount: Amount
    }

    /// A country and its continent; both `nil` for clients of unknown place.
    public struct Country: Hashable, Sendable {
        public var country: String?
        public var continent: String?
    }

    /// The changes of a service.
    public struct Service: Sendable {
        /// The name; `web -> shop` for names that move between services.
        public var name: String
        /// The names that move between services; empty for a service that both images have.
        public var reboundNames: [String] = []
        /// The largest first.
        public var moves: [Move] = []
        /// The same by country, the country with the most first.
        public var countries: [(country: Country, moves: [Move])] = []
        /// All clients that move.
        public var moved = Amount()
        /// Clients that stay at their datacenter, but have another order of fallbacks.
        public var reordered = Amount()
        /// Clients whose answers get a longer scope, and clients whose answers get a shorter one.
        public var narrower = Amount()
        public var wider = Amount()
        /// The number of networks with an answer of their own. A resolver that sends client subnets asks once for
        /// each.
        public var scopes = (old: Scopes(), new: Scopes())
        /// The number of all hits of the service.
        public var hits = 0.0
        /// Equal for services whose changes differ only in `settings` and traffic.
        public var route = 0
        /// Changed settings of the service, in words.
        public var settings: [String] = []

        public var isUnchanged: Bool {
            reboundNames.isEmpty && moves.isEmpty && reordered.isZero && narrower.isZero && wider.isZero
                && settings.isEmpty
        }
    }

    /// The numbers of networks that have one answer each.
    public struct Scopes: Sendable {
        public var ipv4 = 0
        public var ipv6 = 0
    }

    /// Whether there is no difference for clients, resolvers or checks.
    public var isIdentical: Bool {
        services.allSatisfy(\.isUnchanged) && addedServices.isEmpty && removedServices.isEmpty && names.isEmpty
            && addedChecks.isEmpty && removedChecks.isEmpty
    }

    /// The routes of clients, in the order of `services`; then those of new services.
    var routes: [Route] = []

    /// The routes of a service's clients on both sides.
    struct Route {
        /// `nil` for a new service. Then both sides come from the newer image.
        var old: ServiceInUse?
        var new: ServiceInUse
        var comparison: RouteComparison
        var traffic: Traffic.Service?
    }

    /// Returns the share of an amount in all IPv6 /48s whose place is known, 0...1.
    public func ipv6Share(_ amount: Amount) -> Double { min(1, amount.ipv6Known / ipv6Whole) }

    /// Compares two images.
    ///
    /// - Parameters:
    ///   - traffic: hits by service and client, to compute the part of the traffic that moves; `nil` if unknown.
    ///   - countsAll: whether to count clients without a change too, as a plan needs it.
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
            // The traffic of names that moved to another service counts there.
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

/// A service that at least one name has.
struct ServiceInUse {
    var name: String
    var map: Int
    /// The number of datacenters that an answer comes from.
    var spread: Int
    var pick: Int
    var isSticky: Bool
    var answersWhenAllDown: Bool

    /// Returns the settings that have changed, in words.
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

    /// The services that at least one name has, in the order of the configuration.
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
