import Routing

/// The records that a choice of datacenters gives.
extension AnswerTable {
    /// Whether a datacenter has more addresses than an answer gives.
    func picks(_ part: AnswerPart, of service: BoundService, in datacenter: Int) -> Bool {
        addressCount(part, of: service, in: datacenter) > Int(service.pick)
    }

    /// Whether a part of an answer is an address family, and a datacenter has no address of that family.
    func lacks(_ part: AnswerPart, of service: BoundService, in datacenter: Int) -> Bool {
        (part == .ipv4 || part == .ipv6) && addressCount(part, of: service, in: datacenter) == 0
    }

    /// Returns the number of addresses that a datacenter has: of the family that `part` names, else of the larger
    /// family.
    func addressCount(_ part: AnswerPart, of service: BoundService, in datacenter: Int) -> Int {
        let answers = answers(service, datacenter)
        switch part {
        case .all: return max(answers.ipv4Range.count, answers.ipv6Range.count)
        case .ipv4: return answers.ipv4Range.count
        case .ipv6: return answers.ipv6Range.count
        case .rest: return 0
        }
    }

    /// Calls `body` with each record of a service that a choice gives for a part of an answer.
    func forEachRecord(
        of service: BoundService, choice: Choice, part: AnswerPart, state: ServiceState,
        _ body: (_ record: ReadyRecord) -> Void
    ) {
        let respectsHealth = choice.respectsHealth && state.hasDownAddresses
        for i in 0..<choice.count {
            let answers = answers(service, Int(choice.datacenters[i]))
            if part == .all || part == .ipv4 {
                forEachPicked(
                    answers.ipv4Range, of: service, answers: answers, draw: choice.draw, state: state,
                    respectsHealth: respectsHealth, body)
            }
            if part == .all || part == .ipv6 {
                forEachPicked(
                    answers.ipv6Range, of: service, answers: answers, draw: choice.draw, state: state,
                    respectsHealth: respectsHealth, body)
            }
            if part == .all || part == .rest { for position in answers.otherRange { body(records[position]) } }
        }
    }

    /// Calls `body` with the addresses of a range of records: all of them, or the `pick` that have the lowest scores.
    ///
    /// - Parameter respectsHealth: whether addresses that are down are left out.
    private func forEachPicked(
        _ range: Range<Int>, of service: BoundService, answers: DatacenterAnswers, draw: RendezvousDraw,
        state: ServiceState, respectsHealth: Bool, _ body: (ReadyRecord) -> Void
    ) {
        let pick = Int(service.pick)
        guard range.count > pick || respectsHealth else {
            for position in range { body(records[position]) }
            return
        }
        func isEligible(_ position: Int) -> Bool { !respectsHealth || !state.isDown(answers.number(position)) }
        var eligible = 0
        for position in range where isEligible(position) { eligible += 1 }
        guard eligible > pick else {
            for position in range where isEligible(position) { body(records[position]) }
            return
        }
        var last = -Double.infinity
        for _ in 0..<pick {
            var best: (score: Double, position: Int)?
            for position in range where isEligible(position) {
                let address = address(service, answers.number(position))
                let weight = state.weight(address.weight, ofAddress: answers.number(position))
                let score = draw.score(address.identity, weight: weight)
                guard score > last, score < best?.score ?? .infinity else { continue }
                best = (score, position)
            }
            guard let best else { return }
            body(records[best.position])
            last = best.score
        }
    }
}
