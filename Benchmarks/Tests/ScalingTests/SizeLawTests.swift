import Scaling
import Testing

@Suite("The cost of a question by size")
struct SizeLawTests {
    static let sizes = [1.0, 10, 100, 1_000, 10_000]

    @Test("is found to be a power of the size")
    func power() throws {
        let law = try #require(SizeLaw(fitting: Self.sizes.map { size in 160 * tenth(size, 1.25) }, at: Self.sizes))
        #expect(law.form == .power)
        #expect(abs(law.base - 160) < 1e-4)
        #expect(abs(law.tenfold - 1.25) < 1e-6)
    }

    @Test("is found to grow with the logarithm of the size")
    func logarithm() throws {
        let law = try #require(SizeLaw(fitting: [200, 300, 400, 500, 600], at: Self.sizes))
        #expect(law.form == .logarithm)
        #expect(abs(law.tenfold - 1.5) < 1e-6)
        #expect(abs(law.cost(1_000) - 500) < 1e-3)
    }

    @Test("has a confidence interval that contains the true growth of noisy costs")
    func interval() throws {
        var random = RandomBits(seed: 3)
        var samples = Samples()
        for size in Self.sizes {
            for _ in 0..<10 {
                samples.add(160 * tenth(size, 1.2) * Double.random(in: 0.95...1.05, using: &random), at: size)
            }
        }
        let fit = try #require(Fit<SizeLaw>(samples))
        #expect(fit.interval(\.tenfold).contains(1.2))
        #expect(fit.deviation < 0.05)
    }

    @Test("is not fitted to one size, to costs of 0, or to no costs")
    func refused() {
        #expect(SizeLaw(fitting: [1, 2], at: [3, 3]) == nil)
        #expect(SizeLaw(fitting: [1, 0], at: [1, 2]) == nil)
        #expect(SizeLaw(fitting: [], at: []) == nil)
    }

    /// Returns the power of `size` that is `factor` at 10. `size` is a power of ten.
    private func tenth(_ size: Double, _ factor: Double) -> Double {
        var value = 1.0, rest = size
        while rest >= 10 { (value, rest) = (value * factor, rest / 10) }
        return value
    }
}
