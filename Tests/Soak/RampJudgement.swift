import Synchronization

/// The judgement of the growing shares of datacenters that have come back.
extension Oracle {
    /// The growing share of a datacenter that has come back.
    struct Ramp {
        /// The time until which it may take only a part of its clients.
        var until: UInt64
        /// The earliest possible start; `nil` if unknown.
        var since: UInt64?
        /// The number of clients whose destination is certain, and of those that went there.
        var asked = 0, taken = 0
        /// The sums of the minimum and maximum expected shares.
        var least = 0.0, most = 0.0, variance = 0.0
    }

    /// Records the change of an address: its datacenter may come back with it, or certainly does if all its addresses
    /// were down.
    func ramp(_ address: Int, _ value: Int, at time: UInt64, _ state: inout State) {
        let datacenter = Datacenter(rawValue: address / 2)!
        guard !state.isAgentAway else { return }
        let known = [0, 1].map { state.values[Part.health(2 * datacenter.rawValue + $0).index] }
        let isDown = known.allSatisfy { $0.last?.value == 0 && $0.dropLast().allSatisfy { $0.until < time } }
        guard value == 1 || state.ramps[datacenter] != nil else { return }
        state.ramps[datacenter] = Ramp(
            until: time + bounds.health + Site.comesBack + bounds.drain, since: isDown && value == 1 ? time : nil)
    }

    /// Returns a complaint about the growing shares of datacenters; `nil` if they are right.
    func rampComplaint() -> String? {
        state.withLock { state in
            for (datacenter, ramp) in state.ramps where ramp.asked >= 200 {
                let slack = 6 * ramp.variance.squareRoot()
                state.ramps[datacenter]!.asked = 0
                state.ramps[datacenter]!.since = nil
                judgedRamps.add(1, ordering: .relaxed)
                if Double(ramp.taken) < ramp.least - slack || Double(ramp.taken) > ramp.most + slack {
                    return
                        "\(datacenter) has come back, and takes \(ramp.taken) of \(ramp.asked) clients; right is \(Int(ramp.least)) to \(Int(ramp.most))"
                }
            }
            return nil
        }
    }

    /// Counts an answer that reveals whether a returning datacenter has taken a client.
    ///
    /// - Parameter value: 0 if it has, 100 if not.
    /// - Parameter records: the right records if it takes the client (0) and if it does not (100).
    func judge(
        _ datacenter: Datacenter, _ value: Int, asked: UInt64, answered: UInt64, _ state: inout State,
        _ records: (Int) -> [[UInt8]]
    ) {
        guard var ramp = state.ramps[datacenter], let since = ramp.since, asked > since + bounds.health else { return }
        guard records(value) != records(100 - value) else { return }
        func share(_ time: UInt64, _ start: UInt64) -> Double {
            min(1, max(0.05, Double(time - start) / Double(Site.comesBack)))
        }
        // A second until coprocesses look, and one for the precision of times.
        let least = share(asked, min(asked, since + bounds.health + 2_000_000_000))
        let most = share(answered + 1_000_000_000, since)
        ramp.asked += 1
        ramp.taken += value == 0 ? 1 : 0
        ramp.least += least
        ramp.most += most
        ramp.variance += max(least * (1 - least), most * (1 - most), least < 0.5 && most > 0.5 ? 0.25 : 0)
        state.ramps[datacenter] = ramp
    }
}
