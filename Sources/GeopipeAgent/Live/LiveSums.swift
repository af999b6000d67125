import Telemetry

/// Sums since the start of a view, by several properties.
struct LiveSums {
    /// Questions by result.
    var results: [QuestionResult: Int] = [:]
    var durations = Durations()
    var droppedHits = 0
    /// By the position of a name in `LiveNames`.
    var datacenters: [Int] = []
    var services: [Int] = []
    var countries: [Int] = []
}

/// Names with fixed positions in arrays of sums.
struct LiveNames {
    private(set) var names: [String] = []
    private var positions: [String: Int] = [:]
    let limit: Int

    /// - Parameter limit: the maximum number of names.
    init(limit: Int) { self.limit = limit }

    /// Returns the position of a name; `nil` for a new one if the limit is reached.
    mutating func position(of name: String) -> Int? {
        if let known = positions[name] { return known }
        guard names.count < limit else { return nil }
        positions[name] = names.count
        names.append(name)
        return names.count - 1
    }

    /// Returns the position of a name; `nil` if it was never counted.
    func known(_ name: String) -> Int? { positions[name] }
}

extension [Int] {
    /// Adds to the number at a position, which starts at 0. Saturates instead of overflowing.
    mutating func add(_ growth: Int, at position: Int) {
        if position >= count { append(contentsOf: repeatElement(0, count: position + 1 - count)) }
        self[position] = saturatingSum(self[position], growth)
    }

    /// Returns the number at a position, or 0.
    func value(at position: Int) -> Int { position < count ? self[position] : 0 }
}

/// Computes sums from counters, or from hits.
struct LiveCounter {
    private(set) var sums = LiveSums()
    var datacenters = LiveNames(limit: 10_000)
    var services = LiveNames(limit: 100_000)
    var countries = LiveNames(limit: 1_000)
    /// The sums that each series of `AggregatedMetrics.Counts` belongs to, by its position there.
    private var roles: [Role] = []
    private var values: [Int] = []

    private enum Role {
        case question(QuestionResult)
        case answer(service: Int?, datacenter: Int?)
        case country(Int?)
    }

    /// Adds the growth of the counters.
    mutating func take(_ counts: AggregatedMetrics.Counts) {
        for position in counts.values.indices {
            if position == roles.count {
                roles.append(role(of: counts.series[position]))
                values.append(0)
            }
            let growth = counts.values[position] - values[position]
            guard growth > 0 else { continue }
            values[position] = counts.values[position]
            switch roles[position] {
            case .question(let result): add(growth, to: result)
            case .answer(let service, let datacenter):
                if let service { sums.services.add(growth, at: service) }
                if let datacenter { sums.datacenters.add(growth, at: datacenter) }
            case .country(let country):
                if let country { sums.countries.add(growth, at: country) }
            }
        }
        sums.durations = counts.durations
        sums.droppedHits = counts.droppedHits
    }

    private mutating func add(_ growth: Int, to result: QuestionResult) {
        sums.results[result] = saturatingSum(sums.results[result, default: 0], growth)
    }

    private mutating func role(of series: Series) -> Role {
        switch series {
        case .questions(_, let result): .question(result)
        case .answers(let service, let datacenter):
            .answer(service: services.position(of: service), datacenter: datacenters.position(of: datacenter))
        case .clients(let country): .country(countries.position(of: country))
        }
    }

    /// Adds a hit with its weight, if there are no counters.
    mutating func take(_ hit: SampledHit) {
        add(hit.weight, to: hit.datacenters.isEmpty ? .empty : .answered)
        if let service = services.position(of: hit.service) { sums.services.add(hit.weight, at: service) }
        for name in hit.datacenters {
            if let datacenter = datacenters.position(of: name) { sums.datacenters.add(hit.weight, at: datacenter) }
        }
        if let country = countries.position(of: hit.country) { sums.countries.add(hit.weight, at: country) }
    }
}
