import Inspection
import Platform

/// The live view on a terminal.
final class TopSession {
    private let socket: String
    private var source: LiveSource?
    private var model = TopModel()
    /// The picture during a pause.
    private var frozen: TopModel?
    private var picture = TopPicture()
    /// The current content of the terminal.
    private var shown: Canvas?
    private var isCurrent = false

    /// Milliseconds of the monotonic clock: the last attempt to connect, the last event, the last second's event, and
    /// the last picture.
    private var lastAttempt = Int.min / 2
    private var lastNews = 0
    private var lastSecond = 0
    private var lastPicture = Int.min / 2

    /// Milliseconds: between attempts, between pictures, until silence is reported, and until the next connection is
    /// tried.
    private static let (pause, interval, silence, mostSilence) = (1_000, 100, 3_000, 25_000)

    init(socket: String) { self.socket = socket }

    func run() {
        let screen = Screen()
        defer { screen.leave() }
        let (colours, isUnicode) = (Terminal.colours, Terminal.isUnicode)
        while true {
            connect()
            noteSilence()
            let now = milliseconds()
            if model.forgetHits(now: now) { isCurrent = false }
            if !isCurrent, screen.isFree, now - lastPicture >= Self.interval {
                let size = Terminal.size
                picture.now = now
                picture.isPaused = frozen != nil
                let canvas = picture.draw(
                    frozen ?? model, lines: size.lines, columns: size.columns, isUnicode: isUnicode)
                let text = canvas.update(from: shown, colours)
                if !text.isEmpty { screen.show(text) }
                (shown, isCurrent, lastPicture) = (canvas, true, now)
            }
            // Hits fade, so a map with hits is redrawn often.
            let wait = isCurrent ? 500 : max(1, Self.interval - (now - lastPicture))
            for event in screen.events(within: wait, or: source?.descriptor) {
                switch event {
                case .ended: return
                case .changed: (shown, isCurrent) = (nil, false)
                case .ready: takeNews()
                case .key(let key): if !take(key) { return }
                }
            }
        }
    }

    /// Connects to the agent, unless connected or the last attempt was recent.
    private func connect() {
        guard source == nil, milliseconds() - lastAttempt >= Self.pause else { return }
        defer { lastAttempt = milliseconds() }
        isCurrent = false
        do throws(LiveSource.Failure) {
            // The stream is opened first, so that nothing is missed.
            let stream = try LiveSource(socket)
            guard model.take(state: try LiveSource.state(at: socket)) else {
                throw LiveSource.Failure(
                    reason: "the program on \(socket) reports no state",
                    advice: "geopipe-agent may be of another version")
            }
            source = consume stream
            lastNews = milliseconds()
            lastSecond = lastNews
            (picture.notice, picture.advice) = (nil, nil)
        } catch {
            (picture.notice, picture.advice) = (error.reason, "\(error.advice) (trying again each second)")
        }
    }

    private func takeNews() {
        let now = milliseconds()
        guard let events = source?.events() else {
            source = nil
            lastAttempt = now
            (picture.notice, picture.advice) = ("the agent has closed the connection; trying again", nil)
            isCurrent = false
            return
        }
        lastNews = now
        for event in events {
            model.take(event.name, event.value, now: now)
            if event.name == "second" {
                lastSecond = now
                (picture.notice, picture.advice) = (nil, nil)
            }
        }
        if !events.isEmpty { isCurrent = false }
    }

    private func noteSilence() {
        guard source != nil else { return }
        let now = milliseconds()
        if now - lastNews > Self.mostSilence {
            source = nil
            lastAttempt = now
        }
        guard now - lastSecond > Self.silence, !model.isReplayPaused else { return }
        let notice = "no news from the agent for \(durationWords((now - lastSecond) / 1_000))"
        if notice != picture.notice { (picture.notice, picture.advice, isCurrent) = (notice, nil, false) }
    }

    // MARK: Keys

    /// - Returns: false to end the view.
    private func take(_ key: UInt8) -> Bool {
        isCurrent = false
        lastPicture = Int.min / 2
        switch key {
        case UInt8(ascii: "1")...UInt8(ascii: "5"):
            show(TopPicture.View(rawValue: Int(key - UInt8(ascii: "0"))) ?? .overview)
        case Screen.Key.tab:
            show(TopPicture.View(rawValue: picture.view.rawValue % TopPicture.View.allCases.count + 1) ?? .overview)
        case UInt8(ascii: "m"):
            picture.hasMap = !picture.isMapShown
        case UInt8(ascii: "p"), UInt8(ascii: " "): pause()
        case UInt8(ascii: "+"): setSpeed { min(1_000, $0 * 2) }
        case UInt8(ascii: "-"): setSpeed { max(0.1, $0 / 2) }
        case UInt8(ascii: "?"), UInt8(ascii: "h"): picture.showsHelp.toggle()
        case Screen.Key.escape: picture.showsHelp = false
        // Ctrl-L.
        case 0x0c: shown = nil
        case UInt8(ascii: "q"): return false
        default: break
        }
        return true
    }

    /// Pauses a replay, or the picture of live traffic; or continues.
    private func pause() {
        guard let replay = model.replay else {
            frozen = frozen == nil ? model : nil
            return
        }
        changeReplay(["paused": .boolean(!replay.isPaused)])
    }

    private func setSpeed(_ change: (Double) -> Double) {
        guard let replay = model.replay else { return }
        changeReplay(["speed": .number(change(replay.speed))])
    }

    private func changeReplay(_ members: KeyValuePairs<String, JSON?>) {
        // If the replay does not answer, the picture says that there is no news.
        try? LiveSource.change(.object(members), ofReplayAt: socket)
    }

    private func show(_ view: TopPicture.View) {
        picture.view = view
        picture.showsHelp = false
    }
}
