import Platform

/// Draws the screen of `geopipe top`.
package struct TopPicture: Sendable {
    package enum View: Int, CaseIterable, Sendable {
        case overview = 1
        case names
        case networks
        case datacenters
        case events
    }

    package var view = View.overview
    /// Whether the overview has a map; `nil` to show one if there is room.
    package var hasMap: Bool?
    package var isPaused = false
    package var showsHelp = false
    /// Whether to show the line of keys.
    package var hasKeys = true
    /// Why the data are not up to date; `nil` if they are.
    package var notice: String?
    /// What to do about it; `nil` for nothing.
    package var advice: String?
    /// Formats a time, such as `2026-11-23 09:34:00`; the parameter is in seconds since 1970.
    package var date: @Sendable (Int) -> String = dateAndTime
    /// The current time, in milliseconds on the monotonic clock.
    package var now = 0
    /// The land of the last map, cached as long as the size stays the same.
    private var land: WorldDots?
    /// Whether the last picture had a map.
    package private(set) var isMapShown = false

    package init() {}

    /// Draws the picture in a size.
    ///
    /// It never exceeds these lines and columns, whatever the state contains.
    package mutating func draw(_ model: TopModel, lines: Int, columns: Int, isUnicode: Bool) -> Canvas {
        isMapShown = false
        var canvas = Canvas(lines: lines, columns: columns, isUnicode: isUnicode)
        var rest = canvas.area
        let footer = Canvas.Area(line: canvas.lines - 1, column: 0, lines: 1, columns: canvas.columns)
        if hasKeys, canvas.lines > 4 {
            rest.lines -= 1
            drawKeys(on: &canvas, footer)
        }
        drawTitle(model.state, on: &canvas, rest.takeLines(1))
        if let notice {
            canvas.put(notice, .like(.warning), in: rest.takeLines(1), column: 1)
            if let advice { canvas.put(advice, in: rest.takeLines(1), column: 1) }
        }
        guard let state = model.state else {
            if showsHelp { drawHelp(on: &canvas, rest) }
            return canvas
        }
        if let replay = state.replay { drawReplay(replay, on: &canvas, rest.takeLines(1)) }
        drawProblems(state.second.problems, on: &canvas, &rest)
        drawRates(state, on: &canvas, &rest)
        if showsHelp {
            drawHelp(on: &canvas, rest)
            return canvas
        }
        switch view {
        case .overview: drawOverview(model, state, on: &canvas, rest)
        case .names: drawNames(state.second, on: &canvas, rest)
        case .networks: drawNetworks(state.second, on: &canvas, rest)
        case .datacenters: drawDatacenters(model, state, on: &canvas, rest)
        case .events:
            canvas.put("Last changes", .like(.place), in: rest)
            _ = rest.takeLines(1)
            drawEvents(state, isDated: true, on: &canvas, rest)
        }
        return canvas
    }

    /// Returns the time of day.
    func clock(_ seconds: Double) -> String { String(date(whole(seconds)).suffix(8)) }

    // MARK: What is at the top of all views

    private func drawTitle(_ state: LiveState?, on canvas: inout Canvas, _ area: Canvas.Area) {
        var column = 1 + canvas.put("geopipe top", .like(.place), in: area, column: 1)
        if let state {
            let time = date(whole(state.time))
            canvas.put(time, in: area, column: max(column + 1, area.columns - time.count - 1))
            var rest = area
            rest.columns -= time.count + 2
            for part in [state.host, state.version, state.isReplay ? "replay" : "live"] where !part.isEmpty {
                column += 2 + canvas.put(part, in: rest, column: column + 2)
            }
            if isPaused { canvas.put(" paused: p resumes ", .reversed, in: rest, column: column + 2) }
        }
    }

    private func drawReplay(_ replay: TopReplay, on canvas: inout Canvas, _ area: Canvas.Area) {
        let speed = replay.speed < 10 ? String(format(replay.speed, digits: 1)) : "\(whole(replay.speed))"
        let end =
            "\(clock(replay.position)) of \(clock(replay.from)) to \(clock(replay.to)), "
            + (replay.isPaused ? "paused" : "\(speed) times as fast")
        canvas.put(
            end, replay.isPaused ? .like(.warning) : .plain, in: area, column: max(1, area.columns - end.count - 1))
        let room = area.columns - end.count - 4
        let name = canvas.put(replay.file, .like(.note), in: area, column: 1, width: max(0, min(30, room)))
        let width = room - name - 2
        guard width >= 8, replay.to > replay.from else { return }
        let part = min(1, max(0, (replay.position - replay.from) / (replay.to - replay.from)))
        let done = min(width, Int(nearest: (part * Double(width)).rounded(.down)))
        let (full, open) = canvas.isUnicode ? ("━", "─") : ("=", "-")
        canvas.put(String(repeating: open, count: width), .like(.margin), in: area, column: name + 3)
        canvas.put(String(repeating: full, count: done), .like(.note), in: area, column: name + 3, width: done)
    }

    private func drawProblems(
        _ problems: [LiveSecond.Problem], on canvas: inout Canvas, _ rest: inout Canvas.Area
    ) {
        guard !problems.isEmpty else {
            canvas.put("No problems", .like(.success), in: rest.takeLines(1), column: 1)
            return
        }
        let most = max(2, rest.lines / 5)
        let shown = problems.count <= most ? problems.count : most - 1
        for problem in problems.prefix(shown) {
            let area = rest.takeLines(1)
            canvas.put(
                problem.isError ? "error" : "warning", .like(problem.isError ? .error : .warning), in: area, column: 1)
            canvas.put(problem.text, in: area, column: 10)
        }
        if problems.count > shown {
            canvas.put(
                "\(problems.count - shown) more; geopipe status has all", .like(.margin), in: rest.takeLines(1),
                column: 10)
        }
    }

    private func drawRates(_ state: LiveState, on canvas: inout Canvas, _ rest: inout Canvas.Area) {
        let second = state.second
        func microseconds(_ value: Double?) -> String {
            guard let value else { return "-" }
            let micro = canvas.isUnicode ? "µs" : "us"
            return value < 10_000 ? "\(whole(value)) \(micro)" : "\(amount(value / 1_000)) ms"
        }
        func line(_ parts: [(text: String, style: Canvas.Style)]) {
            let area = rest.takeLines(1)
            var column = 1
            for part in parts {
                // Draw a part only if it fits, unless it is the first: a cut number would be wrong.
                let width = displayColumns(part.text, isUnicode: canvas.isUnicode)
                guard column == 1 || column + width < area.columns else { break }
                column += 2 + canvas.put(part.text, part.style, in: area, column: column)
            }
        }
        line(
            [
                ("\(amount(second.answered))/s answered", .like(.place)), ("\(amount(second.empty))/s empty", .plain),
                ("\(amount(second.refused))/s refused", second.refused > 0 ? .like(.warning) : .plain),
                ("p50 \(microseconds(second.p50))", .plain), ("p99 \(microseconds(second.p99))", .plain),
                (
                    second.coprocesses == 1 ? "1 coprocess" : "\(second.coprocesses) coprocesses",
                    second.coprocesses == 0 ? .like(.error) : .plain
                ),
            ]
                + (second.dropped > 0
                    ? [("\(amount(second.dropped))/s hits lost", .like(.warning))] : []))
        var parts: [(text: String, style: Canvas.Style)] = []
        if let image = second.image {
            var text = "image \(image.id)"
            if let compiled = image.compiled {
                text += ", compiled \(durationWords(whole(state.time - compiled))) ago"
            }
            if let since = image.since { text += ", in force for \(durationWords(whole(state.time - since)))" }
            parts.append((text, .plain))
        } else {
            parts.append(("no image", .like(.warning)))
        }
        if let unknown = second.unknown { parts.append(("unknown place \(shortPercent(unknown))", .plain)) }
        if let rule = second.defaultRule { parts.append(("default rule \(shortPercent(rule))", .plain)) }
        line(parts)
    }

    // MARK: Keys

    private func drawKeys(on canvas: inout Canvas, _ area: Canvas.Area) {
        var column = 1
        for view in View.allCases {
            let isShown = view == self.view && !showsHelp
            let text = isShown ? "[\(view.rawValue) \(view)]" : "\(view.rawValue) \(view)"
            column += 2 + canvas.put(text, isShown ? .reversed : .plain, in: area, column: column)
        }
        for text in ["? help", "q quit", "m map", "p pause"] {
            guard column + text.count < area.columns else { break }
            column += 2 + canvas.put(text, .like(.margin), in: area, column: column)
        }
    }

    private func drawHelp(on canvas: inout Canvas, _ area: Canvas.Area) {
        let keys = [
            ("1 to 5, Tab", "show the overview, names, networks, datacenters, events"),
            ("m", "the overview with a map of the world, or without"),
            ("p, space", "stop the picture or the replay, and go on"), ("+, -", "a replay twice or half as fast"),
            ("?", "this, and back"), ("q, Ctrl-C", "end"),
        ]
        canvas.put("Keys", .like(.place), in: area, line: 0, column: 1)
        for (number, key) in keys.enumerated() {
            canvas.put(key.0, .like(.note), in: area, line: number + 1, column: 3)
            canvas.put(key.1, in: area, line: number + 1, column: 18)
        }
        let words = [
            "Rates are answers a second. A load of 100% is what a datacenter takes, by its",
            "capacity, in the busiest second of the last hour. Letters on the map are answers of",
            "the last seconds, each at its client's place: the datacenter that it was sent to. A",
            "reversed letter is the datacenter itself. Below the rates of the last hour stand",
            "changes: S switch, H health, I image, R rollout, A agent.",
        ]
        for (number, line) in words.enumerated() {
            canvas.put(line, in: area, line: number + keys.count + 2, column: 1)
        }
    }

    // MARK: The map

    /// Draws the world with the hits of the last seconds.
    mutating func drawMap(_ model: TopModel, _ state: LiveState, on canvas: inout Canvas, _ area: Canvas.Area) {
        guard area.lines > 0, area.columns > 0 else { return }
        if land?.lines != area.lines || land?.columns != area.columns {
            land = WorldDots(lines: area.lines, columns: area.columns)
        }
        guard let land else { return }
        isMapShown = true
        for line in 0..<area.lines {
            for column in 0..<area.columns {
                guard let text = land.character(line: line, column: column, isUnicode: canvas.isUnicode) else {
                    continue
                }
                canvas.put(text, .land, in: area, line: line, column: column)
            }
        }
        let datacenters = state.second.datacenters
        let numbers = Dictionary(datacenters.enumerated().map { ($1.name, $0) }) { first, _ in first }
        for hit in model.hits {
            guard let cell = land.cell(of: hit.position) else { continue }
            let number = numbers[hit.datacenter]
            let isFresh = now - hit.received < 1_000
            canvas.put(
                number.map(Self.letter) ?? "?", number.map { .datacenter($0, isFresh) } ?? .plain, in: area,
                line: cell.line, column: cell.column)
        }
        for (number, datacenter) in datacenters.enumerated() {
            guard let position = datacenter.position, let cell = land.cell(of: position) else { continue }
            canvas.put(Self.letter(number), .site(number), in: area, line: cell.line, column: cell.column)
        }
    }

    /// Returns `A` to `Z`, `a` to `z`, and `+` for all others.
    static func letter(_ number: Int) -> String {
        switch number {
        case ..<26: String(Unicode.Scalar(UInt8(ascii: "A") + UInt8(number)))
        case ..<52: String(Unicode.Scalar(UInt8(ascii: "a") + UInt8(number - 26)))
        default: "+"
        }
    }
}
