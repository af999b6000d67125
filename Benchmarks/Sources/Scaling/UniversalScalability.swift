/// The Universal Scalability Law of N. Gunther: the throughput with `n` of something is
/// λn / (1 + σ(n - 1) + κn(n - 1)).
public struct UniversalScalability: Equatable, Sendable {
    /// The throughput with one.
    public var lambda: Double
    /// The part of the work that only one can do at a time (contention), at least 0; 1 means that more bring nothing.
    public var sigma: Double
    /// What each pair costs to agree (coherence), at least 0; with any, too many are slower than fewer.
    public var kappa: Double

    public init(lambda: Double, sigma: Double, kappa: Double) {
        self.lambda = lambda
        self.sigma = sigma
        self.kappa = kappa
    }

    public func throughput(_ n: Double) -> Double { lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1)) }

    /// The number with the greatest throughput; `nil` if more always bring more, or as much.
    public var peak: Double? {
        guard kappa > 0 else { return nil }
        return max(((1 - sigma) / kappa).squareRoot(), 1).isNaN ? 1 : max((max(1 - sigma, 0) / kappa).squareRoot(), 1)
    }
}

extension UniversalScalability {
    /// Fits the law to throughputs by least squares. σ and κ are at least 0.
    ///
    /// - Parameters:
    ///   - numbers: at least three different ones, each at least 1.
    ///   - throughputs: above 0, one for each number.
    /// - Returns: `nil` if there are fewer.
    public init?(fitting throughputs: [Double], at numbers: [Double]) {
        guard Set(numbers).count >= 3, numbers.count == throughputs.count,
            throughputs.allSatisfy({ $0 > 0 && $0.isFinite }),
            numbers.allSatisfy({ $0 >= 1 })
        else { return nil }
        // In units of the first one, so that all parameters are of a size.
        let unit = throughputs[0] / numbers[0]
        let scaled = throughputs.map { $0 / unit }
        var best: (law: UniversalScalability, sum: Double)?
        // The least lies where both may change, or at a bound: there the other one is fitted alone.
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

    /// - Parameter parameters: λ, then those of σ and κ that are not held at 0.
    private init(_ parameters: [Double], hasSigma: Bool, hasKappa: Bool) {
        self.init(
            lambda: parameters[0], sigma: hasSigma ? parameters[1] : 0,
            kappa: hasKappa ? parameters[parameters.count - 1] : 0)
    }

    /// The law turned upside down is linear: n / X = (1 + σ(n - 1) + κn(n - 1)) / λ.
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
