/// Lays out the parts of a view.
extension TopPicture {
    /// A part of a column.
    private struct Part {
        /// The minimum number of lines, below which it is left out, and the maximum.
        var least: Int
        var most: Int
        /// The rank: parts with a lower rank get lines first.
        var rank: Int
        var draw: (inout TopPicture, inout Canvas, Canvas.Area) -> Void
    }

    /// Draws parts below each other. By rank, each gets its minimum of lines, then more; the rest is spacing.
    private mutating func drawColumn(_ parts: [Part], on canvas: inout Canvas, _ area: Canvas.Area) {
        var rest = area.lines
        var lines = Array(repeating: 0, count: parts.count)
        let order = parts.indices.sorted { parts[$0].rank < parts[$1].rank }
        for index in order where parts[index].least <= rest {
            lines[index] = parts[index].least
            rest -= lines[index]
        }
        for index in order where lines[index] > 0 {
            let more = min(rest, max(0, parts[index].most - lines[index]))
            lines[index] += more
            rest -= more
        }
        var area = area
        for (index, part) in parts.enumerated() where lines[index] > 0 {
            part.draw(&self, &canvas, area.takeLines(lines[index]))
            if rest > 0 {
                _ = area.takeLines(1)
                rest -= 1
            }
        }
    }

    private func history(_ state: LiveState, most: Int) -> Part {
        Part(least: 3, most: most, rank: 2) { $0.drawHistory(state, on: &$1, $2) }
    }

    private func datacenters(_ state: LiveState) -> Part {
        let count = state.second.datacenters.count
        return Part(least: min(count, 4) + 1, most: count + 1, rank: 0) {
            $0.drawDatacenterTable(state.second.datacenters, on: &$1, $2)
        }
    }

    /// `nil` if there is no rollout.
    private func rollout(_ state: LiveState) -> Part? {
        state.second.rollout.map { rollout in
            Part(least: 1, most: rollout.datacenters.count + 1, rank: 1) { $0.drawRollout(rollout, on: &$1, $2) }
        }
    }

    private func events(_ state: LiveState) -> Part {
        Part(least: 2, most: 9, rank: 4) { picture, canvas, area in
            var area = area
            canvas.put("Last changes", .like(.place), in: area.takeLines(1))
            picture.drawEvents(state, isDated: false, on: &canvas, area)
        }
    }

    /// `nil` if there is none for these columns.
    private func map(_ model: TopModel, _ state: LiveState, columns: Int) -> Part? {
        guard hasMap != false, columns >= 40 else { return nil }
        // With little room the map is shown only on request, and then ranks before everything except the datacenters.
        return Part(
            least: hasMap == true ? 10 : 14, most: (columns * 10 + 40) / 41, rank: hasMap == true ? 1 : 9
        ) { $0.drawMap(model, state, on: &$1, $2) }
    }

    /// Draws the overview.
    mutating func drawOverview(
        _ model: TopModel, _ state: LiveState, on canvas: inout Canvas, _ area: Canvas.Area
    ) {
        let second = state.second
        let isWide = area.columns >= 120 && area.lines >= 20
        guard isWide else {
            let first = Part(least: 4, most: 11, rank: 3) { picture, canvas, area in
                let columns = area.columns(2)
                picture.drawRanked("Names", second.names, on: &canvas, columns[0])
                picture.drawCountries(second, on: &canvas, columns[1])
            }
            let other = Part(least: 3, most: 9, rank: 5) { picture, canvas, area in
                let columns = area.columns(2)
                picture.drawRanked("Services", second.services, on: &canvas, columns[0])
                picture.drawNetworkRanking(second, on: &canvas, columns[1])
            }
            drawColumn(
                [
                    history(state, most: 5), rollout(state), datacenters(state),
                    map(model, state, columns: area.columns), first, other, events(state),
                ].compactMap(\.self), on: &canvas, area)
            return
        }
        let left = min(100, area.columns / 2)
        let halves = [
            Canvas.Area(line: area.line, column: area.column, lines: area.lines, columns: left),
            Canvas.Area(
                line: area.line, column: area.column + left + 2, lines: area.lines, columns: area.columns - left - 2),
        ]
        let services = Part(least: 3, most: 21, rank: 5) { picture, canvas, area in
            let columns = area.columns(2)
            picture.drawRanked("Services", second.services, on: &canvas, columns[0])
            picture.drawCountries(second, on: &canvas, columns[1])
        }
        drawColumn(
            [history(state, most: 8), rollout(state), datacenters(state), services, events(state)].compactMap(\.self),
            on: &canvas, halves[0])
        let names = Part(least: 4, most: 21, rank: 3) { picture, canvas, area in
            let columns = area.columns(2)
            picture.drawRanked("Names", second.names, on: &canvas, columns[0])
            picture.drawNetworkRanking(second, on: &canvas, columns[1])
        }
        drawColumn(
            [map(model, state, columns: halves[1].columns), names].compactMap(\.self), on: &canvas, halves[1])
    }

    func drawNames(_ second: LiveSecond, on canvas: inout Canvas, _ area: Canvas.Area) {
        let columns = split(area)
        drawRanked("Names", second.names, on: &canvas, columns.0)
        drawRanked("Services", second.services, on: &canvas, columns.1)
    }

    func drawNetworks(_ second: LiveSecond, on canvas: inout Canvas, _ area: Canvas.Area) {
        let columns = split(area)
        drawNetworkRanking(second, on: &canvas, columns.0)
        drawCountries(second, on: &canvas, columns.1)
    }

    mutating func drawDatacenters(
        _ model: TopModel, _ state: LiveState, on canvas: inout Canvas, _ area: Canvas.Area
    ) {
        var table = datacenters(state)
        table.least = min(area.lines, table.most)
        drawColumn(
            [rollout(state), table, map(model, state, columns: area.columns)].compactMap(\.self), on: &canvas, area)
    }

    /// Returns two areas: three fifths and the rest.
    private func split(_ area: Canvas.Area) -> (Canvas.Area, Canvas.Area) {
        var (first, second) = (area, area)
        first.columns = area.columns * 3 / 5 - 1
        second.column += first.columns + 2
        second.columns -= first.columns + 2
        return (first, second)
    }
}
