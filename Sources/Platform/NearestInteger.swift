extension Int {
    /// The integer nearest to a number of whatever size: the least or the greatest there is for one beyond these, and 0 for what is no
    /// number.
    public init(nearest number: Double) {
        let whole = number.rounded()
        self = Int(exactly: whole) ?? (whole > 0 ? .max : whole < 0 ? .min : 0)
    }
}
