/// A law fitted to the medians of measurements, with its bootstrap replicates.
public struct Fit<Law: Sendable>: Sendable {
    public let law: Law
    /// The bootstrap replicates: the same law fitted to measurements that are resampled at each number.
    public let others: [Law]
    /// The largest deviation of a median from the curve, as a fraction of the median.
    public let deviation: Double
    private let curve: @Sendable (Law, Double) -> Double

    /// - Parameters:
    ///   - draws: the number of bootstrap replicates.
    ///   - fit: fits a law to medians at numbers; returns `nil` if none fits.
    ///   - curve: returns a law's value at a number.
    /// - Returns: `nil` if no law fits the medians.
    public init?(
        _ samples: Samples, draws: Int = 1_000, seed: UInt64 = 1, by fit: ([Double], [Double]) -> Law?,
        curve: @escaping @Sendable (Law, Double) -> Double
    ) {
        guard let law = fit(samples.medians, samples.numbers) else { return nil }
        var random = RandomBits(seed: seed)
        self.law = law
        others = (0..<draws).compactMap { _ in fit(samples.resampled(using: &random).medians, samples.numbers) }
        deviation = zip(samples.numbers, samples.medians).map { abs(curve(law, $0) / $1 - 1) }.max() ?? 0
        self.curve = curve
    }

    /// Returns the 95% confidence interval of a figure of the law.
    public func interval(_ figure: (Law) -> Double) -> Interval {
        Interval(of: others.isEmpty ? [figure(law)] : others.map(figure))
    }

    public func value(_ number: Double) -> Double { curve(law, number) }

    /// Returns the 95% confidence interval of the curve at a number.
    public func band(_ number: Double) -> Interval { interval { curve($0, number) } }
}

extension Fit<UniversalScalability> {
    public init?(_ samples: Samples, draws: Int = 1_000, seed: UInt64 = 1) {
        self.init(
            samples, draws: draws, seed: seed, by: { UniversalScalability(fitting: $0, at: $1) },
            curve: { $0.throughput($1) })
    }
}

extension Fit<SizeLaw> {
    /// Fits the form with the smaller residuals to the medians, and the same form to each replicate.
    public init?(_ samples: Samples, draws: Int = 1_000, seed: UInt64 = 1) {
        guard let form = SizeLaw(fitting: samples.medians, at: samples.numbers)?.form else { return nil }
        self.init(
            samples, draws: draws, seed: seed, by: { SizeLaw(form, fitting: $0, at: $1) }, curve: { $0.cost($1) })
    }
}
