extension Int {
    /// Rounds to the nearest integer. Numbers out of range give the smallest or the largest integer, and NaN gives 0.
    public init(nearest number: Double) {
        let whole = number.rounded()
        self = Int(exactly: whole) ?? (whole > 0 ? .max : whole < 0 ? .min : 0)
    }
}
