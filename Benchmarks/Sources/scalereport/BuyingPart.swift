import Scaling

extension Part {
    /// Computes how many cores a rate of questions needs.
    ///
    /// - Parameter oneCore: the measured answers per second of pdns and geopipe on one core.
    init(oneCore: Double) {
        // A core is planned at half load. The other half is for bursts, the compiler and the clients of a failed server.
        let part = 0.5
        paragraph(
            """
            One core answers \(fixed(oneCore)) questions a second that go to geopipe, if the load comes from elsewhere and the core does \
            nothing else. Half of that is for bursts, for compiling and for the day on which \
            another server is down:
            """)
        table(
            ["questions a second at the busiest hour", "cores"],
            [10_000.0, 50_000, 100_000, 250_000, 500_000, 1_000_000].map { rate in
                [fixed(rate), fixed((rate / oneCore / part).rounded(.up))]
            })
    }
}
