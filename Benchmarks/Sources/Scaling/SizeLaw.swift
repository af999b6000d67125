import Glibc

/// The growth of a question's cost with the size of the configuration: a power of the size, or its logarithm.
public struct SizeLaw: Equatable, Sendable {
    public enum Form: String, Sendable { case power, logarithm }

    public let form: Form
    /// The cost at the size `unit`.
    public let base: Double
    /// The exponent of a power. For a logarithm, the increase for each factor e, as a fraction of `base`.
    public let growth: Double
    /// The smallest measured size.
    public let unit: Double

    public func cost(_ size: Double) -> Double {
        switch form {
        case .power: base * pow(size / unit, growth)
        case .logarithm: base * (1 + growth * log(size / unit))
        }
    }

    /// The cost of ten times the size, relative to the size itself for a power, and to ten times `unit` for a logarithm: 1 plus
    /// the increase as a fraction of `base`.
    public var tenfold: Double {
        switch form {
        case .power: pow(10, growth)
        case .logarithm: 1 + growth * log(10)
        }
    }

    /// Fits a form to costs by least squares of the relative residuals.
    ///
    /// - Returns: `nil` if there are fewer than two different sizes, or if a size or a cost is not above 0.
    public init?(_ form: Form, fitting costs: [Double], at sizes: [Double]) {
        guard Set(sizes).count >= 2, sizes.count == costs.count, sizes.allSatisfy({ $0 > 0 }),
            costs.allSatisfy({ $0 > 0 && $0.isFinite }), let unit = sizes.min()
        else { return nil }
        let scale = costs[0]
        let found = leastSquares(from: [1, 0.1]) { parameters in
            let law = SizeLaw(form: form, base: parameters[0], growth: parameters[1], unit: unit)
            return zip(sizes, costs).map { law.cost($0) * scale / $1 - 1 }
        }
        guard found.sum.isFinite, found.parameters[0] > 0 else { return nil }
        self.init(form: form, base: found.parameters[0] * scale, growth: found.parameters[1], unit: unit)
    }

    /// Fits both forms, and takes the one with the smaller relative residuals.
    public init?(fitting costs: [Double], at sizes: [Double]) {
        let laws = [Form.power, .logarithm].compactMap { SizeLaw($0, fitting: costs, at: sizes) }
        let off = laws.map { law in zip(sizes, costs).reduce(0) { $0 + pow(law.cost($1.0) / $1.1 - 1, 2) } }
        guard let best = laws.indices.min(by: { off[$0] < off[$1] }) else { return nil }
        self = laws[best]
    }

    private init(form: Form, base: Double, growth: Double, unit: Double) {
        self.form = form
        self.base = base
        self.growth = growth
        self.unit = unit
    }
}
