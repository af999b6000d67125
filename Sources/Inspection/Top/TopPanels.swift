import Configuration
import Geography
import Platform

/// Draws the panels of the views.
extension TopPicture {
    // MARK: Those with the highest rates

    /// Draws a title, and a line for each entry with its rate, a bar and its name.
    func drawRanked(
        _ title: String, _ rows: [LiveSecond.Ranked], on canvas: inout Canvas, _ area: Canvas.Area,
        words: (LiveSecond.Ranked) -> String = { $0.name }
    ) {
        canvas.put(title, .like(.place), in: area)
        let most = rows.map(\.rate).max() ?? 0
        let bar = area.columns >= 30 ? min(20, max(4, area.columns / 8)) : 0
        if rows.isEmpty { canvas.put("none in the last minute", .like(.margin), in: area, line: 1, column: 1) }
        for (number, row) in rows.prefix(max(0, area.lines - 1)).enumerated() {
            canvas.put(amount(row.rate), in: area, line: number + 1, width: 6, isAtEnd: true)
            canvas.putBar(row.rate / most, .like(.note), in: area, line: number + 1, column: 7, width: bar)
            canvas.put(words(row), in: area, line: number + 1, column: bar > 0 ? bar + 8 : 7)
        }
    }

    func drawCountries(_ second: LiveSecond, on canvas: inout Canvas, _ area: Canvas.Area) {
        drawRanked("Countries", second.countries, on: &canvas, area) { row in
            row.name.isEmpty ? "unknown" : country(row.name)
        }
    }

    func drawNetworkRanking(_ second: LiveSecond, on canvas: inout Canvas, _ area: Canvas.Area) {
        drawRanked("Networks", second.networks, on: &canvas, area) { row in
            row.name + (row.country.isEmpty ? "" : "  \(row.country)") + (row.system.map { "  AS\($0)" } ?? "")
        }
    }

    /// Returns a country code with the country's name.
    private func country(_ code: String) -> String {
        PlaceCode(code).flatMap { Countries.byCode[$0] }.map { "\(code) \($0.name)" } ?? code
    }

    // MARK: The last hour

    /// Draws the rates of the last hour, with marks of events below.
    func drawHistory(_ state: LiveState, on canvas: inout Canvas, _ area: Canvas.Area) {
        let width = area.columns - 2
        let values = state.history.answered(width, before: state.time)
        let most = values.compactMap(\.self).max() ?? 0
        canvas.put("Answers a second in the last hour", .like(.place), in: area)
        canvas.put("most \(amount(most))", .like(.margin), in: area, column: 35, width: width - 34, isAtEnd: true)
        guard area.lines > 1 else { return }
        // The last line has the events, if there are at least two lines below the title.
        let height = max(1, area.lines - 2)
        for (column, value) in values.enumerated() {
            guard let value else {
                canvas.put(
                    canvas.isUnicode ? "·" : " ", .like(.margin), in: area, line: height, column: column + 1)
                continue
            }
            let eighths = most > 0 ? max(value > 0 ? 1 : 0, whole(value / most * Double(8 * height))) : 0
            for line in 0..<height {
                let part = min(8, eighths - 8 * (height - 1 - line))
                guard part > 0 else { continue }
                let text =
                    canvas.isUnicode
                    ? String(Unicode.Scalar(0x2580 + UInt32(part))!) : ["_", ".", ":", "#"][(part - 1) / 2]
                canvas.put(text, .like(.note), in: area, line: line + 1, column: column + 1)
            }
        }
        for event in state.events where area.lines > 2 {
            let part = 1 - (state.time - event.time) / TopHistory.length
            guard 0...1 ~= part else { continue }
            let column = min(width - 1, Int(part * Double(width)))
            let (letter, style) = mark(event)
            canvas.put(letter, style, in: area, line: area.lines - 1, column: column + 1)
        }
    }

    /// Returns the mark of an event below the history.
    private func mark(_ event: TopEvent) -> (letter: String, style: Canvas.Style) {
        switch event.kind {
        case "switch": ("S", .like(.warning))
        case "health": ("H", .like(.error))
        case "reload": ("I", .like(.note))
        case "rollout": ("R", .like(.success))
        case "agent": ("A", .plain)
        default: ("*", .plain)
        }
    }

    /// Draws the events, the latest first.
    ///
    /// - Parameter isDated: whether to show dates.
    func drawEvents(_ state: LiveState, isDated: Bool, on canvas: inout Canvas, _ area: Canvas.Area) {
        if state.events.isEmpty {
            canvas.put("none in the last hour", .like(.margin), in: area, column: 1)
        }
        for (number, event) in state.events.reversed().prefix(area.lines).enumerated() {
            let (letter, style) = mark(event)
            canvas.put(letter, style, in: area, line: number, column: 1)
            let time = isDated ? date(whole(event.time)) : clock(event.time)
            canvas.put(time, .like(.margin), in: area, line: number, column: 3)
            canvas.put(event.text, in: area, line: number, column: time.count + 5)
        }
    }

    // MARK: Datacenters

    /// Draws a title, and a line for each datacenter. If not all fit, those that are not in use come first.
    func drawDatacenterTable(_ datacenters: [LiveSecond.Datacenter], on canvas: inout Canvas, _ area: Canvas.Area) {
        canvas.put("Datacenters", .like(.place), in: area)
        let room = max(0, area.lines - 1)
        var shown = Array(datacenters.indices)
        if shown.count > room {
            shown = Array(
                shown.sorted { first, second in
                    let (one, other) = (datacenters[first], datacenters[second])
                    let isUnusual = (one.state != "in_use", other.state != "in_use")
                    if isUnusual.0 != isUnusual.1 { return isUnusual.0 }
                    return one.rate != other.rate ? one.rate > other.rate : first < second
                }.prefix(max(0, room - 1))
            ).sorted()
        }
        let width = min(
            max(8, datacenters.map { displayColumns($0.name, isUnicode: canvas.isUnicode) }.max() ?? 0),
            max(8, area.columns / 4))
        let columns = (state: width + 4, rate: width + 20, share: width + 27, load: width + 33, bar: width + 40)
        for (title, column, columnWidth) in [
            ("rate", columns.rate, 6), ("share", columns.share, 5), ("load", columns.load, 5),
        ] {
            canvas.put(title, .like(.margin), in: area, column: column, width: columnWidth, isAtEnd: true)
        }
        for (line, number) in shown.enumerated() {
            let datacenter = datacenters[number]
            let line = line + 1
            canvas.put(Self.letter(number), .datacenter(number, true), in: area, line: line, column: 1)
            canvas.put(datacenter.name, in: area, line: line, column: 3, width: width)
            let (words, style) = stateWords(datacenter.state)
            canvas.put(words, style, in: area, line: line, column: columns.state, width: 15)
            canvas.put(amount(datacenter.rate), in: area, line: line, column: columns.rate, width: 6, isAtEnd: true)
            if let share = datacenter.share {
                canvas.put(shortPercent(share), in: area, line: line, column: columns.share, width: 5, isAtEnd: true)
            }
            if let load = datacenter.load {
                let style: Canvas.Style = load > 1 ? .like(.error) : load > 0.9 ? .like(.warning) : .plain
                canvas.put(
                    shortPercent(load), style, in: area, line: line, column: columns.load, width: 5, isAtEnd: true)
            }
            // The bar shows the load, or the share without a capacity.
            canvas.putBar(
                datacenter.load ?? datacenter.share ?? 0, .datacenter(number, false), in: area, line: line,
                column: columns.bar, width: min(60, area.columns - columns.bar - 1))
        }
        if shown.count < datacenters.count, room > 0 {
            canvas.put(
                "\(datacenters.count - shown.count) more\(view == .datacenters ? "" : "; 4 shows them")",
                .like(.margin),
                in: area, line: room, column: 3)
        }
    }

    private func stateWords(_ state: String) -> (words: String, style: Canvas.Style) {
        switch state {
        case "in_use": ("in use", .like(.success))
        case "partly_drained": ("partly drained", .like(.warning))
        case "drained": ("drained", .like(.warning))
        case "partly_down": ("partly down", .like(.error))
        case "down": ("down", .like(.error))
        default: (state, .plain)
        }
    }

    // MARK: A rollout

    /// Draws the rates of the old and the new image; then a line for each datacenter.
    func drawRollout(_ rollout: LiveSecond.Rollout, on canvas: inout Canvas, _ area: Canvas.Area) {
        var column = canvas.put("Rollout", .like(.place), in: area) + 1
        var parts = ["\(rollout.id) \(rollout.state)"]
        if let share = rollout.share { parts[0] += " \(amount(share))%" }
        if let old = rollout.old, let new = rollout.new { parts.append("old \(amount(old))/s, new \(amount(new))/s") }
        if let compared = rollout.compared {
            let differing = rollout.differing ?? 0
            parts.append("\(differing) of \(compared) differ")
        }
        for part in parts {
            column += 2 + canvas.put(part, in: area, column: column)
        }
        let most = rollout.datacenters.map { max($0.old, $0.new) }.max() ?? 0
        let halves = Canvas.Area(
            line: area.line + 1, column: area.column + 1, lines: area.lines - 1, columns: area.columns - 1
        ).columns(2)
        for (number, datacenter) in rollout.datacenters.enumerated() where area.lines > 1 {
            for (side, value) in [(0, datacenter.old), (1, datacenter.new)] {
                let half = halves[side]
                let bar = max(0, half.columns - 31)
                canvas.put(side == 0 ? "old" : "new", .like(.margin), in: half, line: number)
                canvas.put(datacenter.name, in: half, line: number, column: 4, width: 18)
                canvas.put(amount(value), in: half, line: number, column: 23, width: 6, isAtEnd: true)
                canvas.putBar(
                    value / most, .like(side == 0 ? .margin : .note), in: half, line: number, column: 30, width: bar)
            }
        }
    }
}
