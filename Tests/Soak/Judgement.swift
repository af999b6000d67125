import Synchronization

/// The judgement of an answer.
extension Oracle {
    /// Returns a complaint about an answer; `nil` if it is right.
    ///
    /// - Parameter isSample: whether the client was picked at random, so that it counts in the figures of shares.
    func complaint(
        about answer: Answer, to question: Question, for client: Client, asked: UInt64, answered: UInt64,
        isSample: Bool = true
    ) -> String? {
        if question == .missing { return answer.responseCode == 3 ? nil : "there is no such name" }
        guard answer.responseCode == 0 else { return "the name is there" }
        if question.isGeographic, answer.scope ?? 0 == 0 { return "it says that it holds for all clients" }
        let given = question == .zone ? answer.records.map { Array($0.prefix(2)) } : answer.records
        let countries = databases.map { $0.place(of: client).country }
        let places = databases.map { $0.place(of: client.forPlaces) }
        return state.withLock { state in
            var choices: [(part: Part, values: [Value], isShare: Bool)] = []
            let newSides = state.order.sides
            var steps: [RolloutStep] = []
            var sides: Set<Int> = []
            var world = [Int](repeating: 0, count: Part.count)
            for part in question.parts {
                let values = state.values[part.index]
                var possible = values.reversed().filter { $0.since <= answered && $0.until >= asked }
                if part == .rollout {
                    steps = possible.map { RolloutStep(value: $0.value) }
                    let sides = possible.flatMap { value in
                        newSides.sides(of: RolloutStep(value: value.value), places).map {
                            Value(value: $0, since: value.since, replaced: value.replaced)
                        }
                    }
                    world[part.index] = sides.first?.value ?? 0
                    if sides.count > 1 { choices.append((part, sides, possible.count == 1)) }
                    continue
                }
                world[part.index] = possible.first?.value ?? 0
                guard part.isShare, possible.contains(where: { 1..<100 ~= $0.value }) else {
                    if possible.count > 1 { choices.append((part, possible, false)) }
                    continue
                }
                let isShare = possible.count == 1
                // A partial drain: both outcomes are possible.
                possible = possible.flatMap { value in
                    guard 1..<100 ~= value.value else { return [value] }
                    return [0, 100].map { Value(value: $0, since: value.since, replaced: value.replaced) }
                }
                choices.append((part, possible, isShare))
            }
            if question == .checked {
                for datacenter in Datacenter.allCases {
                    guard let ramp = state.ramps[datacenter], ramp.until >= asked else { continue }
                    choices.append((.ramp(datacenter), [0, 100].map { Value(value: $0, since: 0) }, false))
                }
            }
            var selection = [Int](repeating: 0, count: choices.count)
            var expectations: [[[UInt8]]] = []
            // The explanation with the newest values.
            var best: [(part: Part, value: Value)]?
            while true {
                for (number, choice) in choices.enumerated() {
                    world[choice.part.index] = choice.values[selection[number]].value
                }
                let expected = records(question, client, countries, places, world, newSides)
                if expected == given {
                    // The old side is the same for all rollouts.
                    let side = world[Part.rollout.index]
                    sides.insert(side % RolloutStep.scale == 0 ? 0 : side)
                    let used = choices.enumerated().map { ($1.part, $1.values[selection[$0]]) }
                    if best.map({ Self.delay($0, asked) > Self.delay(used, asked) }) ?? true { best = used }
                    if isSample, choices.count == 1, choices[0].isShare {
                        let index = choices[0].part.index
                        let value = world[index] % RolloutStep.scale
                        world[index] += 100 - 2 * value
                        if records(question, client, countries, places, world, newSides) != expected {
                            state.shares[index, default: Share()].asked += 1
                            state.shares[index]!.moved += value == 100 ? 1 : 0
                        }
                    }
                }
                if isSample, choices.count == 1, case .ramp(let datacenter) = choices[0].part, expected == given {
                    let value = choices[0].values[selection[0]].value
                    judge(datacenter, value, asked: asked, answered: answered, &state) { value in
                        world[choices[0].part.index] = value
                        return records(question, client, countries, places, world, newSides)
                    }
                }
                if !expectations.contains(expected) { expectations.append(expected) }
                guard let place = selection.indices.first(where: { selection[$0] + 1 < choices[$0].values.count })
                else {
                    break
                }
                for earlier in 0..<place { selection[earlier] = 0 }
                selection[place] += 1
            }
            if let best {
                for (part, value) in best { state.delays.add(Self.delay([(part, value)], asked), of: part) }
                return sides.count == 1 ? state.order.note(client, side: sides.first!, steps) : nil
            }
            let reasons = question.parts.map { part in
                "\(part) "
                    + state.values[part.index].filter { $0.since <= answered && $0.until >= asked }
                    .map { "\($0.value)" }.joined(separator: " or ")
            }.filter { !$0.hasPrefix("drain") || !$0.hasSuffix(" 0") }
            return "right is \(expectations.map(words).joined(separator: ", or ")): \(reasons.joined(separator: ", "))"
        }
    }

    /// Returns how long the used values had been replaced when the question was asked.
    private static func delay(_ used: [(part: Part, value: Value)], _ asked: UInt64) -> UInt64 {
        used.map { $0.value.replaced < asked ? asked - $0.value.replaced : 0 }.max() ?? 0
    }
}
