import Telemetry

extension [SampledHit] {
    /// Returns at most `limit` hits in their order, which together stand for as many answers as all hits: the chance of
    /// each grows with its weight.
    func thinned(to limit: Int) -> [SampledHit] {
        guard count > limit, limit > 0 else { return self }
        let all = reduce(0) { $0 + $1.weight }
        var thinned: [SampledHit] = []
        thinned.reserveCapacity(limit)
        var (position, sum) = (0, self[0].weight)
        var lastPosition = -1
        for part in 0..<limit {
            // Splits the answers into equal parts, and takes the hit in the middle of each.
            let (begin, end) = (share(part, of: limit, all), share(part + 1, of: limit, all))
            guard end > begin else { continue }
            let middle = begin + (end - begin) / 2
            while sum <= middle {
                position += 1
                sum += self[position].weight
            }
            if position == lastPosition {
                thinned[thinned.count - 1].weight += end - begin
            } else {
                var hit = self[position]
                hit.weight = end - begin
                thinned.append(hit)
                lastPosition = position
            }
        }
        return thinned
    }

    /// Returns the whole number nearest to a part of all; weights are too small to overflow.
    private func share(_ part: Int, of limit: Int, _ all: Int) -> Int {
        let (each, rest) = all.quotientAndRemainder(dividingBy: limit)
        return each * part + rest * part / limit
    }
}
