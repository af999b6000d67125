/// The Universal Scalability Law of N. Gunther: the throughput of `n` workers is λn / (1 + σ(n - 1) + κn(n - 1)).
public struct UniversalScalability: Equatable, Sendable {
    /// The throughput of one worker.
    public var lambda: Double
    /// Contention: the fraction of the work that only one worker can do at a time, at least 0. With 1, more workers add nothing.
    public var sigma: Double
    /// Coherence: the cost for each pair of workers to agree, at least 0. Above 0, too many workers are slower than fewer.
    public var kappa: Double

    public init(lambda: Double, sigma: Double, kappa: Double) {
        self.lambda = lambda
        self.sigma = sigma
        self.kappa = kappa
    }

    public func throughput(_ n: Double) -> Double { lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)) }

    /// The number of workers with the greatest throughput; `nil` if the throughput never falls.
    public var peak: Double? {
        guard kappa > 0 else { return nil }
        return max(((1 - sigma) / kappa).squareRoot(), 1).isNaN ? 1 : max((max(1 - sigma, 0) / kappa).squareRoot(), 1)
    }
}

extension UniversalScalability {
    /// Fits the law to throughputs by least squares, with the bounds σ ≥ 0 and κ ≥ 0.
    ///
    /// - Parameters:
    ///   - numbers: at least three different ones, each at least 1.
    ///   - throughputs: above 0, one for each number.
    /// - Returns: `nil` if the numbers or throughputs are others.
    public init?(fitting throughputs: [Double], at numbers: [Double]) {
        guard Set(numbers).count >= 3, numbers.count == throughputs.count,
            throughputs.allSatisfy({ $0 > 0 && $0.isFinite }),
            numbers.allSatisfy({ $0 >= 1 })
        else { return nil }
        // Scaled by the first throughput, so that the parameters have a similar magnitude.
        let unit = throughputs[0] / numbers[0]
        let scaled = throughputs.map { $0 / unit }
        var best: (law: UniversalScalability, sum: Double)?
        // The minimum lies inside the bounds, or on one: there σ or κ is 0, and only the others are fitted.
        for (hasSigma, hasKappa) in [(true, true), (true, false), (false, true), (false, false)] {
            let start = Self.linearStart(scaled, numbers, hasSigma: hasSigma, hasKappa: hasKappa)
            let found = leastSquares(from: start) { parameters in
                let law = Self(parameters, hasSigma: hasSigma, hasKappa: hasKappa)
                return zip(numbers, scaled).map { law.throughput($0) - $1 }
            }
            let law = Self(found.parameters, hasSigma: hasSigma, hasKappa: hasKappa)
            guard law.lambda > 0, law.sigma >= 0, law.kappa >= 0, found.sum.isFinite else { continue }
            if best == nil || found.sum < best!.sum { best = (law, found.sum) }
        }
        guard let law = best?.law else { return nil }
        self.init(lambda: law.lambda * unit, sigma: law.sigma, kappa: law.kappa)
    }

    /// - Parameter parameters: λ, then those of σ and κ that are not fixed at 0.
    private init(_ parameters: [Double], hasSigma: Bool, hasKappa: Bool) {
        self.init(
            lambda: parameters[0], sigma: hasSigma ? parameters[1] : 0,
            kappa: hasKappa ? parameters[parameters.count - 1] : 0)
    }

    /// Returns parameters near the minimum, by linear regression: n / X = (1 + σ(n - 1) + κn(n - 1)) / λ is linear in 1/λ, σ/λ and κ/λ.
    private static func linearStart(_ throughputs: [Double], _ numbers: [Double], hasSigma: Bool, hasKappa: Bool)
        -> [Double]
    {
        let rows = numbers.map { n in [1] + (hasSigma ? [n - 1] : []) + (hasKappa ? [n * (n - 1)] : []) }
        let count = rows[0].count
        let matrix = (0..<count).map { i in (0..<count).map { j in rows.reduce(0) { $0 + $1[i] * $1[j] } } }
        let right = (0..<count).map { i in
            zip(rows, zip(numbers, throughputs)).reduce(0) { $0 + $1.0[i] * $1.1.0 / $1.1.1 }
        }
        guard let found = solution(of: matrix, right), found[0] > 0 else {
            return [1] + Array(repeating: 0.01, count: count - 1)
        }
        return [1 / found[0]] + found.dropFirst().map { max($0, 0) / found[0] }
    }
}
